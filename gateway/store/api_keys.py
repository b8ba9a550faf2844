"""control.db: hashes of personal API keys."""

import json
import sqlite3
from dataclasses import dataclass

from contract.errors import ApiKeyTaken
from gateway.store.database import Database

DDL = """
-- Only digests are here. A key ends with its user; whether that user may still use the engine is asked at each request.
CREATE TABLE api_keys(
  id TEXT PRIMARY KEY, name TEXT NOT NULL, user TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  engine TEXT NOT NULL REFERENCES engines(id), kinds TEXT NOT NULL, digest BLOB NOT NULL, added_at INTEGER NOT NULL,
  -- To the minute; written rarely.
  used_at INTEGER,
  UNIQUE(user, name)
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class ApiKeyRow:
    """What is kept of a key. Times in wall microseconds."""

    id: str
    name: str
    user: str
    engine: str
    kinds: tuple[str, ...]
    digest: bytes
    """SHA-256 of the whole key."""
    added_at: int
    used_at: int | None = None


class ApiKeyRows:
    """Every method is one transaction; see `Database` for what a write raises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[ApiKeyRow]:
        """Every key, oldest first."""
        statement = "SELECT id, name, user, engine, kinds, digest, added_at, used_at FROM api_keys ORDER BY added_at, id"
        return [
            ApiKeyRow(key, name, user, engine, tuple(json.loads(kinds)), digest, added_at, used_at)
            for key, name, user, engine, kinds, digest, added_at, used_at in await self._database.rows(statement)
        ]

    async def add(self, row: ApiKeyRow) -> None:
        """Keep a new one.

        Raises:
            ApiKeyTaken: its user has one of that name.
        """
        values = (row.id, row.name, row.user, row.engine, json.dumps(row.kinds), row.digest, row.added_at)
        try:
            await self._database.write(
                "INSERT INTO api_keys(id, name, user, engine, kinds, digest, added_at) VALUES (?,?,?,?,?,?,?)", values
            )
        except sqlite3.IntegrityError as error:
            raise ApiKeyTaken from error

    async def used(self, key: str, at: int) -> None:
        """Note when it was used."""
        await self._database.write("UPDATE api_keys SET used_at = ? WHERE id = ?", (at, key))

    async def remove(self, key: str) -> None:
        """Forget one."""
        await self._database.write("DELETE FROM api_keys WHERE id = ?", (key,))
