"""Enqueue: key, admission, job, body and event in one transaction."""

from collections.abc import Callable

from gateway.rules import life
from gateway.rules.admission import Reject
from gateway.rules.job import Draft
from gateway.store.rows import JOB_BY_SEQ, emit_job, from_tombstone, insert, load, one
from gateway.store.seam import Accepted, Judge, KeyReused, Replayed, Submitted
from gateway.store.writer import Tx
from kit.ids import uuid7

KNOWN_KEY = "SELECT fingerprint, job, tombstone FROM idempotency WHERE user = ? AND key = ?"
INSERT_KEY = "INSERT INTO idempotency(user, key, fingerprint, job, forget_at) VALUES (?,?,?,?,?)"
LAST_SEQ = "SELECT max(coalesce((SELECT max(seq) FROM jobs), 0), coalesce((SELECT max(job) FROM idempotency), 0))"
INSERT_BODY = "INSERT INTO bodies(job, payload) VALUES (?, ?)"


class Seqs:
    """Numbers the jobs; read once from the file, then counted in memory by the one writer.

    A deleted job's number stays taken while its key is known. AUTOINCREMENT would be one more page in every submit.
    """

    def __init__(self, last: int) -> None:
        self._last = last

    def next(self) -> int:
        self._last += 1
        return self._last


def submit(
    tx: Tx, source: str, user: str, draft: Draft, judge: Judge, *, seqs: Seqs, random_bytes: Callable[[int], bytes], keep_key_us: int
) -> Submitted:
    """One draft; see `JobStore.submit`."""
    known = tx.execute(KNOWN_KEY, (user, draft.key)).fetchone()
    if known is not None:
        return _again(tx, draft, *known)
    verdict = judge(load(tx.connection, user, later=draft.run_at is not None and draft.run_at > tx.now.wall))
    if isinstance(verdict, Reject):
        return verdict
    uuid = uuid7(tx.now.wall, random_bytes).bytes
    job = life.accepted(draft, seq=seqs.next(), uuid=uuid, user=user, now=tx.now)
    insert(tx, job)
    tx.execute(INSERT_BODY, (job.seq, draft.payload))
    tx.execute(INSERT_KEY, (user, draft.key, draft.fingerprint, job.seq, tx.now.wall + keep_key_us))
    emit_job(tx, source, job)
    return Accepted(job)


def _again(tx: Tx, draft: Draft, fingerprint: bytes, seq: int, stone: str | None) -> Submitted:
    if fingerprint != draft.fingerprint:
        return KeyReused()
    if stone is not None:
        return Replayed(from_tombstone(stone))
    job = one(tx, JOB_BY_SEQ, seq)
    assert job is not None
    return Replayed(job)
