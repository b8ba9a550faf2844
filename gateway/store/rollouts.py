"""control.db: which versions of an engine were tried, and how that ended; and which engines are paused or public."""

from collections.abc import Sequence

from contract.words import EventName
from gateway.rules.rollout import Rollout, RolloutState
from gateway.store.database import Database
from gateway.store.people import tell
from gateway.store.seam import StoredEvent

DDL = """
CREATE TABLE rollouts(
  engine TEXT NOT NULL REFERENCES engines(id), version TEXT NOT NULL, percent INTEGER NOT NULL,
  state TEXT NOT NULL CHECK(state IN ('running','promoted','rolled_back','replaced')),
  started_at INTEGER NOT NULL, ended_at INTEGER, reason TEXT,
  PRIMARY KEY(engine, version)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX rollouts_one_runs ON rollouts(engine) WHERE state = 'running';
CREATE UNIQUE INDEX rollouts_one_rules ON rollouts(engine) WHERE state = 'promoted';
"""


class Rollouts:
    """Every method is one transaction; see `Database` for what a write raises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Rollout]:
        """Every version that was ever rolled out, oldest start first."""
        rows = await self._database.rows(
            "SELECT engine, version, percent, state, started_at, ended_at, reason FROM rollouts ORDER BY started_at, version"
        )
        return [
            Rollout(engine, version, percent, RolloutState(state), started_at, ended_at, reason)
            for engine, version, percent, state, started_at, ended_at, reason in rows
        ]

    async def put(self, rollout: Rollout) -> None:
        """Write one down, in place of an earlier one of that version. One that is promoted replaces the one that was."""
        async with self._database.transaction() as tx:
            if rollout.state is RolloutState.PROMOTED:
                statement = "UPDATE rollouts SET state = 'replaced' WHERE engine = ? AND state = 'promoted' AND version <> ?"
                await tx.write(statement, (rollout.engine, rollout.version))
            await tx.write(
                """INSERT INTO rollouts(engine, version, percent, state, started_at, ended_at, reason) VALUES (?,?,?,?,?,?,?)
                ON CONFLICT(engine, version) DO UPDATE SET percent = excluded.percent, state = excluded.state,
                  started_at = excluded.started_at, ended_at = excluded.ended_at, reason = excluded.reason""",
                (rollout.engine, rollout.version, rollout.percent, rollout.state, rollout.started_at, rollout.ended_at, rollout.reason),
            )


class Pauses:
    """What the owner decided about engines as a whole. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pause(
        self, engine: str | None, paused: bool, users: Sequence[str], at: int, data: dict[str, str | None]
    ) -> list[StoredEvent]:
        """Tell users of a change (`drain.changed`), and keep it where it is an engine's, together."""
        async with self._database.transaction() as tx:
            if engine is not None:
                await tx.write("UPDATE engines SET paused = ? WHERE id = ?", (int(paused), engine))
            return [await tell(tx, user, EventName.DRAIN_CHANGED, at, dict(data)) for user in users]

    async def publish(self, engine: str, public: bool) -> None:
        """Show an engine in the public status, or no longer."""
        await self._database.write("UPDATE engines SET public = ? WHERE id = ?", (int(public), engine))
