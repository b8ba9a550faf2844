"""audit.db: an append-only, hash-chained file. Triggers keep mistakes out; the chain shows what a stranger did."""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gateway.rules.audit import (
    GENESIS,
    KEEP_DAYS,
    Anchor,
    Checkpoint,
    Entry,
    Head,
    Holds,
    Start,
    Verdict,
    anchor_holds,
    anchor_text,
    checkpoint_text,
    link,
    prune_before_ms,
    prune_below_seq,
    verify,
)
from gateway.store.files import FileRefused, Layout, inspect, lay_out, make_private

BUSY_S = 2.0
"""How long a write waits for somebody else's lock on the file."""
DDL = f"""
CREATE TABLE audit_event(
  seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, body BLOB NOT NULL, prev BLOB NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE TABLE checkpoint(
  number INTEGER PRIMARY KEY, seq INTEGER NOT NULL UNIQUE, at_ms INTEGER NOT NULL, hash BLOB NOT NULL, signature BLOB NOT NULL
) STRICT;
CREATE TABLE prune_anchor(
  seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, number INTEGER NOT NULL, at_ms INTEGER NOT NULL, signature BLOB NOT NULL
) STRICT;
CREATE TRIGGER audit_changed BEFORE UPDATE ON audit_event BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_removed BEFORE DELETE ON audit_event
WHEN old.seq > coalesce((SELECT max(seq) FROM prune_anchor), 0) BEGIN
  SELECT raise(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_placed BEFORE INSERT ON audit_event
WHEN new.seq <> 1 + (SELECT coalesce(max(seq), 0) FROM audit_event)
  OR new.prev <> coalesce((SELECT hash FROM audit_event ORDER BY seq DESC LIMIT 1), zeroblob(32)) BEGIN
  SELECT raise(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER checkpoint_changed BEFORE UPDATE ON checkpoint BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER checkpoint_removed BEFORE DELETE ON checkpoint
WHEN old.number > coalesce((SELECT max(number) FROM prune_anchor), 0) BEGIN
  SELECT raise(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER checkpoint_placed BEFORE INSERT ON checkpoint
WHEN new.number <> 1 + max((SELECT coalesce(max(number), 0) FROM checkpoint), (SELECT coalesce(max(number), 0) FROM prune_anchor))
  OR new.hash IS NOT (SELECT hash FROM audit_event WHERE seq = new.seq) BEGIN
  SELECT raise(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER anchor_changed BEFORE UPDATE ON prune_anchor BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER anchor_removed BEFORE DELETE ON prune_anchor BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
-- The file's own clock and its own checkpoints have a say, whatever the program believes.
CREATE TRIGGER anchor_placed BEFORE INSERT ON prune_anchor
WHEN new.seq <= (SELECT coalesce(max(seq), 0) FROM prune_anchor)
  OR new.hash IS NOT (SELECT hash FROM audit_event WHERE seq = new.seq)
  OR new.number <> coalesce(
    (SELECT max(number) FROM checkpoint WHERE seq <= new.seq), (SELECT max(number) FROM prune_anchor), 0)
  OR {KEEP_DAYS} > (SELECT count(DISTINCT at_ms / 86400000) FROM checkpoint WHERE seq > new.seq)
  OR (SELECT at_ms FROM audit_event WHERE seq = new.seq) > (strftime('%s', 'now') - {KEEP_DAYS} * 86400) * 1000 BEGIN
  SELECT raise(ABORT, 'the audit log keeps {KEEP_DAYS} days');
END;
"""  # noqa: S608 - a number of our own
LAST = "SELECT seq, hash, at_ms FROM audit_event ORDER BY seq DESC LIMIT 1"
INSERT = "INSERT INTO audit_event(seq, at_ms, body, prev, hash) VALUES (?,?,?,?,?)"
LAST_CHECKPOINT = "SELECT number, seq, at_ms, hash, signature FROM checkpoint ORDER BY number DESC LIMIT 1"
LAST_ANCHOR = "SELECT seq, hash, number, at_ms, signature FROM prune_anchor ORDER BY seq DESC LIMIT 1"
INSERT_CHECKPOINT = "INSERT INTO checkpoint(number, seq, at_ms, hash, signature) VALUES (?,?,?,?,?)"
INSERT_ANCHOR = "INSERT INTO prune_anchor(seq, hash, number, at_ms, signature) VALUES (?,?,?,?,?)"
FROM = "SELECT seq, at_ms, body, prev, hash FROM audit_event WHERE seq > ? ORDER BY seq"
FOLLOWING = "SELECT seq, at_ms, body, prev, hash FROM audit_event WHERE seq > ? ORDER BY seq LIMIT ?"
NEWEST = "SELECT seq, at_ms, body, prev, hash FROM audit_event WHERE seq < ? ORDER BY seq DESC LIMIT ?"
HASH_OF = "SELECT hash FROM audit_event WHERE seq = ?"
CHECKPOINTS_FROM = "SELECT number, seq, at_ms, hash, signature FROM checkpoint WHERE seq > ? ORDER BY number"
CHECKPOINT_BEFORE = "SELECT coalesce(max(number), ?) FROM checkpoint WHERE seq <= ?"
CHECKPOINT_TIMES = "SELECT seq, at_ms FROM checkpoint ORDER BY number DESC"
PRUNABLE = "SELECT max(seq) FROM audit_event WHERE at_ms < ? AND seq < ?"
DELETE = "DELETE FROM audit_event WHERE seq <= ?"
DELETE_CHECKPOINTS = "DELETE FROM checkpoint WHERE number <= ?"
GUARDS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"

