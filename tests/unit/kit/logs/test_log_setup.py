"""`kit.logs.setup`: where the lines of a program go."""

import io
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.logs.lines import as_json
from kit.logs.pretty import Pretty
from kit.logs.settings import LogSettings
from kit.logs.setup import rendering

ROOT = Path(__file__).parent.parent.parent.parent.parent
PROGRAM = """
import logging, os, sys, threading, warnings
from pathlib import Path
from kit.logs import Log
from kit.logs.settings import LogSettings
from kit.logs.setup import flush, logging_to
log = Log("test")
with logging_to(Path(sys.argv[1]), "flowork", LogSettings(**eval(sys.argv[2]))):
    exec(sys.argv[3])
"""


def ran(data: Path, code: str, **settings: Any) -> tuple[int, list[dict[str, Any]], list[dict[str, Any]]]:
    """Exit code, lines on standard error, lines of the file."""
    command = [sys.executable, "-W", "default", "-c", PROGRAM, str(data), repr(settings), code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    file = data / "logs" / "flowork.log"
    kept = file.read_text().splitlines() if file.exists() else []
    return done.returncode, [json.loads(line) for line in done.stderr.splitlines()], [json.loads(line) for line in kept]


def test_every_line_is_on_standard_error_and_in_the_file(tmp_path: Path):
    code, shown, kept = ran(tmp_path, "[log.info('said', n=n) for n in range(1000)]")
    assert code == 0
    assert [line["n"] for line in shown] == list(range(1000))
    assert kept == shown


def test_what_ends_the_program_is_the_last_line_of_both(tmp_path: Path):
    code, shown, kept = ran(tmp_path, "log.info('said'); raise RuntimeError('boom')")
    assert code == 1
    assert [line["event"] for line in kept] == ["said", "program.failed"]
    assert kept[-1]["exception"].endswith("RuntimeError: boom")
    assert shown == kept


def test_what_ends_a_thread_and_what_libraries_and_python_warn_of_comes_the_same_way(tmp_path: Path):
    code = """
thread = threading.Thread(target=lambda: 1 / 0, name="worker")
thread.start(); thread.join()
logging.getLogger("asyncio").warning("took %s", "long")
warnings.warn("old")
class Bad:
    def __del__(self): raise ValueError("late")
Bad()
"""
    _, _, kept = ran(tmp_path, code)
    assert [(line["event"], line["source"]) for line in kept] == [
        ("thread.failed", "flowork.program"),
        ("library.said", "asyncio"),
        ("library.said", "py.warnings"),
        ("program.unraisable", "flowork.program"),
    ]
    assert kept[0]["thread"] == "worker"
    assert "ZeroDivisionError" in kept[0]["exception"]


def test_an_end_without_ceremony_loses_nothing_that_was_flushed(tmp_path: Path):
    code, shown, kept = ran(tmp_path, "log.info('said'); flush(); os._exit(3)")
    assert (code, len(shown), len(kept)) == (3, 1, 1)


def test_the_file_can_be_switched_off_and_the_level_chosen(tmp_path: Path):
    _, shown, kept = ran(tmp_path, "log.debug('a'); log.error('b')", file=False, level="debug")
    assert [line["event"] for line in shown] == ["a", "b"]
    assert kept == []
    assert not (tmp_path / "logs").exists()


def test_a_folder_that_cannot_be_written_is_told_once_and_ends_nothing(tmp_path: Path):
    (tmp_path / "logs").write_text("a file")
    code, shown, _ = ran(tmp_path, "[(log.info('said'), flush()) for _ in range(3)]")
    assert code == 0
    assert [line["event"] for line in shown].count("logs.not_written") == 1
    assert [line["event"] for line in shown].count("said") == 3


@pytest.mark.skipif(os.name == "nt", reason="pipes")
def test_a_standard_error_that_nobody_reads_holds_nothing_up(tmp_path: Path):
    read, write = os.pipe()
    code = "[log.info('said', text='x' * 1000) for _ in range(1000)]; print('done', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), "{}", code]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=write, text=True) as program:
        os.close(write)
        assert program.stdout is not None
        assert program.stdout.readline() == "done\n"  # although its pipe has been full for long
        program.communicate("")
        assert program.returncode == 0
    os.close(read)
    assert len((tmp_path / "logs" / "flowork.log").read_text().splitlines()) == 1000


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("form", "terminal", "pretty"),
    [("auto", True, True), ("auto", False, False), ("json", True, False), ("pretty", False, True), ("pretty", True, True)],
)
def test_people_on_a_terminal_get_lines_for_people(form: str, terminal: bool, pretty: bool):
    chosen = rendering(LogSettings.model_validate({"form": form}), Terminal() if terminal else io.StringIO(), {})
    assert isinstance(chosen, Pretty) == pretty
    assert (chosen is as_json) != pretty


LINE = {"at": "2026-11-25T13:00:00.123Z", "level": "warning", "source": "flowork.test", "event": "it.happened"}


@pytest.mark.parametrize(
    ("environment", "stream", "coloured"),
    [({}, Terminal(), True), ({"NO_COLOR": "1"}, Terminal(), False), ({"NO_COLOR": ""}, Terminal(), True), ({}, io.StringIO(), False)],
)
def test_colours_are_for_terminals_whose_owner_wants_them(environment: dict[str, str], stream: io.StringIO, coloured: bool):
    assert ("\x1b[" in rendering(LogSettings(form="pretty"), stream, environment)(LINE)) == coloured


@pytest.fixture
def vienna(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.skipif(os.name == "nt", reason="no tzset")
@pytest.mark.usefixtures("vienna")
def test_lines_for_people_say_time_level_event_and_fields_without_moving_the_cursor():
    line = {**LINE, "text": "\x1b[2Jtwo words", "n": None, "share": 0.5, "ids": ["a", "b"], "exception": "Traceback\n  \x1b[1mboom"}
    assert Pretty(colours=False)(line).splitlines() == [
        '14:00:00.123 warn  it.happened              text="\\x1b[2Jtwo words" share=0.5 ids=a,b',
        "    Traceback",
        "      \\x1b[1mboom",
    ]


def test_the_level_of_a_terminal_is_only_for_who_said_none():
    assert LogSettings().least(logging.WARNING) == logging.WARNING
    assert LogSettings(level="debug").least(logging.WARNING) == logging.DEBUG


def test_an_access_line_reads_like_one_and_its_ids_are_short():
    line = {
        **LINE,
        "event": "http.request",
        "method": "POST",
        "route": "/api/v1/jobs",
        "status": 201,
        "latency_ms": 3.25,
        "ingress": "loopback",
        "trace_id": "ab" * 16,
        "job_id": "abcdef_01a21308-dfa9-7d4b-970b-66415d95b2ad",
    }
    assert (
        Pretty(colours=False)(line)[19:] == "http.request             POST /api/v1/jobs 201 3.25 ms trace_id=abababab job_id=..66415d95b2ad"
    )
