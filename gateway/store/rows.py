"""Rows in and out: reading a record, saving what changed of it, numbering its events."""

import json
import sqlite3
from collections.abc import Iterable
from functools import lru_cache
from operator import attrgetter
from typing import Any

from contract.words import EventName, JobState
from gateway.rules import timeline
from gateway.rules.admission import Load
from gateway.rules.job import JobRecord
from gateway.rules.views import job_view
from gateway.store import attempts
from gateway.store.schema import COLUMNS
from gateway.store.seam import StoredEvent
from gateway.store.writer import Tx
from kit.strict_json import encode

FIELDS = ", ".join(COLUMNS)
JOB_BY_SEQ = f"SELECT {FIELDS} FROM jobs WHERE seq = ?"  # noqa: S608 - column names of a dataclass
JOB_BY_UUID = f"SELECT {FIELDS} FROM jobs WHERE uuid = ?"  # noqa: S608
INSERT_JOB = f"INSERT INTO jobs({FIELDS}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608
LOAD = "SELECT user, scheduled, queued, running, ready, users_ready FROM tenants WHERE user IN ('', ?)"
NEXT_EVENT = "UPDATE tenants SET last_event = last_event + 1 WHERE user = ? RETURNING last_event"
INSERT_EVENT = "INSERT INTO events(user, seq, name, at, job, delivery, offset, data) VALUES (?,?,?,?,?,?,?,?)"

_STATE = COLUMNS.index("state")
NOTHING = (0, 0, 0, 0, 0)
_values = attrgetter(*COLUMNS)


class StaleRow(Exception):
    """A row changed hands between being read and being saved: two writers on one file."""


def record(row: Iterable[Any]) -> JobRecord:
    """A row of `FIELDS` as a record."""
    values = list(row)
    values[_STATE] = JobState(values[_STATE])
    return JobRecord(*values)


def one(tx: Tx, sql: str, *parameters: object) -> JobRecord | None:
    """The job that a `FIELDS` query finds."""
    row = tx.execute(sql, parameters).fetchone()
    return record(row) if row else None


def insert(tx: Tx, job: JobRecord) -> None:
    """Add a job."""
    tx.execute(INSERT_JOB, _values(job))
    note_deadlines(tx, job)


def note_deadlines(tx: Tx, job: JobRecord) -> None:
    """Tell the reaper when this row wants it. Retention is not noted: it may be as late as the reaper's next round."""
    if job.due_at is not None:
        tx.falls_due(job.due_at - tx.now.wall)
    if job.lease_until is not None:
        tx.falls_due(job.lease_until - tx.now.steady)
    if job.gives_up_at is not None:
        tx.falls_due(job.gives_up_at - tx.now.wall)


@lru_cache(maxsize=256)
def _update(changed: tuple[str, ...]) -> str:
    return f"UPDATE jobs SET {', '.join(f'{column} = ?' for column in changed)} WHERE seq = ? AND token IS ?"  # noqa: S608


def save(tx: Tx, before: JobRecord, after: JobRecord) -> JobRecord:
    """Write the columns that differ, if the row still holds the token it was read with.

    Raises:
        StaleRow: it does not.
    """
    changed = [(column, new) for column, old, new in zip(COLUMNS, _values(before), _values(after), strict=True) if old != new]
    if changed:
        columns, values = zip(*changed, strict=True)
        if tx.execute(_update(columns), (*values, before.seq, before.token)).rowcount != 1:
            raise StaleRow(before.uuid_text)
        note_deadlines(tx, after)
    return after


def emit(
    tx: Tx, user: str, job: int, name: EventName, data: dict[str, Any], *, delivery: int | None = None, offset: int | None = None
) -> None:
    """Add one event to the user's sequence. Output keeps its text in `outputs` alone: `offset` tells where."""
    seq = tx.execute(NEXT_EVENT, (user,)).fetchone()[0]
    stored = {key: value for key, value in data.items() if key != "text"} if name is EventName.JOB_OUTPUT else data
    tx.execute(INSERT_EVENT, (user, seq, name, tx.now.wall, job, delivery, offset, encode(stored).decode()))
    tx.events.append(StoredEvent(user, seq, name, tx.now.wall, data))


def emit_job(tx: Tx, source: str, job: JobRecord) -> None:
    """Tell the user that their job changed."""
    emit(tx, job.user, job.seq, EventName.JOB_UPDATED, job_view(source, job))


def move(tx: Tx, source: str, before: JobRecord, after: JobRecord) -> JobRecord:
    """Save and tell. An attempt that ends without its engine's word is written down."""
    save(tx, before, after)
    attempt = timeline.unreported(before, after, tx.now)
    if attempt is not None:
        attempts.keep(tx, before.seq, attempt)
    emit_job(tx, source, after)
    return after


def tombstone(job: JobRecord) -> str:
    """What is kept of a deleted job while its idempotency key lives: the row, without words that jobs produced."""
    values = {column: getattr(job, column) for column in COLUMNS if column != "error_message"}
    values["uuid"] = job.uuid.hex()
    return json.dumps(values)


def from_tombstone(text: str) -> JobRecord:
    """Read what `tombstone` wrote."""
    values = json.loads(text)
    values["uuid"] = bytes.fromhex(values["uuid"])
    values["state"] = JobState(values["state"])
    return JobRecord(error_message=None, **values)


def load(connection: sqlite3.Connection, user: str | None, *, later: bool = False) -> Load:
    """The queue as a user's next job would find it; see `Load`."""
    counts = {name: rest for name, *rest in connection.execute(LOAD, (user,)).fetchall()}
    scheduled, queued, running, ready, users_ready = counts[""]
    own = counts.get(user or "no user", NOTHING)
    return Load(scheduled, queued, running, ready, users_ready, own[0] + own[1], own[3], later)