Sign = Callable[[bytes], bytes]


class AuditRefused(FileRefused):
    """audit.db must not be opened."""


LAYOUT = Layout(0x464C5741, 2, "audit log", AuditRefused)  # "FLWA"


class AuditNotWritten(Exception):
    """It could not be written; nothing was."""


class AuditFile:
    """One connection under one lock; every write is durable when it returns. Methods block: call them in a thread."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._lock = threading.Lock()

    def append(self, at_ms: int, body: bytes, before: Callable[[int | None], bytes | None] = lambda _: None) -> int:
        """Add a record; its number. `before` sees the newest record's time and may give a record to put first.

        Raises:
            AuditNotWritten.
        """
        with self._lock, self._transaction():
            seq, head, last_at_ms = self._connection.execute(LAST).fetchone() or (0, GENESIS, None)
            first = before(last_at_ms)
            for content in (body,) if first is None else (first, body):
                seq, prev = seq + 1, head
                head = link(seq, at_ms, prev, content)
                self._connection.execute(INSERT, (seq, at_ms, content, prev, head))
            return int(seq)

    def seal(self, at_ms: int, sign: Sign) -> Checkpoint | None:
        """Sign the chain as it stands, unless that was done; the newest checkpoint, None for an empty log.

        Raises:
            AuditNotWritten. What `sign` raises.
        """
        with self._lock, self._transaction():
            newest = self._newest_checkpoint()
            seq, head, _ = self._connection.execute(LAST).fetchone() or (0, GENESIS, None)
            if seq == 0 or (newest is not None and newest.seq == seq):
                return newest
            anchor = self._newest_anchor()
            number = 1 + max(newest.number if newest else 0, anchor.number if anchor else 0)
            made = Checkpoint(number, seq, at_ms, head, sign(checkpoint_text(number, seq, at_ms, head)))
            self._connection.execute(INSERT_CHECKPOINT, (made.number, made.seq, made.at_ms, made.hash, made.signature))
            return made

    def prune(self, at_ms: int, sign: Sign) -> int:
        """Forget what is older than 90 days and has 90 days of checkpoints after it; how many records went.

        Raises:
            AuditNotWritten: also when the file itself refuses. What `sign` raises.
        """
        with self._lock, self._transaction():
            seq = self._prunable(at_ms)
            if seq is None:
                return 0
            (head,) = self._connection.execute(HASH_OF, (seq,)).fetchone()
            anchor = self._newest_anchor()
            (number,) = self._connection.execute(CHECKPOINT_BEFORE, (anchor.number if anchor else 0, seq)).fetchone()
            self._connection.execute(INSERT_ANCHOR, (seq, head, number, at_ms, sign(anchor_text(seq, head, number, at_ms))))
            self._connection.execute(DELETE_CHECKPOINTS, (number,))
            return self._connection.execute(DELETE, (seq,)).rowcount

    def prunable(self, at_ms: int) -> int | None:
        """The last record that `prune` would forget."""
        with self._lock:
            return self._prunable(at_ms)

    def newest(self, before: int, limit: int) -> list[Entry]:
        """Records with `seq < before`, newest first."""
        with self._lock:
            return [Entry(*row) for row in self._connection.execute(NEWEST, (before, limit)).fetchall()]

    def following(self, after: int, limit: int) -> list[Entry]:
        """Records with `seq > after`, oldest first."""
        with self._lock:
            return [Entry(*row) for row in self._connection.execute(FOLLOWING, (after, limit)).fetchall()]

    def holds(self, head: Head) -> bool:
        """Is this record in the chain, or was it pruned from it?"""
        with self._lock:
            anchor = self._newest_anchor()
            found = self._connection.execute(HASH_OF, (head.seq,)).fetchone()
            return (anchor is not None and head.seq <= anchor.seq) or found == (head.hash,)

    def verify(self, heads: Sequence[Head], holds: Holds, first: int | None = None, newest: int | None = None) -> Verdict:
        """Read the chain as it is now, beside whoever appends to it: all of it, from record `first`, or the `newest` ones."""
        try:
            with contextlib.closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)) as reader:
                reader.execute("BEGIN")
                return _verify(reader, heads, holds, first, newest)
        except sqlite3.Error as error:
            return Verdict(1, 0, GENESIS, 1, f"audit.db cannot be read ({error})")

    def size(self) -> int:
        """Bytes of the file."""
        with self._lock:
            (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
            (bytes_each,) = self._connection.execute("PRAGMA page_size").fetchone()
            return int(pages * bytes_each)

    def _prunable(self, at_ms: int) -> int | None:
        below = prune_below_seq(self._connection.execute(CHECKPOINT_TIMES))
        (seq,) = self._connection.execute(PRUNABLE, (prune_before_ms(at_ms), below)).fetchone()
        return None if seq is None else int(seq)

    def _newest_checkpoint(self) -> Checkpoint | None:
        row = self._connection.execute(LAST_CHECKPOINT).fetchone()
        return None if row is None else Checkpoint(*row)

    def _newest_anchor(self) -> Anchor | None:
        return _newest_anchor(self._connection)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except BaseException as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise AuditNotWritten(str(error)) from error
            raise

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()


def _newest_anchor(connection: sqlite3.Connection) -> Anchor | None:
    row = connection.execute(LAST_ANCHOR).fetchone()
    return None if row is None else Anchor(*row)


def _verify(reader: sqlite3.Connection, heads: Sequence[Head], holds: Holds, first: int | None, newest: int | None) -> Verdict:
    anchor = _newest_anchor(reader)
    start = Start() if anchor is None else Start(anchor.seq, anchor.hash, anchor.number)
    if anchor is not None and not anchor_holds(anchor, holds):
        return Verdict(1, 0, GENESIS, anchor.seq, "what was pruned was not signed by this gateway")
    last = (reader.execute(LAST).fetchone() or (0,))[0]
    after = min(last, max((first or 1) - 1, last - newest if newest else 0))
    if after > start.seq:
        trusted = reader.execute(HASH_OF, (after,)).fetchone()
        if trusted is None:
            return Verdict(after + 1, after, GENESIS, after, "a record is missing")
        (number,) = reader.execute(CHECKPOINT_BEFORE, (start.number, after)).fetchone()
        start = Start(after, trusted[0], number)
    checkpoints = [Checkpoint(*row) for row in reader.execute(CHECKPOINTS_FROM, (start.seq,)).fetchall()]
    verdict = verify((Entry(*row) for row in reader.execute(FROM, (start.seq,))), checkpoints, heads, holds, start)
    if verdict.broken_at is None and reader.execute(GUARDS).fetchall() != _guards():
        return Verdict(verdict.first, verdict.last, GENESIS, verdict.last + 1, "the file's own guards were changed or removed")
    return verdict


def _guards() -> list[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as fresh:
        fresh.executescript(DDL)
        return fresh.execute(GUARDS).fetchall()


def open_audit(path: Path) -> AuditFile:
    """Open or make audit.db.

    Raises:
        AuditRefused: damaged, or written by another version of Flowork.
    """
    exists = inspect(path, LAYOUT)
    make_private(path)
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if not exists:
        lay_out(connection, DDL, LAYOUT)
    return AuditFile(connection, path)
