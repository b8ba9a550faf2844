"""The log as the window reads it: what is chosen, and that no line is missed or shown twice."""

import json
from pathlib import Path

import pytest

from app.bridge.acts.logs import FollowLogs, LogLine, LogLines, ReadLogs
from app.services.acts.logs import handlers


def write(data: Path, *events: str, level: str = "info", **fields: str) -> None:
    (data / "logs").mkdir(exist_ok=True)
    with (data / "logs" / "flowork.log").open("a") as file:
        for event in events:
            file.write(json.dumps({"at": "2026-11-27T09:30:00.000000Z", "level": level, "source": "test", "event": event, **fields}) + "\n")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write(tmp_path, "a.begun")
    write(tmp_path, "a.failed", level="error", reason="No room")
    return tmp_path


def events(found: LogLines) -> list[str]:
    return [line.event for line in found.lines]


async def test_level_and_text_choose(data: Path):
    read = handlers(data)[ReadLogs]
    assert events(await read(ReadLogs())) == ["a.begun", "a.failed"]
    assert events(await read(ReadLogs(level="warning"))) == ["a.failed"]
    assert events(await read(ReadLogs(text="NO ROOM"))) == ["a.failed"]
    assert events(await read(ReadLogs(count=1))) == ["a.failed"]
    found = await read(ReadLogs(level="error"))
    assert found == LogLines((LogLine("2026-11-27T09:30:00.000000Z", "error", "test", "a.failed", "reason=No room"),), str(data / "logs"))


async def test_each_later_line_is_told_once(data: Path):
    acts = handlers(data)
    assert events(await acts[FollowLogs](FollowLogs())) == []
    await acts[ReadLogs](ReadLogs())
    write(data, "b.one", "b.two")
    assert events(await acts[FollowLogs](FollowLogs())) == ["b.one", "b.two"]
    assert events(await acts[FollowLogs](FollowLogs())) == []


async def test_what_is_written_between_the_two_first_looks_is_told_once(data: Path, monkeypatch):
    from app.services.acts import logs

    acts, newest = handlers(data), logs.newest

    def late(*asked):
        write(data, "b.between")
        return newest(*asked)

    monkeypatch.setattr(logs, "newest", late)
    assert "b.between" in events(await acts[ReadLogs](ReadLogs()))
    assert events(await acts[FollowLogs](FollowLogs())) == []


async def test_without_a_folder_there_is_nothing_and_no_error(tmp_path: Path):
    acts = handlers(tmp_path)
    assert events(await acts[ReadLogs](ReadLogs())) == []


async def test_a_line_cannot_move_the_cursor(tmp_path: Path):
    write(tmp_path, "a.evil", reason="\u202egnp\x1b[2J")
    (line,) = (await handlers(tmp_path)[ReadLogs](ReadLogs())).lines
    assert line.fields.isprintable()
