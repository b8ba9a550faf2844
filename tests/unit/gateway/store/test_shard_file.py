"""The file of a queue: who may open it, what is refused and left as it was, what survives."""

import asyncio
import hashlib
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from contract.errors import GatewayStopping, StorageFull
from contract.words import FinishStatus, JobState
from gateway.store import reap, schema
from gateway.store.schema import ShardRefused
from gateway.store.seam import Accepted
from kit.clock import SECOND
from tests.support.clock import ManualClock
from tests.support.queue import GRACE_S, LEASE_S, Queue, admit, draft, file_queue, held, limits, reopen, report

HOLD_THE_LOCK = """
import sys, pathlib
from kit.files import exclusive_lock
with exclusive_lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def content(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.suffix != ".lock"}


async def filled(path: Path) -> Path:
    async with file_queue(path) as queue:
        await queue.submit()
    return path


async def test_the_file_is_its_owners_alone(tmp_path: Path):
    path = await filled(tmp_path / "shard.db")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_every_commit_is_synced(tmp_path: Path):
    async with file_queue(tmp_path / "shard.db") as queue:
        connection = queue.store._writer._connection
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_another_process_that_has_the_file_keeps_us_out(tmp_path: Path):
    path = await filled(tmp_path / "shard.db")
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_LOCK, str(path.with_suffix(".db.lock"))], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"held\n"
    with pytest.raises(ShardRefused, match="in use by another process"):
        await reopen(path, ManualClock(), [])
    other.communicate()
    store = await reopen(path, ManualClock(), [])
    await store.close()


async def damaged(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[4096:12288] = b"\xde\xad" * 4096
    path.write_bytes(raw)


async def newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {schema.LAYOUT.version + 1}")
    connection.close()


async def not_a_queue(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine(x)")
    connection.close()


async def not_a_database(path: Path) -> None:
    path.write_bytes(b"my diary\n" * 1000)


async def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (damaged, "damaged"),
        (newer, "layout 5"),
        (not_a_queue, "not a Flowork queue"),
        (not_a_database, "damaged"),
        (cut_short, "damaged"),
    ],
)
@pytest.mark.parametrize("create", [True, False])
async def test_a_file_that_is_not_right_is_refused_and_left_as_it_was(tmp_path: Path, harm, reason: str, create: bool):
    path = await filled(tmp_path / "shard.db")
    await harm(path)
    before = content(tmp_path)
    with pytest.raises(ShardRefused, match=reason):
        await reopen(path, ManualClock(), [], create=create)
    assert content(tmp_path) == before


async def test_a_missing_file_is_not_made_anew(tmp_path: Path):
    with pytest.raises(ShardRefused, match="missing"):
        await reopen(tmp_path / "shard.db", ManualClock(), [])
    assert content(tmp_path) == {}


async def test_a_file_that_was_emptied_is_not_filled_anew(tmp_path: Path):
    path = await filled(tmp_path / "shard.db")
    path.write_bytes(b"")
    with pytest.raises(ShardRefused, match="empty"):
        await reopen(path, ManualClock(), [])
    assert path.read_bytes() == b""


async def test_what_a_crash_left_of_a_first_start_is_no_obstacle(tmp_path: Path):
    path = tmp_path / "shard.db"
    path.touch()
    store = await reopen(path, ManualClock(), [], create=True)
    await store.close()


async def test_what_was_acknowledged_is_there_after_a_crash(tmp_path: Path):
    copy = tmp_path / "copy.db"
    async with file_queue(tmp_path / "shard.db") as queue:
        jobs = [await queue.submit() for _ in range(20)]
        shutil.copyfile(tmp_path / "shard.db", copy)
        shutil.copyfile(tmp_path / "shard.db-wal", copy.with_name("copy.db-wal"))
        clock = queue.clock
    store = await reopen(copy, clock, [])
    for job in jobs:
        assert await store.job("ann", job.uuid) is not None
    await store.close()


async def test_an_engine_that_kept_working_through_a_restart_keeps_its_job(tmp_path: Path):
    async with file_queue(tmp_path / "shard.db") as queue:
        await queue.submit()
        lease = await queue.lease()
    queue.clock.advance(LEASE_S + 100)  # the gateway was away for longer than the lease
    store = await reopen(tmp_path / "shard.db", queue.clock, [])
    assert (await store.reap()).lost == 0
    assert (await store.renew("i-1", [held(lease)])).extended == (lease.job.uuid,)
    await store.close()


async def test_leases_end_at_last_after_a_reboot_that_set_the_steady_clock_back(tmp_path: Path):
    async with file_queue(tmp_path / "shard.db") as queue:
        job = await queue.submit()
        await queue.lease()
    rebooted = ManualClock()
    rebooted.wall, rebooted.steady = queue.clock.wall + 60 * SECOND, 5 * SECOND
    store = await reopen(tmp_path / "shard.db", rebooted, [])
    rebooted.advance(LEASE_S)
    assert (await store.reap()).lost == 1
    again = Queue(store, rebooted)
    assert (await again.state(job)).state is JobState.QUEUED
    await store.close()


async def test_grace_after_opening_is_counted_from_the_opening(tmp_path: Path):
    async with file_queue(tmp_path / "shard.db") as queue:
        await queue.submit()
        await queue.lease()
        queue.clock.advance(LEASE_S - 1)
    store = await reopen(tmp_path / "shard.db", queue.clock, [])
    queue.clock.advance(GRACE_S - 0.1)
    assert (await store.reap()).lost == 0
    queue.clock.advance(0.1)
    assert (await store.reap()).lost == 1
    await store.close()


async def test_a_full_disk_refuses_the_job_and_loses_nothing_acknowledged(tmp_path: Path):
    async with file_queue(tmp_path / "shard.db") as queue:
        lease_of = await queue.submit()
        lease = await queue.lease()
        connection = queue.store._writer._connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 20}")
        accepted = []
        with pytest.raises(StorageFull):
            for n in range(1000):
                (outcome,) = await queue.store.submit("ann", [draft(f"big-{n}", payload=b'"' + b"x" * 9000 + b'"')], admit)
                assert isinstance(outcome, Accepted)
                accepted.append(outcome.job)
        assert accepted
        for job in (lease_of, *accepted):
            assert await queue.store.job("ann", job.uuid) is not None
        connection.execute("PRAGMA max_page_count = 1000000")
        assert await queue.store.finish(report(lease)) is FinishStatus.OK
        (outcome,) = await queue.store.submit("ann", [draft(f"big-{len(accepted)}")], admit)
        assert isinstance(outcome, Accepted), "the key of the refused submit must be free"


async def test_one_call_that_does_not_fit_does_not_take_its_neighbours_along(tmp_path: Path):
    async with file_queue(tmp_path / "shard.db") as queue:
        connection = queue.store._writer._connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 30}")
        big = queue.store.submit("ann", [draft("big", payload=b'"' + b"x" * 900_000 + b'"')], admit)
        small = [queue.store.submit("ann", [draft(f"small-{n}")], admit) for n in range(4)]
        outcomes = await asyncio.gather(big, *small, return_exceptions=True)
        assert isinstance(outcomes[0], StorageFull)
        assert [type(outcome[0]) for outcome in outcomes[1:]] == [Accepted] * 4


async def test_callers_that_come_together_share_one_commit(tmp_path: Path):
    async with file_queue(tmp_path / "shard.db") as queue:
        commits, calls = queue.store.writer_stats
        await asyncio.gather(*(queue.submit(key=f"k{n}") for n in range(16)))
        after, after_calls = queue.store.writer_stats
        assert (after - commits, after_calls - calls) == (1, 16)


async def test_a_caller_that_went_away_harms_nobody(tmp_path: Path):
    async with file_queue(tmp_path / "shard.db") as queue:
        tasks = [asyncio.ensure_future(queue.submit(key=f"k{n}")) for n in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(done[1], asyncio.CancelledError)
        assert (await queue.store.load()).queued == 3  # its job was on the way and is durable; its key says so to a retry


async def test_closing_commits_what_was_handed_in_and_refuses_what_comes_after(tmp_path: Path):
    async with file_queue(tmp_path / "shard.db") as queue:
        handed_in = asyncio.ensure_future(queue.submit())
        await asyncio.sleep(0)
        await queue.store.close()
        await handed_in
        with pytest.raises(GatewayStopping):
            await queue.submit()


async def test_a_deleted_jobs_number_is_given_to_nobody_while_its_key_is_known(tmp_path: Path):
    """The key is kept under the job's number: a second job with it could not be taken in after a start."""
    path = tmp_path / "shard.db"
    async with file_queue(path) as queue:
        job = await queue.submit(key="k")
        await queue.store.cancel("ann", job.uuid)
        await queue.store.delete("ann", job.uuid)
    store = await reopen(path, ManualClock(), [])
    (taken, again) = await store.submit("ann", [draft("other"), draft("k")], admit)
    assert taken.job.seq > job.seq
    assert again.job.uuid == job.uuid
    await store.close()


async def test_keys_are_forgotten_oldest_first_however_many_are_due(tmp_path: Path):
    async with file_queue(tmp_path / "shard.db", limits(keep_idempotency_us=60 * SECOND)) as queue:
        await queue.store.submit("ann", [draft(f"old-{n}") for n in range(reap.BATCH + 1)], admit)
        queue.clock.advance(30)
        await queue.submit(key="young")
        queue.clock.advance(30)
        assert (await queue.store.reap()).more
        assert not (await queue.store.reap()).more
        known = queue.store._reading.execute("SELECT key FROM idempotency").fetchall()
        assert known == [("young",)]
