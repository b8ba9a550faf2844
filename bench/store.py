"""Full submits into one shard file (key look-up, job, body, event, admission), beside the bare disk and the bare CPU."""

import argparse
import asyncio
import importlib.util
import itertools
import random
import sqlite3
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from bench.common import surroundings
from contract import limits
from gateway.rules.admission import AdmissionLimits, Admit, Load, Reject, decide
from gateway.rules.job import Draft
from gateway.rules.life import Retry
from gateway.store import schema
from gateway.store.seam import Committed, StoreLimits
from gateway.store.shard import open_shard
from gateway.store.submit import Seqs, submit
from gateway.store.writer import BATCH_MAX, Tx
from kit.backoff import Backoff
from kit.clock import SECOND, SystemClock

CALLERS = (1, 16, 64)
ADMISSION = AdmissionLimits(hard_cap=10_000_000, drained_per_s=1000.0)
LIMITS = StoreLimits(
    lease_us=30 * SECOND,
    reap_grace_us=0,
    keep_final_us=3600 * SECOND,
    keep_idempotency_us=limits.IDEMPOTENCY_KEEP_S * SECOND,
    keep_receipts_us=3600 * SECOND,
    keep_claims_us=300 * SECOND,
    events_per_job=1000,
    answer_bytes=limits.MIB,
    retry=Retry(Backoff(1, 300), random.random),
)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=3.0, help="per number of callers (default: %(default)s)")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Floors first and last, so that a machine that changes its mind in between shows."""
    with tempfile.TemporaryDirectory(prefix="flowork-bench-") as scratch:
        folder = Path(scratch)
        floors = [disk_commits_per_s(folder / "disk-0.db", arguments.seconds / 2)]
        ceilings = [cpu_ceiling_per_s(folder / "cpu-0.db", arguments.seconds / 2)]
        rates, batches = {}, {}
        fast = importlib.util.find_spec("uvloop") is not None  # the kind of loop that the gateway runs in
        for callers in CALLERS:
            work = partial(full_submits, folder / f"callers-{callers}.db", callers, arguments.seconds)
            rates[str(callers)], batches[str(callers)] = anyio.run(work, backend_options={"use_uvloop": fast})
        floors.append(disk_commits_per_s(folder / "disk-1.db", arguments.seconds / 2))
        ceilings.append(cpu_ceiling_per_s(folder / "cpu-1.db", arguments.seconds / 2))
    floor, ceiling = statistics.mean(floors), statistics.mean(ceilings)
    return {
        "callers": rates,
        "mean_batch": batches,
        "disk_commits_per_s": round(floor),
        "cpu_ceiling_per_s": round(ceiling),
        "one_caller_over_disk": round(rates["1"] / floor, 3),
        "64_callers_over_cpu": round(rates["64"] / ceiling, 3),
        **surroundings({"seconds": arguments.seconds, "synchronous": "FULL", "batch_max": BATCH_MAX, "hard_cap": ADMISSION.hard_cap}),
        "raw": {"disk_commits_per_s": floors, "cpu_ceiling_per_s": ceilings},
    }


def judge(load: Load) -> Admit | Reject:
    return decide(load, ADMISSION)


def draft(number: int) -> Draft:
    return Draft("echo", b'{"sleep_ms":5}', 3, None, None, 3, 300.0, "00-" + "a" * 32 + "-" + "b" * 16 + "-01", f"key-{number}", b"f" * 32)


def disk_commits_per_s(path: Path, seconds: float) -> float:
    """A one-row table, one row a commit, everything else as in a shard."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE t(x INTEGER)")
    commits, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        connection.execute("INSERT INTO t VALUES (1)")
        commits += 1
    took = time.perf_counter() - began
    connection.close()
    return commits / took


def cpu_ceiling_per_s(path: Path, seconds: float) -> float:
    """The statements of a submit, 256 to a transaction, without threads or an event loop."""
    connection = schema.open_for_writing(path, fresh=True)
    clock, chance, numbers, seqs = SystemClock(), random.Random(1), itertools.count(), Seqs(0)
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        tx = Tx(connection, clock.now())
        tx.execute("BEGIN IMMEDIATE")
        for _ in range(256):
            submit(tx, "bench", "ann", draft(next(numbers)), judge, seqs=seqs, random_bytes=chance.randbytes, keep_key_us=SECOND)
        tx.execute("COMMIT")
    took = time.perf_counter() - began
    connection.close()
    return next(numbers) / took


async def full_submits(path: Path, callers: int, seconds: float) -> tuple[float, float]:
    """Submits a second, and calls a commit, of so many callers who each wait for their answer."""
    heard: list[int] = []

    def committed(commit: Committed) -> None:
        heard.append(len(commit.events))

    store = await open_shard(
        "bench", path, create=True, limits=LIMITS, clock=SystemClock(), random_bytes=random.Random(1).randbytes, on_commit=committed
    )
    numbers = itertools.count()
    ends = time.perf_counter() + seconds

    async def caller() -> int:
        done = 0
        while time.perf_counter() < ends:
            await store.submit("ann", [draft(next(numbers))], judge)
            done += 1
        return done

    began = time.perf_counter()
    done = sum(await asyncio.gather(*(caller() for _ in range(callers))))
    took = time.perf_counter() - began
    commits, calls = store.writer_stats
    await store.close()
    return round(done / took, 1), round(calls / commits, 2)
