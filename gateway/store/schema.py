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
  seq INTEGER PRIMARY KEY, -- numbered by `submit.Seqs`
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
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cost_micros INTEGER,
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

-- One row a user: jobs by state and how many are claimable (ready), round robin (in_turn, turn), event numbers.
-- The row '' counts all users together, in the page that a submit writes anyway; `users_ready` counts in it alone.
CREATE TABLE tenants(
  user TEXT PRIMARY KEY,
  scheduled INTEGER NOT NULL DEFAULT 0,
  queued INTEGER NOT NULL DEFAULT 0,
  running INTEGER NOT NULL DEFAULT 0,
  ready INTEGER NOT NULL DEFAULT 0,
  users_ready INTEGER NOT NULL DEFAULT 0,
  in_turn INTEGER NOT NULL DEFAULT 0,
  turn INTEGER NOT NULL DEFAULT 0,
  last_event INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
-- By a flag that seldom changes: an index by `ready > 0` would be written with every job.
CREATE INDEX tenants_turn ON tenants(turn) WHERE in_turn = 1;
INSERT INTO tenants(user) VALUES ('');

-- What a user's attempts took of providers on a UTC day (numbered from the epoch), written with the end of each.
CREATE TABLE spend(
  user TEXT NOT NULL, day INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cost_micros INTEGER,
  PRIMARY KEY(user, day)
) STRICT, WITHOUT ROWID;

-- How each attempt went, written at its end; phases: [[name, began_ms, took_ms], ...].
CREATE TABLE attempts(
  job INTEGER NOT NULL, delivery INTEGER NOT NULL, attempt INTEGER NOT NULL, instance TEXT, ready_at INTEGER,
  started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, outcome TEXT NOT NULL, code TEXT, phases TEXT NOT NULL,
  PRIMARY KEY(job, delivery)
) STRICT, WITHOUT ROWID;

CREATE TABLE events(
  user TEXT NOT NULL, seq INTEGER NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL,
  job INTEGER NOT NULL, delivery INTEGER, offset INTEGER, data TEXT NOT NULL,
  PRIMARY KEY(user, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_of_job ON events(job, at); -- job 0: news of deleted jobs

-- By job, which is also the order in which keys are forgotten.
CREATE TABLE idempotency(
  job INTEGER PRIMARY KEY, user TEXT NOT NULL, key TEXT NOT NULL, fingerprint BLOB NOT NULL, forget_at INTEGER NOT NULL,
  tombstone TEXT,
  UNIQUE(user, key)
) STRICT;
CREATE TABLE receipts(token BLOB PRIMARY KEY, job BLOB NOT NULL, report BLOB NOT NULL, forget_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX receipts_forget ON receipts(forget_at);
CREATE TABLE claims(
  instance TEXT NOT NULL, attempt_id TEXT NOT NULL, tokens TEXT NOT NULL, forget_at INTEGER NOT NULL,
  PRIMARY KEY(instance, attempt_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX claims_forget ON claims(forget_at);

-- Counted inside the database, so that no path of code can forget it.
CREATE TRIGGER job_in AFTER INSERT ON jobs BEGIN
  INSERT INTO tenants(user) VALUES (new.user) ON CONFLICT DO NOTHING;
  UPDATE tenants SET scheduled = scheduled + (new.state = 'scheduled'), queued = queued + (new.state = 'queued'),
    running = running + (new.state = 'running'), ready = ready + (new.state = 'queued' AND new.due_at IS NULL)
    WHERE user IN ('', new.user);
END;
CREATE TRIGGER job_moved AFTER UPDATE OF state, due_at ON jobs
WHEN new.state <> old.state OR (new.due_at IS NULL) <> (old.due_at IS NULL) BEGIN
  UPDATE tenants SET scheduled = scheduled + (new.state = 'scheduled') - (old.state = 'scheduled'),
    queued = queued + (new.state = 'queued') - (old.state = 'queued'),
    running = running + (new.state = 'running') - (old.state = 'running'),
    ready = ready + (new.state = 'queued' AND new.due_at IS NULL) - (old.state = 'queued' AND old.due_at IS NULL)
    WHERE user IN ('', new.user);
END;
CREATE TRIGGER job_gone AFTER DELETE ON jobs WHEN old.finished_at IS NULL BEGIN
  UPDATE tenants SET scheduled = scheduled - (old.state = 'scheduled'), queued = queued - (old.state = 'queued'),
    running = running - (old.state = 'running'), ready = ready - (old.state = 'queued' AND old.due_at IS NULL)
    WHERE user IN ('', old.user);
END;
CREATE TRIGGER user_ready AFTER UPDATE OF ready ON tenants WHEN new.user <> '' AND (new.ready > 0) <> (old.ready > 0) BEGIN
  UPDATE tenants SET in_turn = (new.ready > 0) WHERE user = new.user;
  UPDATE tenants SET users_ready = users_ready + (new.ready > 0) - (old.ready > 0) WHERE user = '';
END;
CREATE TRIGGER job_out AFTER DELETE ON jobs BEGIN
  DELETE FROM bodies WHERE job = old.seq;
  DELETE FROM results WHERE job = old.seq;
  DELETE FROM outputs WHERE job = old.seq;
  DELETE FROM attempts WHERE job = old.seq;
  DELETE FROM events WHERE job = old.seq;
END;
"""


class ShardRefused(FileRefused):
    """A queue's file must not be opened."""


LAYOUT: Final = Layout(0x464C5751, 4, "queue", ShardRefused)  # "FLWQ"


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
