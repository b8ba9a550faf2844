"""control.db: users, engines and sources; refused untouched when it is not one we can use."""

import asyncio
import contextlib
import hashlib
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contract.errors import EngineNameTaken, StorageFull
from gateway.store.control import LAYOUT, Control, ControlRefused, EngineRow, open_control


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.db"


@pytest.fixture
async def control(path: Path) -> AsyncIterator[Control]:
    async with open_control(path) as (opened, _people):
        yield opened


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def filled(path: Path) -> None:
    async with open_control(path) as (control, _people):
        for number in range(200):
            await control.add_engine(f"e{number:03}", f"name-{number}", number)


class TestEngines:
    async def test_an_engine_begins_without_a_shard(self, control: Control):
        await control.add_engine("bbbb", "den", 2)
        await control.add_engine("aaaa", "lab", 1)
        assert await control.engines() == [EngineRow("aaaa", "lab", False, None), EngineRow("bbbb", "den", False, None)]

    async def test_pauses_and_publication_are_kept_for_that_engine_alone(self, path: Path):
        async with open_control(path) as (control, _people):
            await control.add_engine("aaaa", "lab", 1)
            await control.add_engine("bbbb", "den", 2)
            await control.pauses.pause("aaaa", True, [], 3, {})
            await control.pauses.publish("bbbb", True)
        async with open_control(path) as (control, _people):
            assert [(row.name, row.paused, row.public) for row in await control.engines()] == [("lab", True, False), ("den", False, True)]
            await control.pauses.pause("aaaa", False, [], 4, {})
            await control.pauses.publish("bbbb", False)
            assert not any(row.paused or row.public for row in await control.engines())

    async def test_a_pause_whose_users_cannot_be_told_is_not_kept(self, control: Control):
        await control.add_engine("aaaa", "lab", 1)
        with pytest.raises(sqlite3.IntegrityError):
            await control.pauses.pause("aaaa", True, ["nobody"], 3, {})
        assert [row.paused for row in await control.engines()] == [False]

    async def test_a_name_that_is_taken_is_refused_and_changes_nothing(self, control: Control):
        await control.add_engine("aaaa", "lab", 1)
        with pytest.raises(EngineNameTaken, match="lab"):
            await control.add_engine("bbbb", "lab", 2)
        assert [row.id for row in await control.engines()] == ["aaaa"]

    async def test_of_callers_who_want_one_name_at_once_one_gets_it(self, control: Control):
        tries = await asyncio.gather(*(control.add_engine(f"aaa{n}", "lab", n) for n in range(8)), return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in tries) == ["EngineNameTaken"] * 7 + ["NoneType"]
        assert len(await control.engines()) == 1

    async def test_a_shard_that_was_opened_was_made_and_is_due_at_once_until_it_is_closed(self, control: Control):
        await control.add_engine("aaaa", "lab", 1)
        for act, wake_at in (
            (control.shard_opened("aaaa"), 0),
            (control.shard_closed("aaaa", 77), 77),
            (control.shard_closed("aaaa", None), None),
        ):
            await act
            assert await control.engines() == [EngineRow("aaaa", "lab", True, wake_at)]


class TestSources:
    async def test_a_source_noted_twice_is_there_once(self, control: Control):
        await asyncio.gather(*(control.add_source("ann", "aaaa") for _ in range(5)), control.add_source("bob", "aaaa"))
        assert sorted(await control.sources()) == [("ann", "aaaa"), ("bob", "aaaa")]


