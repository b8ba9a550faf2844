"""control.db: hashes of the tokens that may read the metrics."""

import sqlite3
from dataclasses import dataclass

from contract.errors import MetricsTokenTaken
from gateway.store.database import Database

DDL = """
CREATE TABLE metrics_tokens(
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, digest BLOB NOT NULL, added_at INTEGER NOT NULL
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class MetricsTokenRow:
    """What is kept of a token."""

    id: str
    name: str
    digest: bytes
    """SHA-256 of the whole token."""
    added_at: int
    """Wall time, microseconds."""


class MetricsTokens:
    """Every method is one transaction; see `Database` for what a write raises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[MetricsTokenRow]:
        """Every token, oldest first."""
        rows = await self._database.rows("SELECT id, name, digest, added_at FROM metrics_tokens ORDER BY added_at, id")
        return [MetricsTokenRow(*row) for row in rows]

    async def add(self, row: MetricsTokenRow) -> None:
        """Keep a new one.

        Raises:
            MetricsTokenTaken: there is one of that name.
        """
        try:
            await self._database.write(
                "INSERT INTO metrics_tokens(id, name, digest, added_at) VALUES (?,?,?,?)", (row.id, row.name, row.digest, row.added_at)
            )
        except sqlite3.IntegrityError as error:
            raise MetricsTokenTaken from error

    async def remove(self, token_id: str) -> None:
        """Forget one."""
        await self._database.write("DELETE FROM metrics_tokens WHERE id = ?", (token_id,))
