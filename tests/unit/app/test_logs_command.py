"""`flowork logs`: the lines of all files in order, chosen by level and job, and what comes while somebody looks."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.commands.logs import choice, main
from app.services.log_files import Tail, newest

JOB = "abcdef_01a21308-dfa9-7d4b-970b-66415d95b2ad"
ALL = choice("debug", None)


def line(second: int, **fields: Any) -> str:
    head = {"at": f"2026-11-25T12:00:{second:02d}.000Z", "level": "info", "source": "flowork.test", "event": "it.happened"}
    return json.dumps({**head, **fields}) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "logs"
    made.mkdir()
    return made


def at(lines: list[dict[str, Any]]) -> list[int]:
    return [int(each["at"][17:19]) for each in lines]


def test_lines_of_all_files_come_in_their_order(folder: Path):
    (folder / "flowork.log").write_text(line(5) + line(7))
    (folder / "flowork.log.1").write_text(line(3) + line(4))
    (folder / "flowork.log.2").write_text(line(1))
    (folder / "flowork.log.10").write_text(line(0))
    (folder / "engine.log").write_text(line(2) + line(6))
    assert at(newest(folder, 100, ALL)) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert at(newest(folder, 3, ALL)) == [5, 6, 7]


def test_half_a_line_and_other_things_are_left_out(folder: Path):
    (folder / "flowork.log").write_bytes(b'{"half\n' + line(1).encode() + b'[1]\n{"a": 1}\n\xff\n' + line(2).encode()[:-9])
    assert at(newest(folder, 10, ALL)) == [1]


@pytest.mark.parametrize(
    ("level", "job", "seconds"),
    [("debug", None, [1, 2, 3, 4]), ("warning", None, [2, 4]), ("debug", JOB, [3, 4]), ("debug", JOB[-12:], [3, 4]), ("error", JOB, [])],
)
def test_level_and_job_choose(folder: Path, level: str, job: str | None, seconds: list[int]):
    lines = line(1) + line(2, level="warning") + line(3, job_id=JOB, level="debug") + line(4, jobs=["x", JOB], level="warning")
    (folder / "flowork.log").write_text(lines)
    assert at(newest(folder, 10, choice(level, job))) == seconds


def test_a_look_at_what_comes_misses_nothing_when_a_file_is_put_aside(folder: Path):
    current = folder / "flowork.log"
    current.write_text(line(1))
    tail = Tail(folder)
    assert tail.more(ALL) == []
    with current.open("a") as file:
        file.write(line(2) + line(3)[:20])
    assert at(tail.more(ALL)) == [2]
    with current.open("a") as file:
        file.write(line(3)[20:] + line(4))
    current.rename(folder / "flowork.log.1")
    current.write_text(line(5))
    (folder / "engine.log").write_text(line(6))
    assert at(tail.more(ALL)) == [3, 4, 5, 6]
    assert tail.more(ALL) == []


def test_the_command_prints_lines_for_people_or_as_they_are(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "flowork.log").write_text(line(1, reason="two words") + line(2))
    assert main(["--data", str(folder.parent), "--lines", "2"]) == 0
    assert 'info  it.happened              reason="two words"' in capsys.readouterr().out
    assert main(["--data", str(folder.parent), "--json", "--lines", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["at"].endswith("12:00:02.000Z")


def test_where_nothing_was_written_it_says_where_it_looked(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--data", str(tmp_path)]) == 1
    assert str(tmp_path / "logs") in capsys.readouterr().err


def test_following_prints_what_comes_until_it_is_ended(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    current = folder / "flowork.log"
    current.write_text(line(1))

    looks = 0

    def pause(_seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            current.write_text(line(1) + line(2, event="it.came"))
        else:
            assert "it.came" in capsys.readouterr().out
            raise KeyboardInterrupt

    monkeypatch.setattr("app.commands.logs.time.sleep", pause)
    assert main(["--data", str(folder.parent), "--follow"]) == 0
