"""`gateway.store.snapshot`: whole copies of files that are in use, and none where there is no room."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from contract.errors import StorageFailed, StorageFull
from gateway.store import snapshot as snapshots
from gateway.store.snapshot import snapshot


def make(path: Path, rows: int) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t(x)")
    connection.executemany("INSERT INTO t VALUES (?)", ((n,) for n in range(rows)))
    return connection


def rows(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])
    finally:
        connection.close()


@pytest.fixture
def data(tmp_path: Path):
    data = tmp_path / "data"
    opened = [make(data / name, count) for name, count in (("control.db", 3), ("audit.db", 4), ("shards/aaaa.db", 500))]
    yield data
    for connection in opened:
        connection.close()


def test_what_is_committed_is_in_the_copy_though_the_files_are_open_and_their_logs_full(data: Path, tmp_path: Path):
    writing = sqlite3.connect(data / "shards" / "aaaa.db", isolation_level=None)
    writing.execute("BEGIN IMMEDIATE")
    writing.execute("INSERT INTO t VALUES (-1)")  # not committed: not in the copy, and does not hold it up
    snapshot(data, tmp_path / "copy")
    writing.execute("ROLLBACK")
    writing.close()
    copied = {path.relative_to(tmp_path / "copy").as_posix(): rows(path) for path in (tmp_path / "copy").rglob("*.db")}
    assert copied == {"control.db": 3, "audit.db": 4, "shards/aaaa.db": 500}


def test_an_earlier_copy_is_replaced_whole(data: Path, tmp_path: Path):
    snapshot(data, tmp_path / "copy")
    (tmp_path / "copy" / "left-over").touch()
    snapshot(data, tmp_path / "copy")
    assert not (tmp_path / "copy" / "left-over").exists()


def test_a_damaged_queue_is_left_out_and_the_rest_copied(data: Path, tmp_path: Path):
    (data / "shards" / "bbbb.db").write_bytes(b"no database at all" * 100)
    snapshot(data, tmp_path / "copy")
    assert sorted(path.name for path in (tmp_path / "copy" / "shards").iterdir()) == ["aaaa.db"]


def test_a_copy_without_the_audit_log_is_none(data: Path, tmp_path: Path):
    for left in data.glob("audit.db*"):
        left.unlink()
    with pytest.raises(StorageFailed):
        snapshot(data, tmp_path / "copy")


def test_a_disk_without_room_is_not_filled(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(snapshots.shutil, "disk_usage", lambda _path: usage._replace(free=snapshots.SPARE_BYTES))
    with pytest.raises(StorageFull):
        snapshot(data, tmp_path / "copy")
    assert not list((tmp_path / "copy").rglob("*.db"))
