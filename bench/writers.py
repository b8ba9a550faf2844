"""The same insert through our writer thread and through aiosqlite, with and without group commit (docs/adr/0003)."""

import argparse
import asyncio
import itertools
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiosqlite

from bench.common import surroundings
from gateway.store.writer import Tx, Writer
from kit.clock import SystemClock

CALLERS = (1, 16, 64)
SCHEMA = "CREATE TABLE jobs(id INTEGER PRIMARY KEY, key TEXT UNIQUE, body TEXT)"
LOOK = "SELECT id FROM jobs WHERE key = ?"
INSERT = "INSERT INTO jobs(key, body) VALUES (?, ?)"
ROUNDS = 3


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=1.0, help="per way and number of callers, three times (default: %(default)s)")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Medians of three alternating rounds."""
    ways = {"own_thread": own_thread, "aiosqlite": plain_aiosqlite}
    raw: dict[str, dict[str, list[float]]] = {name: {str(callers): [] for callers in CALLERS} for name in ways}
    with tempfile.TemporaryDirectory(prefix="flowork-bench-") as scratch:
        for turn, callers, (name, way) in itertools.product(range(ROUNDS), CALLERS, ways.items()):
            path = Path(scratch) / f"{name}-{callers}-{turn}.db"
            raw[name][str(callers)].append(asyncio.run(way(path, callers, arguments.seconds)))
    rates = {name: {callers: round(statistics.median(samples)) for callers, samples in by.items()} for name, by in raw.items()}
    return {
        **rates,
        "ratio": {callers: round(rates["own_thread"][callers] / rates["aiosqlite"][callers], 2) for callers in map(str, CALLERS)},
        **surroundings({"seconds": arguments.seconds, "rounds": ROUNDS, "synchronous": "FULL"}),
        "raw": raw,
    }


async def own_thread(path: Path, callers: int, seconds: float) -> float:
    """Our writer: one transaction for all who wait."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    _prepare(connection)
    writer = Writer(connection, SystemClock(), "bench", lambda _: None)

    def insert(key: str) -> Callable[[Tx], None]:
        def work(tx: Tx) -> None:
            if tx.execute(LOOK, (key,)).fetchone() is None:
                tx.execute(INSERT, (key, "body"))

        return work

    rate = await _rate(callers, seconds, lambda key: writer.run(insert(key)))
    await writer.close()
    return rate


async def plain_aiosqlite(path: Path, callers: int, seconds: float) -> float:
    """Aiosqlite as it is used: a lock around each transaction, because statements of different tasks share the connection."""
    made = sqlite3.connect(path, isolation_level=None)
    _prepare(made)
    made.close()
    lock = asyncio.Lock()
    async with aiosqlite.connect(path, isolation_level=None) as connection:
        await connection.execute("PRAGMA synchronous = FULL")

        async def insert(key: str) -> None:
            async with lock:
                await connection.execute("BEGIN IMMEDIATE")
                async with connection.execute(LOOK, (key,)) as cursor:
                    known = await cursor.fetchone()
                if known is None:
                    await connection.execute(INSERT, (key, "body"))
                await connection.execute("COMMIT")

        return await _rate(callers, seconds, insert)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(SCHEMA)


async def _rate(callers: int, seconds: float, insert: Callable[[str], Awaitable[None]]) -> float:
    numbers = itertools.count()
    began = time.perf_counter()

    async def caller() -> int:
        done = 0
        while time.perf_counter() - began < seconds:
            await insert(f"key-{next(numbers)}")
            done += 1
        return done

    done = sum(await asyncio.gather(*(caller() for _ in range(callers))))
    return done / (time.perf_counter() - began)
