"""Enqueue: key, admission, job, body and event in one transaction."""

from collections.abc import Callable
from dataclasses import replace

from gateway.rules import life
from gateway.rules.admission import Load, Reject
from gateway.rules.job import Draft
from gateway.store.rows import JOB_BY_SEQ, emit_job, from_tombstone, insert, load_totals, one
from gateway.store.seam import Accepted, Judge, KeyReused, Replayed, Submitted
from gateway.store.writer import Tx
from kit.ids import uuid7

KNOWN_KEY = "SELECT fingerprint, job, tombstone FROM idempotency WHERE user = ? AND key = ?"
INSERT_KEY = "INSERT INTO idempotency(user, key, fingerprint, job, forget_at) VALUES (?,?,?,?,?)"
INSERT_BODY = "INSERT INTO bodies(job, payload) VALUES (?, ?)"


def submit(
    tx: Tx, source: str, user: str, draft: Draft, judge: Judge, *, random_bytes: Callable[[int], bytes], keep_key_us: int
) -> Submitted:
    """One draft; see `JobStore.submit`."""
    known = tx.execute(KNOWN_KEY, (user, draft.key)).fetchone()
    if known is not None:
        return _again(tx, draft, *known)
    totals = load_totals(tx.connection)
    verdict = judge(Load(totals["scheduled"], totals["queued"], totals["running"]))
    if isinstance(verdict, Reject):
        return verdict
    uuid = uuid7(tx.now.wall, random_bytes).bytes
    job = life.accepted(draft, seq=0, uuid=uuid, user=user, now=tx.now)
    seq = insert(tx, job)
    job = replace(job, seq=seq)
    tx.execute(INSERT_BODY, (seq, draft.payload))
    tx.execute(INSERT_KEY, (user, draft.key, draft.fingerprint, seq, tx.now.wall + keep_key_us))
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
