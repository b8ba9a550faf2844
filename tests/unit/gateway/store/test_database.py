"""`gateway.store.database`: what belongs together takes effect together, whoever else writes meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contract.errors import StorageFull
from gateway.store.database import Database, connected


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with connected(str(tmp_path / "x.db")) as opened:
        await opened.write("CREATE TABLE t(x INTEGER)")
        yield opened


async def test_a_failed_transaction_leaves_nothing(database: Database):
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as tx:
            await tx.write("INSERT INTO t VALUES (1)")
            raise ZeroDivisionError
    assert await database.rows("SELECT x FROM t") == []


async def test_a_cancelled_transaction_leaves_nothing_and_lets_the_next_one_in(database: Database):
    inside = asyncio.Event()

    async def slow() -> None:
        async with database.transaction() as tx:
            await tx.write("INSERT INTO t VALUES (1)")
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(slow())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await database.write("INSERT INTO t VALUES (2)")
    assert await database.rows("SELECT x FROM t") == [(2,)]


async def test_a_strangers_statement_waits_until_a_transaction_has_ended(database: Database):
    async with database.transaction() as tx:
        await tx.write("INSERT INTO t VALUES (1)")
        reading = asyncio.create_task(database.rows("SELECT count(*) FROM t"))
        writing = asyncio.create_task(database.write("INSERT INTO t VALUES (3)"))
        done, _ = await asyncio.wait({reading, writing}, timeout=0.05)
        assert done == set()
        await tx.write("INSERT INTO t VALUES (2)")
    assert await reading == [(2,)]
    assert await writing == 1


async def test_a_full_disk_is_told_as_such(database: Database):
    ((pages,),) = await database.rows("PRAGMA page_count")
    await database.rows(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageFull):
        await database.write("INSERT INTO t VALUES (zeroblob(100000))")
