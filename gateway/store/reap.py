"""What time alone does to a queue: promote, expire, take back, forget. Every batch is bounded."""

from collections.abc import Callable

from contract.words import EventName
from gateway.rules import life
from gateway.rules.job import JobRecord
from gateway.rules.views import job_id_of
from gateway.store.rows import FIELDS, emit, move, record, tombstone
from gateway.store.seam import Reaped, StoreLimits
from gateway.store.writer import Tx
from kit.clock import Now

BATCH = 500

DUE = f"SELECT {FIELDS} FROM jobs WHERE due_at IS NOT NULL AND due_at <= ? ORDER BY due_at LIMIT {BATCH}"  # noqa: S608
EXPIRING = f"""SELECT {FIELDS} FROM jobs
WHERE expires_at IS NOT NULL AND deliveries = 0 AND finished_at IS NULL AND expires_at <= ? ORDER BY expires_at LIMIT {BATCH}"""  # noqa: S608
OVERDUE = f"SELECT {FIELDS} FROM jobs WHERE lease_until IS NOT NULL AND lease_until <= ? ORDER BY lease_until LIMIT {BATCH}"  # noqa: S608
OLD = f"SELECT {FIELDS} FROM jobs WHERE finished_at IS NOT NULL AND finished_at <= ? ORDER BY finished_at LIMIT {BATCH}"  # noqa: S608
FORGET = (
    # Keys come in the order in which they are forgotten: the oldest few tell whether any is due.
    f"""DELETE FROM idempotency WHERE job IN
  (SELECT job FROM (SELECT job, forget_at FROM idempotency WHERE job > 0 ORDER BY job LIMIT {BATCH}) WHERE forget_at <= ?)""",  # noqa: S608
    f"DELETE FROM receipts WHERE token IN (SELECT token FROM receipts WHERE forget_at <= ? ORDER BY forget_at LIMIT {BATCH})",  # noqa: S608
    f"""DELETE FROM claims WHERE (instance, attempt_id) IN
(SELECT instance, attempt_id FROM claims WHERE forget_at <= ? ORDER BY forget_at LIMIT {BATCH})""",  # noqa: S608
)
FORGET_NEWS = f"DELETE FROM events WHERE (user, seq) IN (SELECT user, seq FROM events WHERE job = 0 AND at <= ? ORDER BY at LIMIT {BATCH})"  # noqa: S608
NEXT_WALL = """
SELECT min(at) FROM (
  SELECT min(due_at) AS at FROM jobs WHERE due_at IS NOT NULL
  UNION ALL SELECT min(expires_at) FROM jobs WHERE expires_at IS NOT NULL AND deliveries = 0 AND finished_at IS NULL
  UNION ALL SELECT min(finished_at) + :keep FROM jobs WHERE finished_at IS NOT NULL
)"""
NEXT_LEASE = "SELECT min(lease_until) FROM jobs WHERE lease_until IS NOT NULL"
FORGETTING = """SELECT 1 FROM idempotency UNION ALL SELECT 1 FROM receipts UNION ALL SELECT 1 FROM claims
UNION ALL SELECT 1 FROM events WHERE job = 0 LIMIT 1"""
HOUSEKEEPING_US = 15 * 60 * 1_000_000  # keys, receipts and replays are forgotten late rather than on the dot
BURY = "UPDATE idempotency SET tombstone = ? WHERE job = ?"
DELETE_JOB = "DELETE FROM jobs WHERE seq = ?"


def reap(tx: Tx, source: str, limits: StoreLimits, reap_from: int) -> Reaped:
    """One batch of everything due; leases only once steady time has passed `reap_from`."""
    promoted = _each(tx, source, DUE, tx.now.wall, life.promoted)
    expired = _each(tx, source, EXPIRING, tx.now.wall, life.expired)
    lost = _each(tx, source, OVERDUE, tx.now.steady, life.lease_lost) if tx.now.steady >= reap_from else 0
    deleted = 0
    for row in tx.execute(OLD, (tx.now.wall - limits.keep_final_us,)).fetchall():
        delete(tx, source, record(row))
        deleted += 1
    forgotten = max(tx.execute(sql, (tx.now.wall,)).rowcount for sql in FORGET)
    forgotten = max(forgotten, tx.execute(FORGET_NEWS, (tx.now.wall - limits.keep_final_us,)).rowcount)
    if deleted:
        tx.execute("PRAGMA incremental_vacuum(64)").fetchall()
    more = max(promoted, expired, lost, deleted, forgotten) >= BATCH
    return Reaped(promoted, expired, lost, deleted, more, next_in(tx, limits, reap_from))


def _each(tx: Tx, source: str, sql: str, until: int, change: Callable[[JobRecord, Now], JobRecord]) -> int:
    rows = tx.execute(sql, (until,)).fetchall()
    for row in rows:
        job = record(row)
        move(tx, source, job, change(job, tx.now))
    return len(rows)


def next_in(tx: Tx, limits: StoreLimits, reap_from: int) -> int | None:
    """Microseconds until `reap` has work again."""
    waits = []
    wall = tx.execute(NEXT_WALL, {"keep": limits.keep_final_us}).fetchone()[0]
    if wall is not None:
        waits.append(wall - tx.now.wall)
    lease = tx.execute(NEXT_LEASE).fetchone()[0]
    if lease is not None:
        waits.append(max(lease, reap_from) - tx.now.steady)
    if tx.execute(FORGETTING).fetchone():
        waits.append(HOUSEKEEPING_US)
    return max(0, min(waits)) if waits else None


def delete(tx: Tx, source: str, job: JobRecord) -> None:
    """Remove a finished job with bodies and events; its key stays known until its own time is over."""
    tx.execute(BURY, (tombstone(job), job.seq))
    tx.execute(DELETE_JOB, (job.seq,))
    emit(tx, job.user, 0, EventName.JOB_UPDATED, {"id": job_id_of(source, job), "deleted": True})
