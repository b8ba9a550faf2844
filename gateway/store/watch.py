"""Reads for people: one job, a page of jobs, the events that were missed."""

import json
import sqlite3
from typing import Any

from contract.words import EventName
from gateway.rules.job import JobRecord
from gateway.store import attempts
from gateway.store.rows import FIELDS, record
from gateway.store.seam import Detail, Filter, StoredEvent

JOB_OF_USER = f"SELECT {FIELDS} FROM jobs WHERE uuid = ? AND user = ?"  # noqa: S608 - column names of a dataclass
PAGE = f"""SELECT {FIELDS} FROM jobs
WHERE user = :user AND uuid < :before
  AND (:states IS NULL OR state IN (SELECT value FROM json_each(:states))) AND (:kind IS NULL OR kind = :kind)
ORDER BY uuid DESC LIMIT :limit"""  # noqa: S608
EVERYBODYS_PAGE = f"""SELECT {FIELDS} FROM jobs
WHERE uuid < :before AND (:user IS NULL OR user = :user)
  AND (:states IS NULL OR state IN (SELECT value FROM json_each(:states))) AND (:kind IS NULL OR kind = :kind)
  AND (:text IS NULL OR instr(lower(kind), :text) OR instr(lower(hex(uuid)), :hex) OR instr(traceparent, :text)
    OR user IN (SELECT value FROM json_each(:named)))
ORDER BY uuid DESC LIMIT :limit"""  # noqa: S608
USER_OF = "SELECT user FROM jobs WHERE uuid = ?"
LOG_OF = """
SELECT event.user, event.seq, event.name, event.at, event.data, NULL
FROM events event JOIN jobs job ON event.job = job.seq
WHERE job.uuid = ? AND event.name = 'job.log' ORDER BY event.seq"""
EVENTS = """
SELECT event.user, event.seq, event.name, event.at, event.data, output.text
FROM events event
LEFT JOIN outputs output
  ON event.name = 'job.output' AND output.job = event.job AND output.delivery = event.delivery AND output.offset = event.offset
WHERE event.user = ? AND event.seq > ? ORDER BY event.seq LIMIT ?"""
LAST_EVENT = "SELECT last_event FROM tenants WHERE user = ?"
OUTPUT = "SELECT text FROM outputs WHERE job = ? AND delivery = ? ORDER BY offset"
LAST_TO_WRITE = "SELECT max(delivery) FROM outputs WHERE job = ?"
PURGEABLE = f"""SELECT {FIELDS} FROM jobs
WHERE user = :user AND finished_at IS NOT NULL AND state IN (SELECT value FROM json_each(:states))
  AND (:before IS NULL OR finished_at < :before) ORDER BY uuid LIMIT :limit"""  # noqa: S608

AFTER_ALL_UUIDS = b"\xff" * 17


def detail(connection: sqlite3.Connection, user: str, uuid: bytes) -> Detail | None:
    """One job with its bodies."""
    row = connection.execute(JOB_OF_USER, (uuid, user)).fetchone()
    if row is None:
        return None
    job = record(row)
    payload = connection.execute("SELECT payload FROM bodies WHERE job = ?", (job.seq,)).fetchone()[0]
    result = connection.execute("SELECT result FROM results WHERE job = ?", (job.seq,)).fetchone()
    delivery = connection.execute(LAST_TO_WRITE, (job.seq,)).fetchone()[0]
    chunks = connection.execute(OUTPUT, (job.seq, delivery)).fetchall() if delivery is not None else []
    text = "".join(chunk for (chunk,) in chunks)
    return Detail(job, payload, result[0] if result else None, delivery, text, attempts.of_job(connection, job.seq))


def page(connection: sqlite3.Connection, user: str, before: bytes | None, limit: int, where: Filter) -> list[JobRecord]:
    """Newest first."""
    parameters = {"user": user, **_wanted(before, limit, where)}
    return [record(row) for row in connection.execute(PAGE, parameters).fetchall()]


def everybodys(connection: sqlite3.Connection, before: bytes | None, limit: int, where: Filter) -> list[JobRecord]:
    """Newest first."""
    parameters = {
        "user": where.user,
        "text": where.text,
        "hex": where.hex,
        "named": json.dumps(where.named),
        **_wanted(before, limit, where),
    }
    return [record(row) for row in connection.execute(EVERYBODYS_PAGE, parameters).fetchall()]


def _wanted(before: bytes | None, limit: int, where: Filter) -> dict[str, Any]:
    states = json.dumps(where.states) if where.states else None
    return {"before": before or AFTER_ALL_UUIDS, "states": states, "kind": where.kind, "limit": limit}


def user_of(connection: sqlite3.Connection, uuid: bytes) -> str | None:
    """Whose job it is."""
    row = connection.execute(USER_OF, (uuid,)).fetchone()
    return row[0] if row else None


def log_of(connection: sqlite3.Connection, uuid: bytes) -> list[StoredEvent]:
    """In order."""
    return [_event(row) for row in connection.execute(LOG_OF, (uuid,)).fetchall()]


def events(connection: sqlite3.Connection, user: str, after: int, limit: int) -> list[StoredEvent]:
    """In order; the text of output is joined in from where it lies once."""
    return [_event(row) for row in connection.execute(EVENTS, (user, after, limit)).fetchall()]


def _event(row: tuple[Any, ...]) -> StoredEvent:
    user, seq, name, at, data, text = row
    content = json.loads(data)
    if name == EventName.JOB_OUTPUT:
        content["text"] = text or ""
    return StoredEvent(user, seq, EventName(name), at, content)


def last_event(connection: sqlite3.Connection, user: str) -> int:
    """0 for a user without events."""
    row = connection.execute(LAST_EVENT, (user,)).fetchone()
    return row[0] if row else 0
