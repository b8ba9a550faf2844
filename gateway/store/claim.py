"""Claim: hand out jobs, and settle what the instance says it holds."""

import json
from collections.abc import Callable, Sequence

from gateway.rules import life, reconcile
from gateway.rules.job import JobRecord
from gateway.rules.reconcile import Holding, Unreported
from gateway.store.rows import FIELDS, JOB_BY_UUID, emit_job, move, one, record, save
from gateway.store.seam import Claim, Granted, HeldLease
from gateway.store.writer import Tx

LEASE_NEXT = f"""
UPDATE jobs SET state = 'running', token = :token, lapsed = NULL, instance = :instance, lease_until = :until, granted_at = :steady,
  missed = 0, started_at = :wall, attempt = attempt + 1, deliveries = deliveries + 1, progress = NULL, output_len = 0, log_len = 0
WHERE seq = (
  SELECT (
    SELECT job.seq FROM jobs job
    WHERE job.state = 'queued' AND job.due_at IS NULL AND job.user = tenant.user AND job.kind IN (SELECT value FROM json_each(:kinds))
    ORDER BY job.priority, job.seq LIMIT 1
  ) AS candidate
  FROM tenants tenant WHERE tenant.in_turn = 1 AND candidate IS NOT NULL ORDER BY tenant.turn LIMIT 1
)
RETURNING {FIELDS}
"""  # noqa: S608 - column names of a dataclass
TAKE_TURN = "UPDATE tenants SET turn = ? WHERE user = ?"
PAYLOAD = "SELECT payload FROM bodies WHERE job = ?"
REPLAY = "SELECT tokens FROM claims WHERE instance = ? AND attempt_id = ?"
REMEMBER = "INSERT INTO claims(instance, attempt_id, tokens, forget_at) VALUES (?,?,?,?)"
HELD_BY = f"SELECT {FIELDS} FROM jobs WHERE instance = ?"  # noqa: S608


class Turns:
    """Numbers the turns of the round robin; read once from the file, then counted in memory by the one writer."""

    def __init__(self, last: int) -> None:
        self._last = last

    def next(self) -> int:
        self._last += 1
        return self._last


def lease_next(tx: Tx, source: str, claim: Claim, turns: Turns, *, lease_us: int, random_bytes: Callable[[int], bytes]) -> Granted | None:
    """Lease the next job of the user whose turn it is; None when nothing fits."""
    parameters = {
        "token": random_bytes(16),
        "instance": claim.instance,
        "until": tx.now.steady + lease_us,
        "steady": tx.now.steady,
        "wall": tx.now.wall,
        "kinds": json.dumps(claim.kinds),
    }
    row = tx.execute(LEASE_NEXT, parameters).fetchone()
    if row is None:
        return None
    job = record(row)
    tx.execute(TAKE_TURN, (turns.next(), job.user))
    tx.falls_due(lease_us)
    emit_job(tx, source, job)
    return Granted(job, tx.execute(PAYLOAD, (job.seq,)).fetchone()[0])


def lease_up_to(
    tx: Tx, source: str, claim: Claim, turns: Turns, *, lease_us: int, answer_bytes: int, random_bytes: Callable[[int], bytes]
) -> tuple[Granted, ...]:
    """Lease until `max`, until nothing waits, or until the answer is full; never lease what the answer can't carry."""
    granted: list[Granted] = []
    size = 0
    while len(granted) < claim.max and (not granted or size <= answer_bytes):
        lease = lease_next(tx, source, claim, turns, lease_us=lease_us, random_bytes=random_bytes)
        if lease is None:
            break
        granted.append(lease)
        size += len(lease.payload)
    return tuple(granted)


def remember(tx: Tx, claim: Claim, leases: Sequence[Granted], keep_us: int) -> None:
    """Keep what this attempt was given, so that asking again gives the same."""
    tokens = json.dumps([[lease.job.uuid.hex(), lease.job.token.hex()] for lease in leases if lease.job.token])
    tx.execute(REMEMBER, (claim.instance, claim.attempt_id, tokens, tx.now.wall + keep_us))


def replay(tx: Tx, claim: Claim) -> tuple[Granted, ...] | None:
    """The leases this attempt was given before and still holds; None when it is new."""
    row = tx.execute(REPLAY, (claim.instance, claim.attempt_id)).fetchone()
    if row is None:
        return None
    granted = []
    for uuid, token in json.loads(row[0]):
        job = one(tx, JOB_BY_UUID, bytes.fromhex(uuid))
        if job is not None and job.token == bytes.fromhex(token):
            granted.append(Granted(job, tx.execute(PAYLOAD, (job.seq,)).fetchone()[0]))
    return tuple(granted)


def settle(tx: Tx, source: str, claim: Claim, given: Sequence[Granted]) -> tuple[list[bytes], list[bytes], bool]:
    """Compare what the instance names with what it holds.

    Returns:
        UUIDs it lost, UUIDs it should cancel, and whether a job became claimable again.
    """
    lost, cancel, _ = hold(tx, source, claim.instance, claim.running, lease_us=None)
    named = {lease.uuid for lease in claim.running} | {lease.job.uuid for lease in given}
    freed = False
    for row in tx.execute(HELD_BY, (claim.instance,)).fetchall():
        job = record(row)
        if job.uuid in named:
            if job.missed:
                save(tx, job, life.renewed(job, lease_us=0, now=tx.now))
            continue
        freed |= _unnamed(tx, source, job, claim.began)
    return lost, cancel, freed


def _unnamed(tx: Tx, source: str, job: JobRecord, began: int) -> bool:
    match reconcile.unreported(job, began):
        case Unreported.GIVE_BACK:
            move(tx, source, job, life.returned(job, tx.now))
            return True
        case Unreported.COUNT:
            tx.execute("UPDATE jobs SET missed = missed + 1 WHERE seq = ?", (job.seq,))
        case Unreported.WAIT:
            pass
    return False


def take_back(tx: Tx, source: str, instances: Sequence[str]) -> int:
    """Take every lease from these instances; how many there were."""
    jobs = [record(row) for instance in instances for row in tx.execute(HELD_BY, (instance,)).fetchall()]
    for job in jobs:
        move(tx, source, job, life.taken_back(job, tx.now))
    return len(jobs)


def hold(
    tx: Tx, source: str, instance: str, leases: Sequence[HeldLease], *, lease_us: int | None
) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Judge named leases; with `lease_us` also extend them.

    Returns:
        UUIDs that are lost, that should be cancelled, and that were extended.
    """
    lost: list[bytes] = []
    cancel: list[bytes] = []
    extended: list[bytes] = []
    for lease in leases:
        job = one(tx, JOB_BY_UUID, lease.uuid)
        verdict = reconcile.holding(job, lease.token)
        if job is None or verdict is Holding.LOST:
            lost.append(lease.uuid)
            continue
        if job.cancel_at is not None:
            cancel.append(lease.uuid)
        if lease_us is not None:
            if verdict is Holding.LAPSED:
                move(tx, source, job, life.revived(job, instance=instance, lease_us=lease_us, now=tx.now))
            else:
                save(tx, job, life.renewed(job, lease_us=lease_us, now=tx.now))
            extended.append(lease.uuid)
    return lost, cancel, extended
