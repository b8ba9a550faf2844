"""audit.db: append-only for everybody who keeps the rules, tamper-evident for everybody else."""

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.rules.audit import encode
from gateway.store import audit
from gateway.store.audit import AuditFile, AuditNotWritten, AuditRefused, open_audit
from tests.support.devices import audit_key

SEAL = audit_key(bytes(31) + b"\x01")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


@pytest.fixture
def file(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AuditFile]:
    monkeypatch.setattr(audit, "CHECKPOINT_EVERY", 4)
    opened = open_audit(path, SEAL.sign)
    for number in range(10):
        opened.append(number, encode({"event": f"e{number}"}))
    yield opened
    opened.close()


def stranger(path: Path, *statements: str) -> None:
    """Somebody with the file and sqlite3, who drops what is in the way."""
    connection = sqlite3.connect(path)
    for name in ("audit_changed", "audit_removed", "audit_placed"):
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_what_was_written_is_whole_and_comes_back_newest_first(file: AuditFile):
    assert file.verify(SEAL.holds).records == 10
    assert [entry.seq for entry in file.newest(9, 3)] == [8, 7, 6]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET body = x'7b7d' WHERE seq = 3",
        "DELETE FROM audit_event WHERE seq = 10",
        "INSERT OR REPLACE INTO audit_event SELECT * FROM audit_event WHERE seq = 3",
        "INSERT INTO audit_event VALUES (12, 0, x'7b7d', zeroblob(32), zeroblob(32))",
        "INSERT INTO audit_event VALUES (11, 0, x'7b7d', zeroblob(32), zeroblob(32))",
    ],
)
def test_the_file_itself_refuses_everything_but_appending(file: AuditFile, path: Path, statement: str):
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()
    assert file.verify(SEAL.holds).broken_at is None


@pytest.mark.parametrize(
    ("statements", "broken_at"),
    [
        (["UPDATE audit_event SET body = x'7b7d' WHERE seq = 3"], 3),
        (["DELETE FROM audit_event WHERE seq = 5"], 5),
        (["DELETE FROM audit_event WHERE seq > 6"], 7),
        (["UPDATE checkpoint SET signature = zeroblob(64) WHERE seq = 4"], 4),
    ],
)
def test_what_a_stranger_did_to_the_file_is_found(file: AuditFile, path: Path, statements: list[str], broken_at: int):
    stranger(path, *statements)
    assert file.verify(SEAL.holds).broken_at == broken_at


def test_a_seal_signs_the_end(file: AuditFile, path: Path):
    file.seal()
    stranger(path, "DELETE FROM audit_event WHERE seq = 10")
    assert file.verify(SEAL.holds).broken_at == 10


def test_the_chain_goes_on_after_reopening(file: AuditFile, path: Path):
    file.close()
    again = open_audit(path, SEAL.sign)
    assert again.append(99, encode({"event": "later"})) == 11
    assert again.verify(SEAL.holds).records == 11
    again.close()


def test_a_full_disk_writes_nothing_and_says_so(file: AuditFile):
    (pages,) = file._connection.execute("PRAGMA page_count").fetchone()
    file._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(AuditNotWritten):
        for _ in range(500):
            file.append(0, encode({"event": "x" * 500}))
    assert file.verify(SEAL.holds).broken_at is None


def test_the_file_is_its_owners_alone(file: AuditFile, path: Path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_newer_or_foreign_file_is_refused_and_left_alone(file: AuditFile, path: Path):
    file.close()
    stranger(path, "PRAGMA user_version = 9")
    before = path.read_bytes()
    with pytest.raises(AuditRefused, match="layout 9"):
        open_audit(path, SEAL.sign)
    assert path.read_bytes() == before
    path.write_bytes(b"my diary " * 1000)
    with pytest.raises(AuditRefused, match="damaged"):
        open_audit(path, SEAL.sign)
