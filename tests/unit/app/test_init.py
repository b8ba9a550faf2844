"""`flowork init`: everything or nothing, every mistake told, no secret in the file, and the same again changes nothing."""

import json
from pathlib import Path

import pytest

from app import settings as all_settings
from app.commands import init
from app.desktop.autostart import autostart
from app.services.providers import key_names
from app.services.secrets import Around, Place, remembered

GOOD = """
autostart = true

[secrets]
place = "clear"

[gateway]
port = 7800

[local]
name = "attic"

[providers.claude]
api = "anthropic"
key_file = "claude.key"
models = ["claude-sonnet"]

[aliases]
fast = ["claude/claude-sonnet"]

[endpoint]
kind = "url"
origin = "https://flowork.example.org"
"""
KEY = "sk-ant-" + "a1" * 20


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(init, "autostart", lambda command: autostart(command, platform="linux", environment={}, home=tmp_path))
    return tmp_path


@pytest.fixture
def run(home: Path, data: Path, capsys: pytest.CaptureFixture):
    def made(text: str = GOOD, *options: str):
        (home / "init.toml").write_text(text)
        code = init.main(["--config", str(home / "init.toml"), "--data", str(data), *options])
        return code, capsys.readouterr()

    (home / "claude.key").write_text(KEY + "\n")
    (home / "claude.key").chmod(0o600)
    return made


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_machine_is_set_up_as_the_file_says(run, data: Path, home: Path):
    code, said = run(GOOD, "--json")
    assert code == 0, said.err
    assert json.loads(said.out) == {"settings": "written", "secrets": "clear", "keys": ["claude"], "autostart": "on"}
    settings = all_settings.load(data, {}, {}, {})
    assert (settings.gateway.port, settings.local.name, settings.endpoint.kind) == (7800, "attic", "url")
    assert settings.engine.providers["claude"].key == "claude"
    assert key_names(data, Around(environment={})) == ["claude"]
    assert KEY not in (data / "config.toml").read_text()
    assert (home / ".config/autostart/flowork.desktop").exists()


def test_the_same_again_changes_nothing_and_says_so(run, data: Path):
    run()
    before = _files(data)
    code, said = run(GOOD, "--json")
    assert (code, json.loads(said.out)["settings"]) == (0, "unchanged")
    assert _files(data) == before


def test_what_the_file_does_not_name_stays_with_its_comments(run, data: Path):
    data.mkdir(mode=0o700)
    (data / "config.toml").write_text("[gateway]\nport = 1234 # ours\nhard_cap = 5 # small\n")
    assert run()[0] == 0
    text = (data / "config.toml").read_text()
    assert "hard_cap = 5 # small" in text
    assert "port = 7800" in text


def test_every_mistake_is_told_and_nothing_is_written(run, data: Path):
    code, said = run(
        'autostart = "yes"\n[secrets]\nplace = "cellar"\nword = 1\n[providers.a]\nkey_file = "none"\n[gateway]\nx = "sk-12345678"\n'
    )
    assert code == 2
    for part in (
        "autostart: write true",
        "[secrets] place: write one of",
        "[secrets] word",
        "key_file: ",
        "gateway.x: this looks like a secret",
    ):
        assert part in said.err
    assert "sk-12345678" not in said.err
    assert not data.exists() or not _files(data)


def test_the_settings_own_rules_are_told_with_the_name_of_the_file(run, home: Path, data: Path):
    code, said = run('[gateway]\nport = 99999\n[nonsense]\na = 1\n[endpoint]\nkind = "magic"\n')
    assert code == 2
    for part in (f"{home}/init.toml: [gateway] port", "[nonsense]: there is no such table", "[endpoint] kind"):
        assert part in said.err
    assert "flowork-init-" not in said.err
    assert not data.exists() or not _files(data)


def test_a_key_that_others_can_read_is_refused(run, home: Path, data: Path):
    (home / "claude.key").chmod(0o644)
    code, said = run()
    assert code == 2
    assert "chmod 600" in said.err
    assert KEY not in said.err
    assert not data.exists() or not _files(data)


def test_a_passphrase_file_keeps_the_secrets_under_it(run, home: Path, data: Path):
    (home / "pass").write_text("a long enough passphrase\n")
    (home / "pass").chmod(0o600)
    text = GOOD.replace('place = "clear"', 'place = "file"\npassphrase_file = "pass"')
    code, said = run(text)
    assert code == 0, said.err
    assert remembered(data).place is Place.FILE
    assert KEY.encode() not in (data / "secrets.enc").read_bytes()
    assert run(text)[0] == 0, "and again"


def test_a_missing_keyring_is_no_reason_to_keep_secrets_elsewhere(run, data: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    code, said = run('[secrets]\nplace = "keyring"\n')
    assert code == 78, said
    assert remembered(data) is None


def test_secrets_are_never_moved_by_it(run, data: Path):
    run()
    code, said = run(GOOD.replace('place = "clear"', 'place = "keyring"'))
    assert code == 2
    assert "flowork secrets move --to keyring" in said.err
