"""`gateway.store.checkup`: looks at every database, and changes none."""

import sqlite3
from pathlib import Path

import pytest

from gateway.store import checkup
from gateway.store.checkup import check
from gateway.store.schema import open_for_writing


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "shards").mkdir()
    open_for_writing(tmp_path / "shards" / "aaaa.db", fresh=True).close()
    return tmp_path


def content(data: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in data.rglob("*") if path.is_file()}


def test_a_whole_file_is_fine_and_left_as_it_was(data: Path):
    before = content(data)
    (state,) = check(data)
    assert (state.path.name, state.wal, state.trouble) == ("aaaa.db", True, None)
    assert state.bytes == len(before["aaaa.db"])
    assert content(data) == before


def test_a_file_that_is_written_meanwhile_is_read_too(data: Path):
    writing = open_for_writing(data / "shards" / "aaaa.db", fresh=False)
    writing.execute("BEGIN IMMEDIATE")
    (state,) = check(data)
    assert state.trouble is None
    writing.execute("ROLLBACK")
    writing.close()


def test_damage_and_foreign_files_are_named(data: Path):
    (data / "control.db").write_bytes(b"nonsense" * 200)
    with sqlite3.connect(data / "audit.db") as other:
        other.execute("CREATE TABLE t(x)")
    other.close()
    found = {state.path.name: state.trouble for state in check(data)}
    assert "damaged" in (found["control.db"] or "")
    assert "not a Flowork audit log" in (found["audit.db"] or "")
    assert found["aaaa.db"] is None


def test_another_journal_is_seen(data: Path):
    with sqlite3.connect(data / "shards" / "aaaa.db", isolation_level=None) as other:
        other.execute("PRAGMA journal_mode = DELETE")
    other.close()
    assert [state.wal for state in check(data)] == [False]


@pytest.mark.parametrize(
    ("version", "risky"),
    [((3, 40, 1), True), ((3, 44, 6), False), ((3, 50, 7), False), ((3, 51, 2), True), ((3, 51, 3), False), ((3, 54, 0), False)],
)
def test_releases_with_the_reset_fault_are_known(monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int], risky: bool):
    monkeypatch.setattr(checkup.sqlite3, "sqlite_version_info", version)
    assert checkup.sqlite_version()[1] is risky
