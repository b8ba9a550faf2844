"""Finish and append: what an engine reports of a running job."""

import hashlib
import json
from dataclasses import replace

from contract.words import AppendStatus, EventName, FinishStatus, Outcome
from gateway.rules import life, reconcile, timeline
from gateway.rules.job import JobRecord
from gateway.rules.life import Retry
from gateway.rules.reconcile import Holding
from gateway.rules.spending import with_taken
from gateway.rules.views import job_view, said_by
from gateway.store import attempts, spend
from gateway.store.rows import JOB_BY_UUID, emit, emit_job, one, save
from gateway.store.seam import Append, Appended, Report
from gateway.store.writer import Tx

RECEIPT = "SELECT job, report FROM receipts WHERE token = ?"
INSERT_RECEIPT = "INSERT INTO receipts(token, job, report, forget_at) VALUES (?,?,?,?)"
SET_RESULT = "INSERT INTO results(job, result) VALUES (?, ?) ON CONFLICT(job) DO UPDATE SET result = excluded.result"
INSERT_OUTPUT = "INSERT INTO outputs(job, delivery, offset, text) VALUES (?,?,?,?)"
FORGET_OLD_EVENT = """
DELETE FROM events WHERE (user, seq) IN (SELECT user, seq FROM events WHERE job = ? AND name = 'job.log' ORDER BY at LIMIT 1)
"""


def finish(tx: Tx, source: str, report: Report, retry: Retry, keep_receipt_us: int) -> FinishStatus:
    """End an attempt once. The receipt is written with the change, so that a repeated report is known for what it is."""
    digest = _digest(report)
    receipt = tx.execute(RECEIPT, (report.token,)).fetchone()
    if receipt is not None:
        return FinishStatus.OK if receipt == (report.uuid, digest) else FinishStatus.CONFLICT
    job = one(tx, JOB_BY_UUID, report.uuid)
    verdict = reconcile.holding(job, report.token)
    if job is None or verdict is Holding.LOST:
        return FinishStatus.LOST
    took = spend.taken(report.usage)
    after = save(tx, job, with_taken(life.finished(job, report.outcome, report.failure, retry, tx.now), took))
    emit_job(tx, source, after)
    if took:
        spend.add(tx, job.user, took)
    if report.usage is not None:
        tx.usages.append(report.usage)
    attempts.keep(tx, job.seq, timeline.reported(job, after, report.outcome, report.phases, tx.now))
    if report.outcome is Outcome.SUCCEEDED:
        tx.execute(SET_RESULT, (job.seq, report.result if report.result is not None else b"null"))
    tx.execute(INSERT_RECEIPT, (report.token, report.uuid, digest, tx.now.wall + keep_receipt_us))
    return FinishStatus.OK


def _digest(report: Report) -> bytes:
    failure = report.failure
    told = None if failure is None else [failure.code, failure.message, failure.retryable, failure.retry_after_s]
    whole = hashlib.sha256(json.dumps([report.outcome, told]).encode())
    whole.update(report.result or b"")
    return whole.digest()


def append(tx: Tx, source: str, item: Append, events_per_job: int) -> Appended:
    """Add what one job said, all of it or nothing."""
    job = one(tx, JOB_BY_UUID, item.uuid)
    if job is None or job.token != item.token:
        return Appended(AppendStatus.LOST)
    off = (item.output is not None and item.output[0] != job.output_len) or (item.log is not None and item.log[0] != job.log_len)
    if off:
        return Appended(AppendStatus.OFFSET, job.output_len, job.log_len)
    updated = job
    if item.output is not None:
        updated = _output(tx, source, updated, item.output[1])
    if item.log is not None:
        updated = _log(tx, source, updated, item.log[1], events_per_job)
    if item.progress is not None:
        updated = replace(updated, progress=item.progress)
    save(tx, job, updated)
    if item.progress is not None:
        emit(tx, job.user, job.seq, EventName.JOB_UPDATED, job_view(source, updated))
    return Appended(AppendStatus.OK, updated.output_len, updated.log_len)


def _output(tx: Tx, source: str, job: JobRecord, text: str) -> JobRecord:
    tx.execute(INSERT_OUTPUT, (job.seq, job.deliveries, job.output_len, text))
    data = {**said_by(source, job), "offset": job.output_len, "text": text}
    emit(tx, job.user, job.seq, EventName.JOB_OUTPUT, data, delivery=job.deliveries, offset=job.output_len)
    return replace(job, output_len=job.output_len + len(text.encode()))


def _log(tx: Tx, source: str, job: JobRecord, lines: tuple[dict[str, str], ...], events_per_job: int) -> JobRecord:
    data = {**said_by(source, job), "offset": job.log_len, "lines": list(lines)}
    emit(tx, job.user, job.seq, EventName.JOB_LOG, data)
    if job.events >= events_per_job:
        tx.execute(FORGET_OLD_EVENT, (job.seq,))
    return replace(job, log_len=job.log_len + len(lines), events=min(job.events + 1, events_per_job))
