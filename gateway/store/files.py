"""What every SQLite file of the gateway goes through: looked at before it is written to, private, and its failures translated."""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from contract.errors import FloworkError, StorageFailed, StorageFull
from kit.logs import Log

log = Log("store")
QUICK_CHECK_MAX_BYTES = 32 * 1024 * 1024  # larger files are checked by `flowork doctor`, not at every start


class FileRefused(Exception):
    """The file must not be opened; the message names it and the reason. It was left untouched."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a kind of file is known by."""

    application_id: int
    version: int
    what: str
    refused: type[FileRefused]


def inspect(path: Path, layout: Layout) -> bool:
    """Look at a file without writing to it. True when it is one of ours, False when there is none or it is empty.

    Raises:
        layout.refused: damaged, made by a newer Flowork, or something else.
    """
    if not path.exists() or path.stat().st_size == 0:
        return False
    # Without a log beside it nothing may change under us, and `immutable` keeps SQLite from leaving files of its own.
    mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)
        try:
            _judge(connection, path, layout)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise layout.refused(f"{path.name} is damaged ({error}); restore it from a backup") from error
    return True


def _judge(connection: sqlite3.Connection, path: Path, layout: Layout) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != layout.application_id:
        raise layout.refused(f"{path.name} is not a Flowork {layout.what}")
    if version != layout.version:
        reason = f"has layout {version}; this Flowork knows {layout.version}: run the version that wrote it, or a newer one"
        raise layout.refused(f"{path.name} {reason}")
    if path.stat().st_size <= QUICK_CHECK_MAX_BYTES:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise layout.refused(f"{path.name} is damaged ({verdict}); restore it from a backup")


def make_private(path: Path) -> None:
    """Make an empty file for its owner alone, if there is none. SQLite gives its logs the same mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))


def translated(error: Exception) -> Exception:
    """What a caller is told of a failed write."""
    if isinstance(error, FloworkError) or not isinstance(error, sqlite3.Error):
        return error
    log.error("store.write_failed", reason=str(error), code=getattr(error, "sqlite_errorname", None))
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return StorageFull()
    return StorageFailed()


def lay_out(connection: sqlite3.Connection, ddl: str, layout: Layout) -> None:
    """Make the tables of an empty file, all or none."""
    marks = f"PRAGMA application_id = {layout.application_id}; PRAGMA user_version = {layout.version};"
    connection.executescript(f"BEGIN IMMEDIATE;{ddl} {marks} COMMIT;")
