"""control.db: what the owner said of who may submit which kinds to which engine."""

from contract.words import Role
from gateway.store.database import Database

DDL = """
-- The least role that may submit a kind; NULL: nobody. Kinds without a row go by their own default.
CREATE TABLE grants(
  engine TEXT NOT NULL REFERENCES engines(id), kind TEXT NOT NULL, role TEXT CHECK(role IN ('runner','admin')),
  PRIMARY KEY(engine, kind)
) STRICT, WITHOUT ROWID;
"""


class GrantRows:
    """Every method is one transaction; see `Database` for what a write raises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> dict[str, dict[str, Role | None]]:
        """By engine, then kind."""
        found: dict[str, dict[str, Role | None]] = {}
        for engine, kind, role in await self._database.rows("SELECT engine, kind, role FROM grants"):
            found.setdefault(engine, {})[kind] = None if role is None else Role(role)
        return found

    async def put(self, engine: str, kind: str, role: Role | None) -> None:
        """Say it of one kind, in place of what was said before."""
        await self._database.write(
            "INSERT INTO grants(engine, kind, role) VALUES (?,?,?) ON CONFLICT(engine, kind) DO UPDATE SET role = excluded.role",
            (engine, kind, role),
        )
