"""Diagnostics hold what helps and nothing that is somebody's own: not by accident, and not by a library's words either."""

import json
from pathlib import Path

import pytest

from app.commands import diagnostics as command
from app.rules.scrub import scrub
from app.services.diagnostics import LOG_FIELDS, Machine, gather
from contract import log_events

TOKEN = "fwe1_0123456789_" + "Zz9" * 12
PROVIDER = "sk-ant-api03-" + "aB3" * 10
CONFIG = """
[gateway]
port = 7800
public_origins = ["https://flowork.anns-house.example"]
tunnel = true
[local]
name = "anns-attic"
[endpoint]
kind = "url"
origin = "https://flowork.anns-house.example"
[providers.ours]
base_url = "http://gpu.anns-house.example:9000/v1"
[desktop]
pause_below_battery = 20
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    environment = {"XDG_CURRENT_DESKTOP": "GNOME", "LANG": "id_ID.UTF-8", "OPENROUTER_KEY": "plainwordsonly", "DISPLAY": ":0"}
    return Machine(environment, "annelies", "anns-laptop", tmp_path / "home" / "annelies")


@pytest.fixture
def data(tmp_path: Path, machine: Machine) -> Path:
    folder = machine.home / ".local/share/flowork"
    (folder / "logs").mkdir(parents=True)
    (folder / "run").mkdir()
    folder.chmod(0o700)
    (folder / "config.toml").write_text(CONFIG)
    (folder / "run" / "tunnel.json").write_text(json.dumps({"host": "secret-host-of-the-tunnel", "port": 1}))
    lines = [
        {"reason": f"{TOKEN} of annelies at anns-laptop, see {folder}/logs", "message": "the person's own words"},
        {"reason": f"key {PROVIDER} refused by gpu.anns-house.example", "ip": "203.0.113.9", "detail": "words of a job"},
        {"reason": "plainwordsonly secret-host-of-the-tunnel ann@house.example 203.0.113.10 2001:db8::17 127.0.0.1"},
    ]
    core = {"at": "2026-11-27T10:00:00.000Z", "level": "info", "source": "gateway", "event": "library.said"}
    (folder / "logs" / "flowork.log").write_text("".join(json.dumps({**core, **line}) + "\n" for line in lines))
    return folder


async def test_nothing_that_is_somebodys_own_is_in_it(data: Path, machine: Machine):
    text = await gather(data, machine)
    for own in (
        *("annelies", "anns-laptop", "anns-house", "anns-attic", "plainwordsonly", "secret-host", "Zz9", "aB3aB3", "house.example"),
        *("203.0.113", "2001:db8", "own words", "words of a job", str(data), str(machine.home)),
    ):
        assert own not in text, own


async def test_what_helps_is_in_it(data: Path, machine: Machine):
    text = await gather(data, machine)
    for needed in (
        *("flowork 0.", "python 3.", "XDG_CURRENT_DESKTOP GNOME", "DISPLAY set", "[gateway] port = 7800", "[gateway] tunnel = true"),
        *("[gateway] public_origins = (1 entries)", "[endpoint] kind = url", "[endpoint] origin = (set)", "[local] name = (set)"),
        *("[desktop] pause_below_battery = 20", "none answers", "library.said", "127.0.0.1", "<data>", "<user>"),
    ):
        assert needed in text, needed


async def test_a_folder_that_is_not_there_and_a_broken_config_are_told_not_raised(tmp_path: Path, machine: Machine):
    assert "is not there yet" in await gather(tmp_path / "none", machine)
    (tmp_path / "config.toml").write_text("[gateway]\nport = 'x'\n")
    text = await gather(tmp_path, machine)
    assert "1 mistakes" in text
    assert "BAD" in text.upper()


def test_the_fields_of_log_lines_are_ones_that_exist_and_hold_nobodys_words():
    known = {**log_events.CORE, **log_events.CONTEXT, **log_events.EXTRA, **log_events.FIELDS}
    assert set(LOG_FIELDS) <= set(known)
    assert not set(LOG_FIELDS) & {"ip", "message", "detail", "user_id", "name", "paths", "file", "advice", "what", "address", "lan_address"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bearer abcdefgh12345678", "Bearer ***"),
        ("https://ann:pw@host/x", "https://***@host/x"),
        ("File /usr/lib/python3/dist-packages/some_long_package_name/module/another.py", None),
        ("version 6.18.44, port 7717, trace 4bf92f3577b34da6a3ce929d0e0e4736", None),
        ("Qk1" * 14 + "==", "***"),
        ("ghp_" + "a1" * 10, "***"),
    ],
)
def test_what_has_a_secrets_form_goes_and_the_rest_stays(text: str, expected: str | None):
    assert scrub(text, [], {}) == (text if expected is None else expected)


def test_known_values_go_longest_first_and_names_only_as_whole_words():
    assert scrub("abcdef-long abcdef", ["abcdef", "abcdef-long"], {}) == "*** ***"
    assert scrub("ann planned /h/ann/x", [], {"ann": "<user>", "/h/ann": "~"}) == "<user> planned ~/x"


def test_the_file_is_its_owners_alone(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    target = tmp_path / "out.txt"
    assert command.main(["--data", str(data), "--file", str(target)]) == 0
    assert target.stat().st_mode & 0o077 == 0
    assert "## Doctor" in target.read_text()
    assert str(target) in capsys.readouterr().out
    assert command.main(["--data", str(data), "--file", str(tmp_path / "no" / "out.txt")]) == 1
    assert command.main(["--data", str(data), "--json"]) == 0
    assert "## Doctor" in json.loads(capsys.readouterr().out.splitlines()[-1])["diagnostics"]