class TestTheFile:
    async def test_what_was_written_is_there_after_a_close(self, path: Path):
        await filled(path)
        async with open_control(path) as (again, _people):
            engines = await again.engines()
            assert (len(engines), engines[0]) == (200, EngineRow("e000", "name-0", False, None))

    async def test_it_is_its_owners_alone(self, path: Path, control: Control):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    async def test_its_log_is_its_owners_alone_too(self, path: Path, control: Control):
        await control.add_engine("aaaa", "lab", 1)
        assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {
            "control.db": 0o600,
            "control.db-wal": 0o600,
            "control.db-shm": 0o600,
        }

    async def test_every_commit_is_synced_and_references_hold(self, control: Control):
        for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
            assert list(await control._database._connection.execute_fetchall(f"PRAGMA {pragma}")) == [(value,)]

    @pytest.mark.parametrize("version", [LAYOUT.version + 1, 99])
    async def test_a_newer_layout_is_refused_and_left_byte_for_byte(self, path: Path, version: int):
        await filled(path)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA user_version = {version}")
        before = digest(path)
        with pytest.raises(ControlRefused, match=f"layout {version}.*newer"):
            async with open_control(path):
                pass
        assert digest(path) == before
        assert [file.name for file in path.parent.iterdir()] == ["control.db"]

    async def test_another_programs_database_is_refused_and_left_byte_for_byte(self, path: Path):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA application_id = {LAYOUT.application_id + 1}")
            connection.execute("CREATE TABLE mine(x)")
        before = digest(path)
        with pytest.raises(ControlRefused):
            async with open_control(path):
                pass
        assert digest(path) == before

    async def test_a_nameless_programs_database_is_refused_and_left_byte_for_byte(self, path: Path):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE mine(x)")
        before = digest(path)
        with pytest.raises(ControlRefused):
            async with open_control(path):
                pass
        assert digest(path) == before

    async def test_what_is_no_database_is_refused_and_left_byte_for_byte(self, path: Path):
        path.write_bytes(b"my diary\n" * 1000)
        before = digest(path)
        with pytest.raises(ControlRefused, match="damaged"):
            async with open_control(path):
                pass
        assert digest(path) == before

    async def test_a_file_damaged_inside_is_refused_and_left_byte_for_byte(self, path: Path):
        await filled(path)
        raw = bytearray(path.read_bytes())
        raw[4096:] = b"\xde\xad" * ((len(raw) - 4096) // 2)
        path.write_bytes(raw)
        before = digest(path)
        with pytest.raises(ControlRefused, match="damaged"):
            async with open_control(path) as (control, _people):
                await control.engines()
        assert digest(path) == before

    async def test_a_folder_that_is_not_there_is_refused(self, tmp_path: Path):
        with pytest.raises(ControlRefused, match="cannot be opened"):
            async with open_control(tmp_path / "nowhere" / "control.db"):
                pass

    async def test_a_full_disk_is_told_as_such(self, control: Control):
        ((pages,),) = await control._database._connection.execute_fetchall("PRAGMA page_count")
        await control._database._connection.execute_fetchall(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StorageFull):
            await control.add_source("u" * 100_000, "aaaa")


class TestChoices:
    async def test_the_engine_that_was_kept_first_counts_even_if_another_was_found_meanwhile(self, control: Control):
        assert await control.choices.keep("ann", {"k": "lab", "odd \"'\\": "lab"}, 0, 10) == {"k": "lab", "odd \"'\\": "lab"}
        assert await control.choices.keep("ann", {"k": "den"}, 0, 10) == {"k": "lab"}
        assert await control.choices.keep("bob", {"k": "den"}, 0, 10) == {"k": "den"}
        assert await control.choices.known("ann", ["k", "odd \"'\\", "other"]) == {"k": "lab", "odd \"'\\": "lab"}

    async def test_choices_outlive_a_restart_and_go_when_their_time_is_over(self, path: Path):
        async with open_control(path) as (control, _people):
            await control.choices.keep("ann", {"old": "lab", "used again": "lab"}, 0, 10)
        async with open_control(path) as (control, _people):
            await control.choices.keep("ann", {"used again": "den"}, 9, 20)
            await control.choices.keep("ann", {"new": "den"}, 10, 20)
            assert await control.choices.known("ann", ["old", "used again", "new"]) == {"used again": "lab", "new": "den"}
