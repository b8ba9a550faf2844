"""control.db: which users may use which engine, and as what."""

from dataclasses import dataclass

from contract.words import Role
from gateway.store.database import Database

DDL = """
CREATE TABLE memberships(
  user TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE, engine TEXT NOT NULL REFERENCES engines(id),
  role TEXT NOT NULL CHECK(role IN ('viewer','runner','admin')),
  priority_ceiling INTEGER, added_at INTEGER NOT NULL,
  PRIMARY KEY(user, engine)
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Membership:
    """One user's place at one engine."""

    user: str
    engine: str
    role: Role
    priority_ceiling: int | None = None
    """The most urgent priority their jobs get; None does not limit."""


class Memberships:
    """Memberships. Every method is one transaction; see `Database` for what a write raises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Membership]:
        """Every membership, oldest first."""
        rows = await self._database.rows("SELECT user, engine, role, priority_ceiling FROM memberships ORDER BY added_at, user")
        return [Membership(user, engine, Role(role), ceiling) for user, engine, role, ceiling in rows]

    async def put(self, membership: Membership, at: int) -> None:
        """Add a membership, or change the one that is there."""
        await self._database.write(
            """INSERT INTO memberships(user, engine, role, priority_ceiling, added_at) VALUES (?,?,?,?,?)
            ON CONFLICT(user, engine) DO UPDATE SET role = excluded.role, priority_ceiling = excluded.priority_ceiling""",
            (membership.user, membership.engine, membership.role, membership.priority_ceiling, at),
        )

    async def remove(self, user: str, engine: str) -> None:
        """End a membership; harmless when there is none."""
        await self._database.write("DELETE FROM memberships WHERE user = ? AND engine = ?", (user, engine))
