"""Snapshot: a copy of every database of a data folder, each consistent in itself, while they are in use."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

from contract.errors import StorageFull
from gateway.store.files import translated
from kit.files import private_folder
from kit.logs import Log

log = Log("store.snapshot")
SPARE_BYTES = 64 * 1024 * 1024
"""What must stay free on the disk beside the copy."""


def snapshot(data: Path, target: Path) -> None:
    """Copy control.db, audit.db and the queues below `data` into an empty folder; blocks. A damaged queue is left out, as it is left alone.

    SQLite's online backup: the copying connection only reads, so it never checkpoints beside the one that writes.

    Raises:
        StorageFull: the copy would not leave enough room. StorageFailed: something could not be read or written.
    """
    sources = [data / "control.db", data / "audit.db", *sorted((data / "shards").glob("*.db"))]
    needed = sum(file.stat().st_size for source in sources for file in source.parent.glob(f"{source.name}*"))
    shutil.rmtree(target, ignore_errors=True)
    private_folder(target / "shards")
    if shutil.disk_usage(target).free < needed + SPARE_BYTES:
        raise StorageFull(f"A copy of the data folder needs {needed // 2**20 + 1} MiB, and does not leave enough room.")
    for source in sources:
        try:
            _copy(source, target / source.relative_to(data))
        except sqlite3.Error as error:
            if source.parent == data or getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise translated(error) from error
            log.warning("snapshot.left_out", file=source.name, reason=str(error))
            (target / source.relative_to(data)).unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reading,
        contextlib.closing(sqlite3.connect(target, isolation_level=None)) as writing,
    ):
        reading.backup(writing)
