"""Checkup: every database of a data folder, looked at without changing anything, also while a gateway uses it."""

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from gateway.store import audit, control, minutes, schema
from gateway.store.files import FileRefused, Layout, inspect

FULL = "2"
"""What `PRAGMA synchronous` answers for it."""
WAL_RESET_FROM, WAL_RESET_UNTIL = (3, 7, 0), (3, 51, 3)
WAL_RESET_MENDED = {(3, 44, 6), (3, 50, 7)}
"""Releases between these can damage a file that two connections write and checkpoint at once. Ours has one such connection."""


@dataclass(frozen=True, slots=True)
class FileState:
    """One database."""

    path: Path
    bytes: int
    wal: bool | None
    """It keeps a write-ahead log, as we make them; None where the file could not be read."""
    trouble: str | None
    """Why it must not be opened; None when it is whole and of our layout."""


def check(data: Path) -> list[FileState]:
    """Read every database of a folder whole; blocks."""
    known: list[tuple[Path, Layout]] = [
        (data / "control.db", control.LAYOUT),
        (data / "audit.db", audit.LAYOUT),
        (data / "metrics.db", minutes.LAYOUT),
        *((path, schema.LAYOUT) for path in sorted((data / "shards").glob("*.db"))),
    ]
    return [_state(path, layout) for path, layout in known if path.exists()]


def _state(path: Path, layout: Layout) -> FileState:
    size = path.stat().st_size
    try:
        inspect(path, layout)
        mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)) as connection:
            verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except (FileRefused, sqlite3.Error) as error:
        return FileState(path, size, None, str(error))
    return FileState(
        path, size, _is_wal(path), None if verdict == "ok" else f"{path.name} is damaged ({verdict}); restore it from a backup"
    )


def _is_wal(path: Path) -> bool:
    """By the header's write version (SQLite file format §1.3.3): a connection that only reads a closed file does not tell."""
    with path.open("rb") as file:
        return file.read(19)[18:] == b"\x02"


def sqlite_version() -> tuple[str, bool]:
    """The library's version, and whether it is one that two writing connections could make damage a file."""
    version = sqlite3.sqlite_version_info
    return sqlite3.sqlite_version, WAL_RESET_FROM <= version < WAL_RESET_UNTIL and version not in WAL_RESET_MENDED


def durability(path: Path) -> str:
    """Lay out a shard, close it, and say how it writes; blocks.

    Raises:
        FileRefused: this SQLite does not keep what Flowork promises. sqlite3.Error.
    """
    with contextlib.closing(schema.open_for_writing(path, fresh=True)) as connection:
        mode, level = (str(connection.execute(f"PRAGMA {name}").fetchone()[0]).lower() for name in ("journal_mode", "synchronous"))
    found = _state(path, schema.LAYOUT)
    if (mode, level) != ("wal", FULL) or found.trouble is not None:
        raise FileRefused(f"SQLite {sqlite3.sqlite_version} writes with {mode}, synchronous {level}: {found.trouble or 'not durable'}")
    return f"SQLite {sqlite3.sqlite_version}, WAL, synchronous FULL"
