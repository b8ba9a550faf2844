"""`flowork update`: what it prints, and its exit codes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.commands import update
from app.commands.update import render
from app.roles import main
from app.rules.update import Reason, View

HERE = View("1.0.0", "linux-x64", "deb", "off", "https://x.example", checkable=True)
KNOWN = replace(HERE, offered="9.0.0", notes_url="https://x.example/9", command="sudo apt install it")


@pytest.mark.parametrize(
    ("view", "there"),
    [
        (HERE, ["1.0.0 (linux-x64, deb)", "off", "never", "none known"]),
        (replace(HERE, checkable=False), ["this build cannot check for updates"]),
        (replace(HERE, tried=1_767_225_600_000_000), ["2026-01-01 00:00 UTC"]),
        (replace(HERE, tried=1_767_225_600_000_000, failed=Reason.EXPIRED), ["It has expired"]),
        (KNOWN, ["9.0.0", "https://x.example/9", "flowork update download"]),
        (replace(KNOWN, fetched="/x/it"), ["/x/it", "sudo apt install it"]),
        (replace(KNOWN, kind="setup", itself=True), ["flowork update install"]),
        (replace(KNOWN, kind="source"), ["update it where you got it"]),
    ],
)
def test_the_page_says_what_is_known_and_what_to_do_next(view: View, there: list[str]):
    assert [words for words in there if words not in render(view)] == []


def test_a_status_asks_nobody_and_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture):
    data = tmp_path / "nothing"
    assert main(["update", "status", "--data", str(data), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["mode"], told["kind"], told["offered"], told["checkable"]) == ("off", "source", "", False)
    assert not data.exists()


@pytest.mark.parametrize("verb", ["check", "download", "install"])
def test_a_build_without_keys_says_so(tmp_path: Path, verb: str, capsys: pytest.CaptureFixture):
    assert main(["update", verb, "--data", str(tmp_path / "data")]) == 1
    assert "This build holds no release keys" in capsys.readouterr().err


def test_a_failure_is_told_to_programs_too(tmp_path: Path, capsys: pytest.CaptureFixture):
    assert main(["update", "check", "--data", str(tmp_path / "data"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "update.no_keys"


def test_settings_that_are_wrong_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.setenv("FLOWORK_UPDATE_URL", "http://x.example")
    monkeypatch.setenv("FLOWORK_UPDATE_MODE", "always")
    assert main(["update", "status", "--data", str(tmp_path / "data")]) == 2
    said = capsys.readouterr().err
    assert "FLOWORK_UPDATE_URL" in said
    assert "FLOWORK_UPDATE_MODE" in said


def test_nobody_at_a_terminal_agrees_to_nothing(capsys: pytest.CaptureFixture):
    assert not update._agrees("9.0.0")
    assert "--yes" in capsys.readouterr().err
