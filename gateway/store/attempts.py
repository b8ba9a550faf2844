"""The timeline's rows: one for each attempt that has ended, written in the transaction that ends it."""

import json
import sqlite3
from typing import Any

from contract import limits
from contract.words import AttemptOutcome
from gateway.rules.timeline import AttemptRecord, Phase
from gateway.store.writer import Tx

# An attempt that seemed lost may end after all: then its beginning stays as it was (`rules.timeline.note`).
KEEP = """
INSERT INTO attempts(job, delivery, attempt, instance, ready_at, started_at, ended_at, outcome, code, phases) VALUES (?,?,?,?,?,?,?,?,?,?)
ON CONFLICT(job, delivery) DO UPDATE SET
  attempt = excluded.attempt, ended_at = excluded.ended_at, outcome = excluded.outcome, code = excluded.code, phases = excluded.phases"""
FORGET = "DELETE FROM attempts WHERE job = ? AND delivery <= ?"
OF_JOB = """
SELECT delivery, attempt, instance, ready_at, started_at, ended_at, outcome, code, phases FROM attempts WHERE job = ? ORDER BY delivery"""


def keep(tx: Tx, job: int, attempt: AttemptRecord) -> None:
    """Write down an attempt that has ended; of one job the latest 100 are kept."""
    phases = json.dumps([[phase.name, phase.began_ms, phase.took_ms] for phase in attempt.phases]) if attempt.phases else "[]"
    row = (attempt.instance, attempt.ready_at, attempt.started_at, attempt.ended_at, attempt.outcome, attempt.code, phases)
    tx.execute(KEEP, (job, attempt.delivery, attempt.attempt, *row))
    if attempt.delivery > limits.ATTEMPTS_KEPT:
        tx.execute(FORGET, (job, attempt.delivery - limits.ATTEMPTS_KEPT))


def of_job(connection: sqlite3.Connection, job: int) -> tuple[AttemptRecord, ...]:
    """Oldest first."""
    return tuple(map(_record, connection.execute(OF_JOB, (job,)).fetchall()))


def _record(row: tuple[Any, ...]) -> AttemptRecord:
    *beginning, outcome, code, phases = row
    delivery, attempt, instance, ready_at, started_at, ended_at = beginning
    timed = tuple(Phase(*phase) for phase in json.loads(phases))
    return AttemptRecord(delivery, attempt, instance, ready_at, started_at, ended_at, AttemptOutcome(outcome), code, timed)
