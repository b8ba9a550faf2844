"""The operating system's keyring, with a real gnome-keyring: open, locked, absent, and gone in between."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.desktop.keyring_store import KeyringStore, open_keyring
from app.services.secrets import Around, Insecure, Place, SecretsRefused, inspect, move, open_secrets, unlock
from kit.vault import FolderSecrets, Vault, VaultLocked, VaultUnavailable
from tests.support.desktop import Desktop, desktop

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the Secret Service is Linux's")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desktop]:
    with desktop(tmp_path / "d") as made:
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        yield made


def store(tmp_path: Path, folder_id: str = "one") -> KeyringStore:
    return open_keyring(folder_id, tmp_path / f"{folder_id}.json")


def test_a_secret_comes_back_in_another_process_and_goes_when_told(desk: Desktop, tmp_path: Path):
    desk.start_keyring()
    kept = store(tmp_path)
    assert kept.kind == "keyring (Secret Service)"
    assert kept.get("key/identity") is None
    kept.set("key/identity", "first")
    kept.set("key/identity", "second é")
    code = "import sys, pathlib; from app.desktop.keyring_store import open_keyring; "
    code += "print(open_keyring('one', pathlib.Path('/nonexistent')).get('key/identity'))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout == "second é\n"
    assert desk.items() == {"one/key/identity": "second é"}
    assert kept.names() == ["key/identity"]
    kept.delete("key/identity")
    kept.delete("key/identity")
    assert (kept.get("key/identity"), kept.names(), desk.items()) == (None, [], {})


def test_two_data_folders_never_mix(desk: Desktop, tmp_path: Path):
    desk.start_keyring()
    one, two = store(tmp_path, "one"), store(tmp_path, "two")
    one.set("audit-head", "1")
    assert two.get("audit-head") is None
    two.set("audit-head", "2")
    two.delete("audit-head")
    assert one.get("audit-head") == "1"


def test_a_locked_keyring_is_locked_for_every_call_and_nothing_is_lost(desk: Desktop, tmp_path: Path):
    desk.start_keyring()
    kept = store(tmp_path)
    kept.set("key/a", "secret")
    desk.lock()
    for call in (lambda: kept.get("key/a"), lambda: kept.set("key/a", "new"), lambda: kept.delete("key/a"), kept.unlock):
        with pytest.raises(VaultLocked):
            call()
    desk.kill_keyring()
    desk.start_keyring()
    assert kept.get("key/a") == "secret"


def test_a_daemon_that_dies_in_between_is_unavailable_and_never_an_empty_keyring(desk: Desktop, tmp_path: Path):
    desk.start_keyring()
    kept = store(tmp_path)
    kept.set("key/a", "secret")
    desk.kill_keyring()
    with pytest.raises(VaultUnavailable, match="no program keeps a keyring"):
        kept.get("key/a")
    with pytest.raises(VaultUnavailable):
        kept.set("key/a", "new")
    desk.start_keyring()
    assert kept.get("key/a") == "secret"


def test_without_a_daemon_it_says_what_is_missing(desk: Desktop, tmp_path: Path):
    with pytest.raises(VaultUnavailable, match="gnome-keyring or KWallet would"):
        store(tmp_path).get("key/a")


def test_a_daemon_without_a_collection_is_unavailable_and_makes_none(desk: Desktop, tmp_path: Path):
    desk.start_keyring(password=None)
    with pytest.raises(VaultUnavailable, match="flowork secrets unlock makes one"):
        store(tmp_path).get("key/a")


@pytest.mark.parametrize("address", [None, "unix:path=/nonexistent/bus", "nonsense"])
def test_without_a_bus_it_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str | None):
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    if address is not None:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    with pytest.raises(VaultUnavailable):
        store(tmp_path).get("key/a")
    if address != "nonsense":
        with pytest.raises(VaultUnavailable, match="there is no session bus here"):
            store(tmp_path).get("key/a")


def test_properties_from_the_environment_do_not_choose_another_collection(desk: Desktop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KEYRING_PROPERTY_PREFERRED_COLLECTION", "/org/freedesktop/secrets/collection/session")
    monkeypatch.setenv("KEYRING_PROPERTY_SCHEME", "KeePassXC")
    desk.start_keyring()
    store(tmp_path).set("key/a", "secret")
    assert desk.items() == {"one/key/a": "secret"}  # in the collection that survives the session, under our attributes


def test_a_first_start_with_an_open_keyring_chooses_it_and_a_later_one_may_find_it_locked(desk: Desktop, tmp_path: Path):
    desk.start_keyring()
    data = tmp_path / "data"
    first = open_secrets(data, Insecure.FALLBACK, Around())
    first.set("key/a", "secret")
    assert json.loads((data / "secrets.json").read_text())["place"] == Place.KEYRING
    assert inspect(data, Around()) == ("keyring (Secret Service)", "open")
    desk.lock()
    later = open_secrets(data, Insecure.FALLBACK, Around())
    assert inspect(data, Around()) == ("keyring", "locked")
    with pytest.raises(VaultLocked):
        later.get("key/a")
    with pytest.raises(SecretsRefused, match="stays locked"):
        unlock(data, Around())
    assert not (data / "secrets").exists()


def test_a_first_start_with_a_locked_keyring_is_refused_and_makes_nothing_elsewhere(desk: Desktop, tmp_path: Path):
    desk.start_keyring()
    desk.lock()
    with pytest.raises(SecretsRefused, match="Unlock it"):
        open_secrets(tmp_path / "data", Insecure.FALLBACK, Around(ask=lambda _: "a good passphrase"))
    assert list((tmp_path / "data").iterdir()) == []


def test_a_keyring_that_was_chosen_and_is_gone_is_refused_whatever_else_is_allowed(desk: Desktop, tmp_path: Path):
    desk.start_keyring()
    open_secrets(tmp_path / "data", Insecure.NEVER, Around())
    desk.kill_keyring()
    for insecure in Insecure:
        with pytest.raises(SecretsRefused):
            open_secrets(tmp_path / "data", insecure, Around(ask=lambda _: "a good passphrase"))
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["secrets.json"]


def test_secrets_move_into_the_keyring_and_leave_the_disk(desk: Desktop, tmp_path: Path):
    desk.start_keyring()
    data = tmp_path / "data"
    clear = open_secrets(data, Insecure.ALWAYS, Around())
    clear.set("key/identity", "i")
    clear.set("key/audit", "a")
    assert move(data, Place.KEYRING, Around()) == 2
    assert FolderSecrets(data / "secrets").names() == []
    moved = open_secrets(data, Insecure.NEVER, Around())
    assert (moved.get("key/identity"), moved.get("key/audit"), moved.names()) == ("i", "a", ["key/audit", "key/identity"])
    assert move(data, Place.FILE, Around(ask=lambda _: "a good passphrase")) == 2
    assert desk.items() == {}
    assert open_secrets(data, Insecure.NEVER, Around(ask=lambda _: "a good passphrase")).get("key/audit") == "a"


async def test_the_vault_remembers_how_it_found_the_keyring(desk: Desktop, tmp_path: Path):
    desk.start_keyring()
    vault = Vault(store(tmp_path))
    await vault.set("key/a", "secret")
    assert (await vault.get("key/a"), vault.state) == ("secret", "open")
    desk.lock()
    with pytest.raises(VaultLocked):
        await vault.get("key/a")
    assert vault.state == "locked"
    desk.kill_keyring()
    with pytest.raises(VaultUnavailable):
        await vault.get("key/a")
    assert vault.state == "unavailable"
    vault.close()


def test_keyring_is_not_imported_before_it_is_used():
    code = "import sys, app.commands.serve, app.services.secrets; sys.exit(bool({'keyring', 'secretstorage'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60, env=dict(os.environ)).returncode == 0
