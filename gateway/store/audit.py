"""audit.db: an append-only, hash-chained file. Triggers keep mistakes out; the chain shows what a stranger did."""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from gateway.rules.audit import GENESIS, Checkpoint, Entry, Verdict, link, signed_text, verify
from gateway.store.files import FileRefused, Layout, inspect, lay_out, make_private

CHECKPOINT_EVERY = 100
DDL = """
CREATE TABLE audit_event(
  seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, body BLOB NOT NULL, prev BLOB NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE TABLE checkpoint(seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, signature BLOB NOT NULL) STRICT;
CREATE TRIGGER audit_changed BEFORE UPDATE ON audit_event BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_removed BEFORE DELETE ON audit_event BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_placed BEFORE INSERT ON audit_event
WHEN new.seq <> 1 + (SELECT coalesce(max(seq), 0) FROM audit_event)
  OR new.prev <> coalesce((SELECT hash FROM audit_event ORDER BY seq DESC LIMIT 1), zeroblob(32)) BEGIN
  SELECT raise(ABORT, 'the audit log is append-only');
END;
"""
LAST = "SELECT seq, hash FROM audit_event ORDER BY seq DESC LIMIT 1"
INSERT = "INSERT INTO audit_event(seq, at_ms, body, prev, hash) VALUES (?,?,?,?,?)"
INSERT_CHECKPOINT = "INSERT INTO checkpoint(seq, hash, signature) VALUES (?,?,?) ON CONFLICT DO NOTHING"
ALL = "SELECT seq, at_ms, body, prev, hash FROM audit_event ORDER BY seq"
NEWEST = "SELECT seq, at_ms, body, prev, hash FROM audit_event WHERE seq < ? ORDER BY seq DESC LIMIT ?"
CHECKPOINTS = "SELECT seq, hash, signature FROM checkpoint ORDER BY seq"


class AuditRefused(FileRefused):
    """audit.db must not be opened."""


LAYOUT = Layout(0x464C5741, 1, "audit log", AuditRefused)  # "FLWA"


class AuditNotWritten(Exception):
    """A record could not be written; nothing was."""


class AuditFile:
    """One connection under one lock; every append is durable when it returns. Methods block: call them in a thread."""

    def __init__(self, connection: sqlite3.Connection, sign: Callable[[bytes], bytes]) -> None:
        self._connection = connection
        self._sign = sign
        self._lock = threading.Lock()

    def append(self, at_ms: int, body: bytes) -> int:
        """Add a record; its number.

        Raises:
            AuditNotWritten.
        """
        with self._lock, self._transaction():
            last, prev = self._head()
            seq = last + 1
            head = link(seq, at_ms, prev, body)
            self._connection.execute(INSERT, (seq, at_ms, body, prev, head))
            if seq % CHECKPOINT_EVERY == 0:
                self._checkpoint(seq, head)
            return seq

    def seal(self) -> None:
        """Sign the chain as it stands."""
        with self._lock, self._transaction():
            seq, head = self._head()
            if seq:
                self._checkpoint(seq, head)

    def newest(self, before: int, limit: int) -> list[Entry]:
        """Records with `seq < before`, newest first."""
        with self._lock:
            return [Entry(*row) for row in self._connection.execute(NEWEST, (before, limit)).fetchall()]

    def verify(self, signature_holds: Callable[[bytes, bytes], bool]) -> Verdict:
        """Read the whole chain."""
        with self._lock:
            checkpoints = [Checkpoint(*row) for row in self._connection.execute(CHECKPOINTS).fetchall()]
            return verify((Entry(*row) for row in self._connection.execute(ALL)), checkpoints, signature_holds)

    def _head(self) -> tuple[int, bytes]:
        return self._connection.execute(LAST).fetchone() or (0, GENESIS)

    def _checkpoint(self, seq: int, head: bytes) -> None:
        self._connection.execute(INSERT_CHECKPOINT, (seq, head, self._sign(signed_text(seq, head))))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise AuditNotWritten(str(error)) from error

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()


def open_audit(path: Path, sign: Callable[[bytes], bytes]) -> AuditFile:
    """Open or make audit.db.

    Raises:
        AuditRefused: damaged, or written by a newer Flowork.
    """
    exists = inspect(path, LAYOUT)
    make_private(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if not exists:
        lay_out(connection, DDL, LAYOUT)
    return AuditFile(connection, sign)
