"""control.db: which engine was chosen for a submit that left it open, so that its repetition goes there too."""

import json
from collections.abc import Iterable, Mapping

from gateway.store.database import Database

DDL = """
CREATE TABLE choices(
  user TEXT NOT NULL, key TEXT NOT NULL, engine TEXT NOT NULL, forget_at INTEGER NOT NULL, PRIMARY KEY(user, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX choices_forget ON choices(forget_at);
"""
KNOWN = "SELECT key, engine FROM choices WHERE user = ? AND key IN (SELECT value FROM json_each(?))"
KEEP = """INSERT INTO choices(user, key, engine, forget_at)
SELECT ?, json_extract(value, '$[0]'), json_extract(value, '$[1]'), ? FROM json_each(?) WHERE true
ON CONFLICT(user, key) DO UPDATE SET forget_at = excluded.forget_at
RETURNING key, engine"""
FORGET_MAX = 1000
FORGET = f"""DELETE FROM choices WHERE (user, key) IN
  (SELECT user, key FROM choices WHERE forget_at <= ? ORDER BY forget_at LIMIT {FORGET_MAX})"""  # noqa: S608


class Choices:
    """Choices by user and idempotency key. Every method is one transaction; see `Database` for what a write raises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self, user: str, keys: Iterable[str]) -> dict[str, str]:
        """Key -> engine, of those that were chosen before."""
        return dict(await self._database.rows(KNOWN, (user, json.dumps(list(keys)))))

    async def keep(self, user: str, chosen: Mapping[str, str], now: int, forget_at: int) -> dict[str, str]:
        """Remember key -> engine until wall time `forget_at`; the engines that count, which are the ones chosen first.

        What is over by `now` is forgotten here, more in a transaction than can come in.
        """
        async with self._database.transaction() as tx:
            await tx.write(FORGET, (now,))
            return dict(await tx.rows(KEEP, (user, forget_at, json.dumps(list(chosen.items())))))
