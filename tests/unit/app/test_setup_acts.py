"""What the first-run windows ask for, done on real files and a real model server; nothing half-done when it fails."""

import asyncio
import socket
import tempfile
from pathlib import Path

import pytest

from app.bridge.acts.setup import (
    AddKey,
    ChooseEndpoint,
    ChooseSecrets,
    EndSetup,
    FindSources,
    LookAtAutostart,
    LookAtSecrets,
    NeedsSetup,
    SetAutostart,
    UseServers,
)
from app.desktop.autostart import autostart
from app.services import providers
from app.services.acts.refusal import ActRefused
from app.services.acts.setup import handlers
from app.services.providers import Found
from app.services.secrets import Around, Place, remembered
from app.settings import load
from contract.endpoint import EndpointKind, EndpointView
from kit.files import exclusive_lock, private_folder
from kit.vault import FolderSecrets, VaultLocked, VaultUnavailable
from tests.support.openai_server import openai_server

PASSPHRASE = "a passphrase of some length"


def _none(_folder_id, _index):
    raise VaultUnavailable("No keyring here.")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def told():
    return []


@pytest.fixture
def do(data: Path, tmp_path: Path, told):
    """Does an act, as on a desktop with such a keyring."""

    async def endpoint(kind, origin, token):
        told.append((kind, origin, token))
        return EndpointView(kind=kind)

    async def made(act, keyring=_none):
        way = autostart(("flowork",), platform="linux", environment={}, home=tmp_path)
        table = handlers(data, around=Around({}, None, told.append, keyring), autostart=way, endpoint=endpoint, unlocked=told.append)
        return await table[type(act)](act)

    return made


async def test_looking_changes_nothing(do, data: Path):
    looked = await do(LookAtSecrets())
    assert (looked.place, looked.state, looked.reason) == ("", "unavailable", "No keyring here.")
    assert (await do(LookAtAutostart())).state == "off"
    assert await do(NeedsSetup())
    assert not data.exists()


async def test_a_passphrase_file_is_made_and_the_passphrase_handed_on(do, data: Path, told):
    found = await do(ChooseSecrets("file", PASSPHRASE))
    assert (found.place, found.state) == ("file", "open")
    assert told == [PASSPHRASE]
    assert remembered(data).place is Place.FILE
    assert PASSPHRASE.encode() not in (data / "secrets.enc").read_bytes()


async def test_a_passphrase_file_is_made_although_there_is_a_keyring(do, data: Path, tmp_path: Path):
    await do(ChooseSecrets("file", PASSPHRASE), keyring=lambda *_: FolderSecrets(tmp_path / "ring"))
    assert remembered(data).place is Place.FILE


async def test_a_keyring_that_is_not_there_is_refused_and_nothing_chosen_in_its_stead(do, data: Path, told):
    with pytest.raises(ActRefused, match="No keyring here"):
        await do(ChooseSecrets("keyring"))
    assert remembered(data) is None
    assert told == []


async def test_a_locked_keyring_is_told_as_locked(do):
    class Closed(FolderSecrets):
        def get(self, name):
            raise VaultLocked("closed")

    with tempfile.TemporaryDirectory() as folder:
        assert (await do(LookAtSecrets(), keyring=lambda *_: Closed(Path(folder)))).state == "locked"


async def test_a_choice_is_made_once(do):
    await do(ChooseSecrets("clear"))
    assert (await do(LookAtSecrets())).state == "open"
    with pytest.raises(ActRefused, match="elsewhere already"):
        await do(ChooseSecrets("file", PASSPHRASE))


async def test_a_running_gateway_keeps_its_keys(do, data: Path):
    with exclusive_lock(private_folder(data / "run") / "flowork.lock"), pytest.raises(ActRefused, match="Stop the gateway"):
        await do(ChooseSecrets("clear"))


async def test_found_servers_are_written_beside_what_stands_there(do, data: Path, monkeypatch: pytest.MonkeyPatch):
    async def find():
        return [Found("ollama", "http://127.0.0.1:11434/v1", ("llama",)), Found("vllm", "http://127.0.0.1:8000/v1", ("x",))]

    monkeypatch.setattr(providers, "find", find)
    private_folder(data)
    (data / "config.toml").write_text("[gateway]\nport = 7 # mine\n")
    before = await do(FindSources())
    assert [one.configured for one in before.servers] == [False, False]
    after = await do(UseServers(("ollama", "not-there")))
    assert [one.configured for one in after.servers] == [True, False]
    assert "port = 7 # mine" in (data / "config.toml").read_text()
    assert load(data, {}, {}, {}).engine.providers["ollama"].models == ("*",)


async def test_broken_settings_are_told_and_left_alone(do, data: Path):
    private_folder(data)
    (data / "config.toml").write_text("[gateway\n")
    for act in (FindSources(), EndSetup()):
        with pytest.raises(ActRefused):
            await do(act)
    assert (data / "config.toml").read_text() == "[gateway\n"


async def test_the_first_run_comes_by_itself_until_it_was_ended(do, data: Path):
    assert await do(NeedsSetup())
    await do(EndSetup())
    assert not await do(NeedsSetup())
    assert load(data, {}, {}, {}).desktop.language is None


async def test_the_endpoint_and_autostart_are_handed_on(do, told):
    await do(ChooseEndpoint(EndpointKind.NAMED, "https://a.example", "token"))
    assert told == [(EndpointKind.NAMED, "https://a.example", "token")]
    assert (await do(SetAutostart(True))).state == "on"
    assert (await do(SetAutostart(False))).state == "off"


async def test_a_key_is_tried_then_kept(do, data: Path):
    await do(ChooseSecrets("clear"))
    async with openai_server() as server:
        added = await do(AddKey("openai", "sk-the-key", f"{server.base_url}/"))
        assert added.models == 2
        assert server.asked[0].headers["authorization"] == "Bearer sk-the-key"
    assert "sk-the-key" not in (data / "config.toml").read_text()
    assert load(data, {}, {}, {}).engine.providers[added.name].key == added.name
    assert await asyncio.to_thread(providers.key_names, data, Around({})) == [added.name]


async def test_a_key_that_nobody_takes_is_not_kept(do, data: Path):
    await do(ChooseSecrets("clear"))
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(ActRefused, match="Nothing was kept"):
            await do(AddKey("openai", "sk-the-key", f"http://127.0.0.1:{nobody.getsockname()[1]}/v1"))
    assert not (data / "config.toml").exists()
    assert await asyncio.to_thread(providers.key_names, data, Around({})) == []


@pytest.mark.parametrize("key", ["two words", "", "ключ"])
async def test_what_is_no_key_is_not_sent_anywhere(do, key):
    with pytest.raises(ActRefused, match="A key is one word"):
        await do(AddKey("openai", key, "http://127.0.0.1:1/v1"))
