"""Care of the audit log: it is signed in time, witnessed when it can be, read every day, and forgets only what it may."""

import asyncio
import base64
import hashlib
import json
import sqlite3
from pathlib import Path

import pytest

from contract.admin import AuditCheck
from contract.errors import RequestInvalid, SecretsLocked
from gateway.crypto.identity import HeldKey
from gateway.operations.audit_care import ITEM
from gateway.rules.audit import encode, export_text, read_head
from kit.vault import VaultLocked, VaultUnavailable

DAY_S = 86_400.0
PATIENCE_S = 10.0


class Moody:
    """A vault of the memory that can be closed."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.fails: Exception | None = None

    async def get(self, name: str) -> str | None:
        if self.fails:
            raise self.fails
        return self.kept.get(name)

    async def set(self, name: str, value: str) -> None:
        await self.get(name)
        self.kept[name] = value


@pytest.fixture
def vault(book) -> Moody:
    book.care.vault = Moody()
    return book.care.vault


def last_seq(book) -> int:
    return book.file.newest(2**62, 1)[0].seq


def told(book, event: str) -> list[dict[str, str]]:
    bodies = [json.loads(entry.body) for entry in book.file.following(0, 10_000)]
    return [body for body in bodies if body.get("event") == event]


def stranger(tmp_path: Path, statement: str) -> None:
    connection = sqlite3.connect(tmp_path / "audit.db")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(statement)
    connection.commit()
    connection.close()


class TestCheckpoints:
    async def test_every_hundredth_record_is_signed_at_the_next_look(self, book, vault: Moody):
        book.audit.appended = book.care.appended
        await book.care.tick()  # the day's work
        for _ in range(100 - last_seq(book)):
            await book.audit.note("test", "owner")
        await book.care.tick()
        assert int(vault.kept[ITEM].split()[0]) == 100

    async def test_every_five_minutes_and_only_when_there_is_something_new(self, book, vault: Moody):
        await book.care.tick()
        signed = vault.kept[ITEM]
        book.clock.advance(299)
        await book.audit.note("test", "owner")
        await book.care.tick()
        assert vault.kept[ITEM] == signed
        book.clock.advance(1)
        await book.care.tick()
        assert int(vault.kept[ITEM].split()[0]) == last_seq(book)
        lines = book.care.heads.lines()
        book.clock.advance(300)
        await book.care.tick()
        assert book.care.heads.lines() == lines

    async def test_a_locked_key_is_an_alarm_and_appending_goes_on(self, book, vault: Moody):
        opened = book.audit.seal
        book.audit.seal = HeldKey("audit", opened.public, None)
        vault.fails = VaultLocked("shut")
        await book.audit.note("test", "owner")
        await book.care.checkpoint()
        assert "the keyring is locked" in " ".join(book.care.status().alarms)
        with pytest.raises(SecretsLocked):
            await book.audit.export()
        vault.fails, vault.kept["audit"] = None, base64.b64encode(opened.private().private_bytes_raw()).decode()
        await book.care.checkpoint()
        assert (book.care.status().alarms, int(vault.kept[ITEM].split()[0])) == ([], 1)


class TestWitnesses:
    async def test_both_get_the_signed_head(self, book, vault: Moody):
        await book.audit.note("test", "owner")
        await book.care.checkpoint()
        head = read_head(vault.kept[ITEM], book.audit.seal.holds)
        assert head is not None
        assert (head.seq, head.hash, book.care.heads.lines()) == (1, book.file.newest(2, 1)[0].hash, [vault.kept[ITEM]])

    @pytest.mark.parametrize("failure", [VaultLocked("shut"), VaultUnavailable("gone")])
    async def test_one_that_fails_is_an_alarm_is_tried_again_and_holds_up_nobody(self, book, vault: Moody, failure: Exception):
        await book.care.tick()
        before = vault.kept[ITEM]
        vault.fails = failure
        await book.audit.note("test", "owner")
        await book.care.checkpoint()
        assert [str(failure) in alarm for alarm in book.care.status().alarms] == [True]
        assert len(book.care.heads.lines()) == 2
        vault.fails = None
        await book.care.tick()
        assert (book.care.status().alarms, vault.kept[ITEM] != before) == ([], True)

    async def test_a_file_that_cannot_be_written_is_an_alarm_and_the_vault_still_gets_it(self, book, vault: Moody):
        folder = book.care.heads.path.parent
        folder.write_text("in the way")
        await book.audit.note("test", "owner")
        await book.care.checkpoint()
        assert ["second place" in alarm for alarm in book.care.status().alarms] == [True]
        assert vault.kept[ITEM]
        folder.unlink()
        await book.care.tick()
        assert (book.care.status().alarms, len(book.care.heads.lines()) > 0) == ([], True)

    async def test_what_the_vault_saw_of_another_chain_is_not_written_over(self, book, vault: Moody, tmp_path: Path):
        for _ in range(3):
            await book.audit.note("test", "owner")
        await book.care.checkpoint()
        proof = vault.kept[ITEM]
        stranger(tmp_path, "DELETE FROM audit_event WHERE seq > 1")
        stranger(tmp_path, "DELETE FROM checkpoint")
        for _ in range(9):
            await book.audit.note("another story", "owner")
        await book.care.checkpoint()
        assert vault.kept[ITEM] == proof
        assert any("record 3 was witnessed" in alarm for alarm in book.care.status().alarms)
        verdict = await book.care.verify(AuditCheck())
        assert (verdict.intact, verdict.broken_at) == (False, 3)


class TestVerifying:
    async def test_the_verdict_names_what_was_asked(self, book, vault: Moody):
        await book.audit.note("test", "owner")
        await book.care.checkpoint()
        verdict = await book.care.verify(AuditCheck())
        assert (verdict.intact, verdict.first, verdict.last, verdict.records) == (True, 1, 1, 1)
        assert [(one.name, one.state, one.last) for one in verdict.witnesses] == [("file", "read", 1), ("secrets", "read", 1)]
        vault.fails = VaultLocked("shut")
        book.care.heads.path.write_text("rubbish\n")
        assert [(one.name, one.state) for one in (await book.care.verify(AuditCheck())).witnesses] == [
            ("file", "damaged"),
            ("secrets", "locked"),
        ]

    async def test_a_head_that_somebody_noted_is_held_against_it(self, book, vault: Moody):
        for _ in range(3):
            await book.audit.note("test", "owner")
        head = f"2 {book.file.newest(3, 1)[0].hash.hex()}"
        assert (await book.care.verify(AuditCheck(heads=[head, ""]))).intact
        assert (await book.care.verify(AuditCheck(heads=[head.replace("2 ", "3 ")]))).broken_at == 3
        with pytest.raises(RequestInvalid, match="SEQ HASH"):
            await book.care.verify(AuditCheck(heads=["hello"]))

    async def test_a_break_is_an_alarm_until_a_reading_finds_none(self, book, vault: Moody, tmp_path: Path):
        for _ in range(3):
            await book.audit.note("test", "owner")
        body = book.file.newest(3, 1)[0].body.hex()
        stranger(tmp_path, "UPDATE audit_event SET body = x'7b7d' WHERE seq = 2")
        assert (await book.care.verify(AuditCheck())).broken_at == 2
        assert (book.care.status().intact, "Record 2" in book.care.status().alarms[0]) == (False, True)
        assert (await book.care.verify(AuditCheck(first=3))).intact is False  # the guards are still gone
        stranger_free = f"UPDATE audit_event SET body = x'{body}' WHERE seq = 2"
        stranger(tmp_path, stranger_free)
        assert "guards" in str((await book.care.verify(AuditCheck())).reason)

    async def test_the_start_reads_the_newest_records(self, book, vault: Moody, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("gateway.operations.audit_care.AT_START", 3)
        for _ in range(9):
            await book.audit.note("test", "owner")
        stranger(tmp_path, "UPDATE audit_event SET body = x'7b7d' WHERE seq = 8")
        task = asyncio.create_task(book.care.run())
        async with asyncio.timeout(PATIENCE_S):
            while not book.care.status().alarms:
                await asyncio.sleep(0)
        task.cancel()
        assert "Record 8" in book.care.status().alarms[0]
        assert book.care.status().checked_at is None  # that was not the whole


class TestDays:
    async def test_every_day_it_is_read_and_the_result_written_down(self, book, vault: Moody):
        for _ in range(3):
            await book.care.tick()
        assert len(told(book, "audit.verified")) == 1
        book.clock.advance(DAY_S)
        await book.care.tick()
        assert [body["intact"] for body in told(book, "audit.verified")] == ["true", "true"]
        assert book.care.status().intact is True

    async def test_a_broken_log_forgets_nothing(self, book, vault: Moody, tmp_path: Path):
        book.clock.wall = 1_704_067_200_000_000
        for _ in range(95):
            book.clock.advance(DAY_S)
            await book.audit.note("test", "owner")
            await book.care.checkpoint()
        stranger(tmp_path, "UPDATE audit_event SET body = x'7b7d' WHERE seq = 93")
        await book.care.tick()
        assert (book.care.status().intact, book.file.following(0, 1)[0].seq, told(book, "audit.prune")) == (False, 1, [])

    async def test_a_size_near_the_quota_is_an_alarm(self, book, vault: Moody):
        book.care.quota_bytes = book.file.size() + 1
        await book.care.tick()
        assert any("audit_quota_bytes" in alarm for alarm in book.care.status().alarms)
        book.care.quota_bytes = 2**30
        book.clock.advance(DAY_S)
        await book.care.tick()
        assert book.care.status().alarms == []

    async def test_a_log_that_cannot_be_written_keeps_everything_and_says_so(self, book, vault: Moody):
        book.break_it()
        await book.care.tick()
        assert any("cannot be removed" in alarm for alarm in book.care.status().alarms)


class TestTheClock:
    async def test_a_clock_that_is_set_is_written_down_before_the_next_record(self, book):
        await book.audit.note("first", "owner")
        book.clock.advance(60)
        book.clock.sleep_machine(3600)
        await book.audit.note("second", "owner")  # time passed, and sleep, are no jump
        book.clock.step_wall(-10)
        await book.audit.note("third", "owner")
        book.clock.step_wall(7)
        await book.audit.note("fourth", "owner")
        assert [event for event, *_ in book.events()] == ["first", "second", "audit.clock_jump", "third", "audit.clock_jump", "fourth"]
        assert [body["by_ms"] for body in told(book, "audit.clock_jump")] == ["-10000", "7000"]

    async def test_one_that_was_set_back_while_nothing_ran_is_seen_against_the_newest_record(self, book):
        await book.audit.note("first", "owner")
        book.audit._noted = None  # as after a start
        book.clock.step_wall(-3600)
        await book.audit.note("second", "owner")
        assert [body["by_ms"] for body in told(book, "audit.clock_jump")] == ["-3600000"]


async def test_an_export_is_whole_and_signed(book, vault: Moody, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gateway.operations.audit.EXPORT_PAGE", 4)
    for number in range(10):
        await book.audit.note("test", "owner", str(number))
    raw = b"".join([piece async for piece in await book.audit.export()])
    *lines, last = raw.splitlines(keepends=True)
    end = json.loads(last)
    assert [json.loads(line)["body"]["target"] for line in lines[:10]] == [str(number) for number in range(10)]
    assert json.loads(lines[10])["body"]["event"] == "audit.export"
    assert [encode(json.loads(line)["body"]) for line in lines] == [entry.body for entry in book.file.following(0, 100)]
    digest = hashlib.sha256(b"".join(lines)).digest()
    assert (end["first"], end["last"], end["sha256"]) == (1, 11, digest.hex())
    assert book.audit.seal.holds(export_text(1, 11, bytes.fromhex(end["head"]), digest), bytes.fromhex(end["signature"]))
