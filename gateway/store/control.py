"""control.db: engines. Small and rarely written.

`people.py`, `installations.py`, `memberships.py`, `choices.py`, `rollouts.py`, `metrics_tokens.py`, `grants.py`, `budgets.py` and
`api_keys.py` keep theirs in it too.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from contract.errors import EngineNameTaken
from gateway.store import api_keys, budgets, choices, grants, installations, memberships, metrics_tokens, people, rollouts
from gateway.store.database import Database, connected
from gateway.store.files import FileRefused, Layout, inspect, lay_out, make_private

DDL = """
CREATE TABLE engines(
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, added_at INTEGER NOT NULL,
  shard_made INTEGER NOT NULL DEFAULT 0,
  -- The wall time at which a closed shard wants to be opened again; 0 while it is open, so that a crash reads as "at once".
  wake_at INTEGER,
  -- The owner wants it drained, until told otherwise.
  paused INTEGER NOT NULL DEFAULT 0,
  -- Shown by name in the public status.
  public INTEGER NOT NULL DEFAULT 0
) STRICT;
-- In which queues a user has ever had a job: where to look for their jobs and events.
CREATE TABLE sources(user TEXT NOT NULL, engine TEXT NOT NULL, PRIMARY KEY(user, engine)) STRICT, WITHOUT ROWID;
"""


class ControlRefused(FileRefused):
    """control.db must not be opened."""


LAYOUT = Layout(0x464C5743, 5, "control database", ControlRefused)  # "FLWC"


@dataclass(frozen=True, slots=True)
class EngineRow:
    """One engine."""

    id: str
    name: str
    shard_made: bool
    wake_at: int | None
    paused: bool = False
    public: bool = False


class Control:
    """The control database. Every method is one transaction; a write raises StorageFull or StorageFailed when it cannot be kept."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.installations = installations.Installations(database)
        self.memberships = memberships.Memberships(database)
        self.choices = choices.Choices(database)
        self.rollouts = rollouts.Rollouts(database)
        self.pauses = rollouts.Pauses(database)
        self.metrics_tokens = metrics_tokens.MetricsTokens(database)
        self.grants = grants.GrantRows(database)
        self.budgets = budgets.BudgetRows(database)
        self.api_keys = api_keys.ApiKeyRows(database)

    async def add_engine(self, engine_id: str, name: str, at: int) -> None:
        """Make an engine.

        Raises:
            EngineNameTaken: the name is in use.
        """
        try:
            await self._database.write("INSERT INTO engines(id, name, added_at) VALUES (?,?,?)", (engine_id, name, at))
        except sqlite3.IntegrityError as error:
            raise EngineNameTaken(f"An engine named {name} exists. Choose another name.") from error

    async def engines(self) -> list[EngineRow]:
        """All engines, oldest first."""
        rows = await self._database.rows("SELECT id, name, shard_made, wake_at, paused, public FROM engines ORDER BY added_at, id")
        return [
            EngineRow(engine_id, name, bool(made), wake_at, bool(paused), bool(public))
            for engine_id, name, made, wake_at, paused, public in rows
        ]

    async def shard_opened(self, engine_id: str) -> None:
        """Note that the shard exists and is open."""
        await self._database.write("UPDATE engines SET shard_made = 1, wake_at = 0 WHERE id = ?", (engine_id,))

    async def shard_closed(self, engine_id: str, wake_at: int | None) -> None:
        """Note when a closed shard wants to be opened again; None for never."""
        await self._database.write("UPDATE engines SET wake_at = ? WHERE id = ?", (wake_at, engine_id))

    async def add_source(self, user: str, engine: str) -> None:
        """Note that a user has jobs in an engine's queue."""
        await self._database.write("INSERT INTO sources(user, engine) VALUES (?,?) ON CONFLICT DO NOTHING", (user, engine))

    async def sources(self) -> list[tuple[str, str]]:
        """Every (user, engine) noted."""
        return [(user, engine) for user, engine in await self._database.rows("SELECT user, engine FROM sources")]


@contextlib.asynccontextmanager
async def open_control(path: Path) -> AsyncIterator[tuple[Control, people.People]]:
    """Open or make control.db; its engines and its people.

    Raises:
        ControlRefused: damaged, something else, or written by a newer Flowork. The file is as it was.
    """
    await asyncio.to_thread(_prepare, path)
    async with connected(str(path)) as database:
        yield Control(database), people.People(database)


def _prepare(path: Path) -> None:
    if inspect(path, LAYOUT):
        return
    try:
        make_private(path)
        connection = sqlite3.connect(path, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise ControlRefused(f"{path.name} cannot be opened ({error})") from error
    with contextlib.closing(connection):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        parts = (installations, memberships, choices, rollouts, metrics_tokens, grants, budgets, api_keys)
        lay_out(connection, people.DDL + DDL + "".join(part.DDL for part in parts), LAYOUT)
