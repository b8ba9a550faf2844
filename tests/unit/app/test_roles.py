"""The one door: help, version, unknown verbs, and each verb to its own role."""

import subprocess
import sys
from collections.abc import Sequence

import pytest

from app import roles
from contract.version import VERSION

VERBS = [
    "serve",
    "engine",
    "status",
    "submit",
    "users",
    "engines",
    "audit",
    "secrets",
    "drain",
    "rollout",
    "autostart",
    "update",
    "init",
    "diagnostics",
    "demo",
]


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"]])
def test_help_lists_every_command_and_the_exit_codes(arguments: list[str], capsys: pytest.CaptureFixture):
    assert roles.main(arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert all(f"\n  {verb} " in out for verb in VERBS)
    assert "Exit codes: 0 done, 1 failed, 2 wrong command line" in out


@pytest.mark.parametrize("arguments", [[], ["--open"], ["--data", "x"]])
def test_without_a_command_it_is_the_tray_application(arguments: list[str], monkeypatch: pytest.MonkeyPatch):
    from app.commands import desktop

    seen: list[Sequence[str]] = []
    monkeypatch.setattr(desktop, "main", lambda argv: seen.append(argv) or 0)
    assert roles.main(arguments) == 0
    assert seen == [arguments]


def test_the_version_is_the_contracts(capsys: pytest.CaptureFixture):
    assert roles.main(["--version"]) == 0
    assert capsys.readouterr().out == f"flowork {VERSION}\n"


@pytest.mark.parametrize("verb", ["sreve", "", "Serve"])
def test_an_unknown_verb_is_a_wrong_command_line(verb: str, capsys: pytest.CaptureFixture):
    assert roles.main([verb]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"flowork: there is no command {verb!r}. flowork --help lists them.\n")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_role_that_explains_itself(verb: str, capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as ended:
        roles.main([verb, "--help"])
    assert ended.value.code == 0
    assert f"flowork {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses_options_it_does_not_know(verb: str, capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as ended:
        roles.main([verb, "--nonsense"])
    assert ended.value.code == 2


def test_a_role_gets_the_rest_of_the_line_and_gives_the_exit_code(monkeypatch: pytest.MonkeyPatch):
    from app.commands import status

    seen: list[Sequence[str]] = []

    def main(argv: Sequence[str]) -> int:
        seen.append(argv)
        return 5

    monkeypatch.setattr(status, "main", main)
    assert roles.main(["status", "--json", "x"]) == 5
    assert seen == [["--json", "x"]]


def test_help_and_version_come_before_anything_heavy_is_imported():
    code = (
        "import sys; from app import roles; roles.main(['--help']); roles.main(['--version']); "
        "sys.exit(bool({'fastapi', 'pydantic', 'aiohttp', 'eth_account', 'uvicorn', 'socketio', 'asyncio'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False, timeout=60).returncode == 0
