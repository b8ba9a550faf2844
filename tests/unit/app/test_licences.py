"""The licences that the program shows: its own, and those of what came with it, whichever way it was installed."""

import json
from pathlib import Path

import pytest

from app import roles
from app.services.licences import ELSEWHERE, NOTICES, licences


def test_a_frozen_program_shows_its_own_and_all_notices(tmp_path: Path):
    (tmp_path / "LICENSE").write_text("Apache\n")
    (tmp_path / NOTICES).write_text("Third-party notices\n\nCopyright Ä\n", encoding="utf-8")
    assert licences(tmp_path) == "Apache\n\nThird-party notices\n\nCopyright Ä\n"


def test_one_that_pip_installed_shows_its_own_those_of_the_gui_and_where_the_others_are(tmp_path: Path):
    (tmp_path / "licences.txt").write_text("Copyright vue\n")
    told = licences(tmp_path / "site-packages", tmp_path)
    assert "Apache License" in told  # found among what pip wrote down
    assert told.endswith(f"\n\n{ELSEWHERE}\n\nCopyright vue\n")


def test_the_command_prints_them(capsys: pytest.CaptureFixture[str]):
    assert roles.main(["licences"]) == 0
    text = capsys.readouterr().out
    assert "Apache License" in text
    assert roles.main(["licences", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"licences": text}
