"""metrics.db: one row a minute for a day of charts, and one a month for availability. Losing it loses charts, nothing else."""

import asyncio
import contextlib
import dataclasses
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

from gateway.rules.slo import Point, Switched, Tally
from gateway.store.database import Database, connected
from gateway.store.files import FileRefused, Layout, inspect, lay_out, make_private
from kit.logs import Log

log = Log("store.minutes")
KEEP_US = 24 * 3600 * 1_000_000

DDL = """
CREATE TABLE minutes(at INTEGER PRIMARY KEY, point TEXT NOT NULL) STRICT;
CREATE TABLE months(month TEXT PRIMARY KEY, on_s REAL NOT NULL, ready_s REAL NOT NULL) STRICT, WITHOUT ROWID;
-- Wall time up to which the gateway was alive, and whether it has ended in order since.
CREATE TABLE alive(one INTEGER PRIMARY KEY CHECK(one = 1), at INTEGER NOT NULL, ended INTEGER NOT NULL) STRICT;
"""


class MinutesRefused(FileRefused):
    """metrics.db is not ours."""


LAYOUT = Layout(0x464C574D, 1, "metrics file", MinutesRefused)  # "FLWM"


class Minutes:
    """Every method is one transaction; a write raises StorageFull or StorageFailed when it cannot be kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, at: int, point: Point | None, month: str, span: Switched) -> None:
        """Keep that the gateway is alive at a wall time, the minute that ends then, and what that adds to its month (`2026-11`).

        What is older than a day is forgotten.
        """
        async with self._database.transaction() as tx:
            if point is not None:
                await tx.write("INSERT OR REPLACE INTO minutes(at, point) VALUES (?,?)", (at, json.dumps(dataclasses.asdict(point))))
            await tx.write("DELETE FROM minutes WHERE at < ?", (at - KEEP_US,))
            await tx.write(
                "INSERT INTO months(month, on_s, ready_s) VALUES (?,?,?)"
                " ON CONFLICT(month) DO UPDATE SET on_s = on_s + excluded.on_s, ready_s = ready_s + excluded.ready_s",
                (month, span.on_s, span.ready_s),
            )
            await tx.write("INSERT OR REPLACE INTO alive(one, at, ended) VALUES (1,?,0)", (at,))

    async def ended(self, at: int) -> None:
        """The gateway ends in order."""
        await self._database.write("INSERT OR REPLACE INTO alive(one, at, ended) VALUES (1,?,1)", (at,))

    async def died(self) -> int | None:
        """Wall time until which the last run was alive, if it did not end in order."""
        rows = await self._database.rows("SELECT at FROM alive WHERE NOT ended")
        return rows[0][0] if rows else None

    async def points(self, since: int) -> list[Point]:
        """Minutes that ended at or after a wall time, oldest first."""
        rows = await self._database.rows("SELECT point FROM minutes WHERE at >= ? ORDER BY at", (since,))
        return [_point(text) for (text,) in rows]

    async def month(self, month: str) -> Switched:
        """What is known of a month."""
        rows = await self._database.rows("SELECT on_s, ready_s FROM months WHERE month = ?", (month,))
        return Switched(*rows[0]) if rows else Switched()


def _point(text: str) -> Point:
    told = json.loads(text)
    return Point(**{**told, "tally": Tally(**told["tally"])})


@contextlib.asynccontextmanager
async def open_minutes(path: Path) -> AsyncIterator[Minutes]:
    """Open or make metrics.db. One that cannot be used is put aside: charts are not worth a gateway that does not start."""
    await asyncio.to_thread(_prepare, path)
    async with connected(str(path)) as database:
        yield Minutes(database)


def _prepare(path: Path) -> None:
    try:
        if inspect(path, LAYOUT):
            return
    except MinutesRefused as refusal:
        log.warning("metrics.put_aside", reason=str(refusal))
        for part in path.parent.glob(f"{path.name}*"):
            part.replace(part.with_name(f"{part.name}.refused"))
    make_private(path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        lay_out(connection, DDL, LAYOUT)
