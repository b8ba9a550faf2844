"""audit.db: append-only for everybody who keeps the rules, tamper-evident for everybody else."""

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.errors import SecretsLocked
from gateway.crypto.identity import HeldKey
from gateway.rules.audit import DAY_MS, Head, Verdict, encode, head_line, read_head
from gateway.store.audit import AuditFile, AuditNotWritten, AuditRefused, open_audit
from gateway.store.audit_heads import HeadsFile, HeadsNotWritten
from tests.support.devices import audit_key

SEAL = audit_key(bytes(31) + b"\x01")
OTHER = audit_key(bytes(31) + b"\x02")
LONG_AGO = 1_704_067_200_000
"""2024-01-01: older than 90 days by every clock that this test may run under."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


def note(file: AuditFile, at_ms: int, event: str = "e") -> int:
    return file.append(at_ms, encode({"event": event}))


@pytest.fixture
def file(path: Path) -> Iterator[AuditFile]:
    opened = open_audit(path)
    for number in range(1, 11):
        note(opened, number)
        if number in {4, 8}:
            opened.seal(number, SEAL.sign)
    yield opened
    opened.close()


def read(file: AuditFile, *heads: Head, **where: int) -> Verdict:
    return file.verify(heads, SEAL.holds, **where)


def stranger(path: Path, *statements: str) -> None:
    """Somebody with the file and sqlite3, who takes away what is in the way, and puts it back."""
    connection = sqlite3.connect(path)
    guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in guards:
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    for _, sql in guards:
        connection.execute(sql)
    connection.commit()
    connection.close()


def test_what_was_written_is_whole_and_comes_back_in_both_directions(file: AuditFile):
    assert read(file).records == 10
    assert [entry.seq for entry in file.newest(9, 3)] == [8, 7, 6]
    assert [entry.seq for entry in file.following(2, 3)] == [3, 4, 5]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET body = x'7b7d' WHERE seq = 3",
        "DELETE FROM audit_event WHERE seq = 10",
        "INSERT OR REPLACE INTO audit_event SELECT * FROM audit_event WHERE seq = 3",
        "INSERT INTO audit_event SELECT * FROM audit_event WHERE seq = 10 ON CONFLICT DO UPDATE SET body = x'7b7d'",
        "INSERT INTO audit_event VALUES (12, 0, x'7b7d', zeroblob(32), zeroblob(32))",
        "INSERT INTO audit_event VALUES (11, 0, x'7b7d', zeroblob(32), zeroblob(32))",
        "UPDATE checkpoint SET signature = zeroblob(64)",
        "DELETE FROM checkpoint WHERE number = 2",
        "INSERT INTO checkpoint SELECT 4, 10, 0, hash, zeroblob(64) FROM audit_event WHERE seq = 10",
        "INSERT INTO checkpoint VALUES (3, 10, 0, zeroblob(32), zeroblob(64))",
        "INSERT INTO prune_anchor SELECT 5, hash, 1, 0, zeroblob(64) FROM audit_event WHERE seq = 5",
    ],
)
def test_the_file_itself_refuses_everything_but_appending(file: AuditFile, path: Path, statement: str):
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match=r"append-only|90 days"):
        connection.execute(statement)
    connection.close()
    assert read(file).broken_at is None


@pytest.mark.parametrize(
    ("statements", "broken_at"),
    [
        (["UPDATE audit_event SET body = x'7b7d' WHERE seq = 3"], 3),
        (["UPDATE audit_event SET at_ms = 77 WHERE seq = 1"], 1),
        (["DELETE FROM audit_event WHERE seq = 5"], 5),
        (["DELETE FROM audit_event WHERE seq > 6"], 7),
        (["UPDATE checkpoint SET signature = zeroblob(64) WHERE number = 1"], 4),
        (["DELETE FROM checkpoint WHERE number = 1"], 1),
        (["INSERT INTO prune_anchor SELECT 5, hash, 1, 0, zeroblob(64) FROM audit_event WHERE seq = 5"], 5),
    ],
)
def test_what_a_stranger_did_to_the_file_is_found(file: AuditFile, path: Path, statements: list[str], broken_at: int):
    stranger(path, *statements)
    assert read(file).broken_at == broken_at


@pytest.mark.parametrize("guard", ["audit_changed", "checkpoint_removed", "anchor_placed"])
def test_a_guard_that_was_taken_away_or_weakened_is_found(file: AuditFile, path: Path, guard: str):
    with sqlite3.connect(path) as connection:
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (guard,)).fetchone()
        connection.execute(f"DROP TRIGGER {guard}")
        assert read(file).broken_at == 11
        connection.execute(sql.replace("BEGIN", "WHEN 0 BEGIN") if "WHEN" not in sql else sql.replace("WHEN", "WHEN 0 AND"))
    connection.close()
    assert "guards" in (read(file).reason or "")


class TestSealing:
    def test_a_seal_signs_the_end_once(self, file: AuditFile, path: Path):
        made = file.seal(10, SEAL.sign)
        assert made is not None
        assert (made.number, made.seq) == (3, 10)
        assert file.seal(11, SEAL.sign) == made
        stranger(path, "DELETE FROM audit_event WHERE seq = 10")
        assert read(file).broken_at == 10

    def test_an_empty_log_has_nothing_to_sign(self, tmp_path: Path):
        empty = open_audit(tmp_path / "other.db")
        assert empty.seal(0, SEAL.sign) is None
        empty.close()

    def test_a_locked_key_leaves_everything_as_it_was(self, file: AuditFile):
        with pytest.raises(SecretsLocked):
            file.seal(10, HeldKey("audit", SEAL.public, None).sign)
        assert note(file, 11) == 11
        assert read(file).broken_at is None

    def test_another_key_does_not_hold(self, file: AuditFile):
        file.seal(10, OTHER.sign)
        assert read(file).broken_at == 10


class TestReading:
    def test_it_may_begin_at_a_record_or_take_the_newest_ones(self, file: AuditFile, path: Path):
        stranger(path, "UPDATE audit_event SET body = x'7b7d' WHERE seq = 3")
        assert (read(file, first=4).first, read(file, first=4).broken_at) == (4, None)
        assert (read(file, newest=5).first, read(file, newest=5).last) == (6, 10)
        assert read(file, newest=500).broken_at == 3
        assert read(file, first=500).records == 0

    def test_a_head_from_outside_is_held_against_it(self, file: AuditFile):
        tenth = file.newest(11, 1)[0]
        assert read(file, Head(10, tenth.hash)).broken_at is None
        assert (file.holds(Head(10, tenth.hash)), file.holds(Head(9, tenth.hash))) == (True, False)
        assert read(file, Head(9, tenth.hash)).broken_at == 9
        assert read(file, Head(14, tenth.hash)).broken_at == 11

    def test_it_does_not_hold_up_who_appends(self, file: AuditFile):
        held = []

        def holds(_text: bytes, _signature: bytes) -> bool:
            held.append(note(file, 99))
            return True

        assert file.verify([], holds).last == 10
        assert held == [11, 12]

    def test_a_file_that_cannot_be_read_is_not_whole(self, file: AuditFile, path: Path):
        for other in (path, path.with_name("audit.db-wal")):
            other.write_bytes(b"x" * 5000)
        assert "cannot be read" in (read(file).reason or "")


class TestForgetting:
    def daily(self, file: AuditFile, days: range) -> None:
        for day in days:
            note(file, LONG_AGO + day * DAY_MS)
            file.seal(LONG_AGO + day * DAY_MS, SEAL.sign)

    @pytest.fixture
    def old(self, tmp_path: Path) -> Iterator[AuditFile]:
        made = open_audit(tmp_path / "old.db")
        yield made
        made.close()

    def test_what_is_older_than_ninety_days_goes_and_the_rest_stays_provable(self, old: AuditFile):
        self.daily(old, range(95))
        now = LONG_AGO + 94 * DAY_MS
        assert (old.prunable(now), old.prune(now, SEAL.sign)) == (4, 4)
        assert old.following(0, 1)[0].seq == 5
        verdict = read(old)
        assert (verdict.first, verdict.records, verdict.broken_at) == (5, 91, None)
        assert old.prune(now, SEAL.sign) == 0
        self.daily(old, range(95, 97))
        assert old.prune(LONG_AGO + 96 * DAY_MS, SEAL.sign) == 2
        assert (read(old).first, read(old).broken_at) == (7, None)

    def test_a_day_without_checkpoints_does_not_count(self, old: AuditFile):
        self.daily(old, range(90))
        assert old.prune(LONG_AGO + 3650 * DAY_MS, SEAL.sign) == 0  # a clock set ten years ahead
        self.daily(old, range(90, 91))
        assert old.prune(LONG_AGO + 3650 * DAY_MS, SEAL.sign) == 1

    def test_the_file_refuses_what_its_own_clock_calls_young(self, old: AuditFile):
        import time

        now = int(time.time() * 1000)
        for day in range(92):
            note(old, now - (80 - day) * DAY_MS)
            old.seal(now - (80 - day) * DAY_MS, SEAL.sign)
        with pytest.raises(AuditNotWritten, match="keeps 90 days"):
            old.prune(now + 60 * DAY_MS, SEAL.sign)
        assert read(old).records == 92

    def test_pruned_records_cannot_be_followed_by_others(self, old: AuditFile, tmp_path: Path):
        self.daily(old, range(95))
        first = old.following(0, 1)[0]
        old.prune(LONG_AGO + 94 * DAY_MS, SEAL.sign)
        connection = sqlite3.connect(tmp_path / "old.db")
        for statement in (
            "DELETE FROM audit_event WHERE seq = 5",
            "DELETE FROM checkpoint WHERE number = 5",
            "DELETE FROM prune_anchor",
            "UPDATE prune_anchor SET seq = 50",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(statement)
        connection.close()
        assert old.holds(Head(first.seq, first.hash))
        stranger(tmp_path / "old.db", "DELETE FROM audit_event WHERE seq <= 20")
        assert read(old).broken_at == 5
        stranger(tmp_path / "old.db", "DELETE FROM prune_anchor")
        assert read(old).broken_at == 1


def test_the_chain_goes_on_after_reopening(file: AuditFile, path: Path):
    file.close()
    again = open_audit(path)
    assert again.append(99, encode({"event": "later"})) == 11
    assert read(again).records == 11
    again.close()


def test_a_full_disk_writes_nothing_and_says_so(file: AuditFile):
    (pages,) = file._connection.execute("PRAGMA page_count").fetchone()
    file._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(AuditNotWritten):
        for _ in range(500):
            file.append(0, encode({"event": "x" * 500}))
    assert read(file).broken_at is None


def test_the_file_is_its_owners_alone(file: AuditFile, path: Path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_newer_or_foreign_file_is_refused_and_left_alone(file: AuditFile, path: Path):
    file.close()
    stranger(path, "PRAGMA user_version = 9")
    before = path.read_bytes()
    with pytest.raises(AuditRefused, match="layout 9"):
        open_audit(path)
    assert path.read_bytes() == before
    path.write_bytes(b"my diary " * 1000)
    with pytest.raises(AuditRefused, match="damaged"):
        open_audit(path)


def test_a_record_may_be_put_before_another_by_who_sees_the_newest_time(file: AuditFile):
    seen = []
    assert file.append(20, encode({"event": "b"}), lambda last: seen.append(last) or encode({"event": "a"})) == 12
    assert (seen, [entry.body for entry in file.following(10, 5)]) == ([10], [encode({"event": "a"}), encode({"event": "b"})])


class TestHeadsFile:
    def test_lines_are_only_added_and_not_twice(self, file: AuditFile, tmp_path: Path):
        heads = HeadsFile(tmp_path / "elsewhere" / "audit-heads.log")
        assert heads.lines() == []
        heads.add("one")
        heads.add("one")
        HeadsFile(heads.path).add("one")
        HeadsFile(heads.path).add("two")
        assert heads.lines() == ["one", "two"]
        assert [stat.S_IMODE(path.stat().st_mode) for path in (heads.path.parent, heads.path)] == [0o700, 0o600]

    def test_a_line_that_a_crash_cut_short_does_not_spoil_the_next(self, file: AuditFile, tmp_path: Path):
        whole = head_line(file.seal(10, SEAL.sign))
        path = tmp_path / "audit-heads.log"
        path.write_text(f"{whole}\n{whole[:40]}")
        HeadsFile(path).add(whole)
        assert [read_head(line, SEAL.holds) is not None for line in HeadsFile(path).lines()] == [True, False, True]

    def test_what_cannot_be_written_is_told(self, tmp_path: Path):
        (tmp_path / "file").write_text("")
        with pytest.raises(HeadsNotWritten):
            HeadsFile(tmp_path / "file" / "audit-heads.log").add("one")
        (tmp_path / "link").symlink_to(tmp_path / "elsewhere.txt")
        with pytest.raises(HeadsNotWritten):
            HeadsFile(tmp_path / "link").add("one")
