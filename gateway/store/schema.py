"""The layout of a shard file, and the check before it is opened for writing."""

import sqlite3
from dataclasses import fields
from pathlib import Path
from typing import Final

from gateway.rules.job import JobRecord
from gateway.store.files import FileRefused, Layout, lay_out, make_private

COLUMNS: Final = tuple(field.name for field in fields(JobRecord))

DDL: Final = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('epoch', 1);

CREATE TABLE jobs(
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid BLOB NOT NULL UNIQUE,
  user TEXT NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL CHECK(state IN ('scheduled','queued','running','succeeded','dead','cancelled','expired')),
  priority INTEGER NOT NULL CHECK(priority BETWEEN 1 AND 5),
  due_at INTEGER,
  expires_at INTEGER,
  attempt INTEGER NOT NULL,
  deliveries INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  timeout_s REAL NOT NULL,
  token BLOB,
  lapsed BLOB,
  instance TEXT,
  lease_until INTEGER,
  granted_at INTEGER,
  missed INTEGER NOT NULL,
  cancel_at INTEGER,
  submitted_at INTEGER NOT NULL,
  ready_at INTEGER,
  started_at INTEGER,
  finished_at INTEGER,
  progress REAL,
  error_code TEXT,
  error_message TEXT,
  traceparent TEXT NOT NULL,
  output_len INTEGER NOT NULL,
  log_len INTEGER NOT NULL,
  events INTEGER NOT NULL,
  CHECK((state = 'running') = (token IS NOT NULL)),
  CHECK((state = 'running') = (lease_until IS NOT NULL)),
  CHECK((finished_at IS NULL) = (state IN ('scheduled','queued','running'))),
  CHECK(due_at IS NULL OR state IN ('scheduled','queued')),
  CHECK(state <> 'scheduled' OR due_at IS NOT NULL)
) STRICT;
CREATE INDEX jobs_ready ON jobs(user, priority, seq) WHERE state = 'queued' AND due_at IS NULL;
CREATE INDEX jobs_due ON jobs(due_at) WHERE due_at IS NOT NULL;
CREATE INDEX jobs_expiring ON jobs(expires_at) WHERE expires_at IS NOT NULL AND deliveries = 0 AND finished_at IS NULL;
CREATE INDEX jobs_leased ON jobs(lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX jobs_held ON jobs(instance) WHERE instance IS NOT NULL;
CREATE INDEX jobs_final ON jobs(finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_of_user ON jobs(user, uuid);

CREATE TABLE bodies(job INTEGER PRIMARY KEY, payload BLOB NOT NULL) STRICT;
CREATE TABLE results(job INTEGER PRIMARY KEY, result BLOB NOT NULL) STRICT;
CREATE TABLE outputs(
  job INTEGER NOT NULL, delivery INTEGER NOT NULL, offset INTEGER NOT NULL, text TEXT NOT NULL,
  PRIMARY KEY(job, delivery, offset)
) STRICT, WITHOUT ROWID;

-- One row a user: round robin (turn, ready), event numbers, and nothing else.
CREATE TABLE tenants(
  user TEXT PRIMARY KEY,
  ready INTEGER NOT NULL DEFAULT 0,
  turn INTEGER NOT NULL DEFAULT 0,
  last_event INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX tenants_turn ON tenants(turn) WHERE ready > 0;

CREATE TABLE totals(state TEXT PRIMARY KEY, jobs INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO totals VALUES ('scheduled', 0), ('queued', 0), ('running', 0);

CREATE TABLE events(
  user TEXT NOT NULL, seq INTEGER NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL,
  job INTEGER NOT NULL, delivery INTEGER, offset INTEGER, data TEXT NOT NULL,
  PRIMARY KEY(user, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_of_job ON events(job, at); -- job 0: news of deleted jobs

CREATE TABLE idempotency(
  user TEXT NOT NULL, key TEXT NOT NULL, fingerprint BLOB NOT NULL, job INTEGER NOT NULL, forget_at INTEGER NOT NULL,
  tombstone TEXT,
  PRIMARY KEY(user, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_forget ON idempotency(forget_at);
CREATE INDEX idempotency_of_job ON idempotency(job);
CREATE TABLE receipts(token BLOB PRIMARY KEY, job BLOB NOT NULL, report BLOB NOT NULL, forget_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX receipts_forget ON receipts(forget_at);
CREATE TABLE claims(
  instance TEXT NOT NULL, attempt_id TEXT NOT NULL, tokens TEXT NOT NULL, forget_at INTEGER NOT NULL,
  PRIMARY KEY(instance, attempt_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX claims_forget ON claims(forget_at);

-- Counted inside the database, so that no path of code can forget it.
CREATE TRIGGER job_in AFTER INSERT ON jobs BEGIN
  INSERT INTO tenants(user, ready) VALUES (new.user, new.state = 'queued' AND new.due_at IS NULL)
    ON CONFLICT(user) DO UPDATE SET ready = ready + excluded.ready;
  UPDATE totals SET jobs = jobs + 1 WHERE state = new.state;
END;
CREATE TRIGGER job_moved AFTER UPDATE OF state, due_at ON jobs
WHEN new.state <> old.state OR (new.due_at IS NULL) <> (old.due_at IS NULL) BEGIN
  UPDATE tenants SET ready = ready + (new.state = 'queued' AND new.due_at IS NULL) - (old.state = 'queued' AND old.due_at IS NULL)
    WHERE user = new.user;
  UPDATE totals SET jobs = jobs + (state = new.state) - (state = old.state) WHERE state IN (new.state, old.state);
END;
CREATE TRIGGER job_out AFTER DELETE ON jobs BEGIN
  UPDATE tenants SET ready = ready - (old.state = 'queued' AND old.due_at IS NULL) WHERE user = old.user;
  UPDATE totals SET jobs = jobs - 1 WHERE state = old.state;
  DELETE FROM bodies WHERE job = old.seq;
  DELETE FROM results WHERE job = old.seq;
  DELETE FROM outputs WHERE job = old.seq;
  DELETE FROM events WHERE job = old.seq;
END;
"""


class ShardRefused(FileRefused):
    """A queue's file must not be opened."""


LAYOUT: Final = Layout(0x464C5751, 1, "queue", ShardRefused)  # "FLWQ"


def open_for_writing(path: Path, fresh: bool) -> sqlite3.Connection:
    """The one connection that writes: WAL, every commit on disk before it returns.

    `fresh` makes the layout first.
    """
    make_private(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    if fresh:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA busy_timeout = 5000")  # a safety net: the lock file keeps every other writer out
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA journal_size_limit = 8388608")
    if fresh:
        lay_out(connection, DDL, LAYOUT)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that can't write."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA busy_timeout = 5000")
    return connection
