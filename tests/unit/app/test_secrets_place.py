"""Where a data folder's secrets are: chosen once, kept to, and moved without losing one."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.commands import secrets as command
from app.crypto import sealed_file
from app.desktop.keyring_store import BACKENDS, Index, KeyringStore, open_keyring
from app.services.secrets import NO_PLACE, Around, Insecure, Place, SecretsRefused, inspect, move, open_secrets, read_passphrase, unlock
from kit.files import exclusive_lock, private_folder
from kit.vault import FolderSecrets, VaultLocked, VaultUnavailable

PASSPHRASE = "correct horse"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sealed_file, "LOG2_N", 10)


class FakeKeyring:
    """A keyring of the memory; `fails` is what every call raises."""

    kind, insecure = "keyring (fake)", False

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.fails: Exception | None = None
        self.forgets = False
        self._folder = ""

    def __call__(self, folder_id: str, _index: Path) -> Any:
        opened = FakeKeyring()
        opened.__dict__ = {**self.__dict__, "_folder": folder_id}
        return opened

    def get(self, name: str) -> str | None:
        if self.fails:
            raise self.fails
        return self.kept.get((self._folder, name))

    def set(self, name: str, value: str) -> None:
        self.get(name)
        if not self.forgets:
            self.kept[self._folder, name] = value

    def delete(self, name: str) -> None:
        self.kept.pop((self._folder, name), None)

    def names(self) -> list[str]:
        return sorted(name for folder, name in self.kept if folder == self._folder)

    def unlock(self) -> None:
        self.get("")


@pytest.fixture
def keyring() -> FakeKeyring:
    return FakeKeyring()


@pytest.fixture
def around(keyring: FakeKeyring) -> Callable[..., Around]:
    def made(**changes: Any) -> Around:
        values: dict[str, Any] = {"environment": {}, "ask": None, "say": lambda _: None, "keyring": keyring}
        return Around(**{**values, **changes})

    return made


def place(data: Path) -> str:
    return json.loads((data / "secrets.json").read_text())["place"]


def unlock_file(tmp_path: Path, text: str = PASSPHRASE + "\n", mode: int = 0o600) -> dict[str, str]:
    file = tmp_path / "passphrase"
    file.write_text(text)
    file.chmod(mode)
    return {"FLOWORK_UNLOCK_FILE": str(file)}


def no_keyring(keyring: FakeKeyring) -> None:
    keyring.fails = VaultUnavailable("The keyring cannot be used: there is no session bus here.")


class TestFirstStart:
    def test_the_keyring_is_the_first_choice(self, tmp_path: Path, around, keyring: FakeKeyring):
        for insecure in (Insecure.NEVER, Insecure.FALLBACK):
            data = tmp_path / insecure
            assert not open_secrets(data, insecure, around(ask=lambda _: PASSPHRASE)).insecure
            assert place(data) == Place.KEYRING

    def test_a_passphrase_in_a_file_comes_before_it(self, tmp_path: Path, around, keyring: FakeKeyring):
        store = open_secrets(tmp_path / "d", Insecure.NEVER, around(environment=unlock_file(tmp_path)))
        assert (store.kind, place(tmp_path / "d"), keyring.kept) == ("passphrase file", Place.FILE, {})

    def test_without_keyring_a_person_is_asked_for_a_passphrase(self, tmp_path: Path, around, keyring: FakeKeyring):
        no_keyring(keyring)
        said: list[str] = []
        store = open_secrets(tmp_path / "d", Insecure.NEVER, around(ask=lambda _: PASSPHRASE, say=said.append))
        assert (store.kind, place(tmp_path / "d")) == ("passphrase file", Place.FILE)
        assert "no session bus" in said[0]

    def test_without_keyring_and_person_it_names_the_three_ways_out_and_makes_nothing(self, tmp_path: Path, around, keyring: FakeKeyring):
        no_keyring(keyring)
        with pytest.raises(SecretsRefused) as refused:
            open_secrets(tmp_path / "d", Insecure.NEVER, around())
        assert str(refused.value) == NO_PLACE.format(why="The keyring cannot be used: there is no session bus here.")
        assert all(way in str(refused.value) for way in ("desktop session", "FLOWORK_UNLOCK_FILE", "--insecure-storage"))
        assert list((tmp_path / "d").iterdir()) == []

    def test_fallback_keeps_them_in_the_clear_and_says_so_loudly(self, tmp_path: Path, around, keyring: FakeKeyring):
        no_keyring(keyring)
        said: list[str] = []
        store = open_secrets(tmp_path / "d", Insecure.FALLBACK, around(ask=lambda _: PASSPHRASE, say=said.append))
        assert (store.insecure, place(tmp_path / "d")) == (True, Place.CLEAR)
        assert "IN THE CLEAR" in said[0]

    @pytest.mark.parametrize("insecure", [Insecure.NEVER, Insecure.FALLBACK])
    def test_a_locked_keyring_is_never_passed_by(self, tmp_path: Path, around, keyring: FakeKeyring, insecure: Insecure):
        keyring.fails = VaultLocked("The keyring is locked.")
        with pytest.raises(SecretsRefused, match="does not make its keys elsewhere"):
            open_secrets(tmp_path / "d", insecure, around(ask=lambda _: PASSPHRASE))
        assert list((tmp_path / "d").iterdir()) == []

    def test_in_the_clear_when_the_person_says_so(self, tmp_path: Path, around, keyring: FakeKeyring):
        assert open_secrets(tmp_path / "d", Insecure.ALWAYS, around()).insecure
        assert keyring.kept == {}


class TestLaterStarts:
    def test_a_locked_keyring_is_no_reason_not_to_start(self, tmp_path: Path, around, keyring: FakeKeyring):
        open_secrets(tmp_path / "d", Insecure.NEVER, around()).set("key/a", "x")
        keyring.fails = VaultLocked("locked")
        later = open_secrets(tmp_path / "d", Insecure.NEVER, around())
        with pytest.raises(VaultLocked):
            later.get("key/a")

    def test_a_keyring_that_is_gone_is(self, tmp_path: Path, around, keyring: FakeKeyring):
        open_secrets(tmp_path / "d", Insecure.NEVER, around())
        no_keyring(keyring)
        for insecure in Insecure:
            with pytest.raises(SecretsRefused):
                open_secrets(tmp_path / "d", insecure, around(ask=lambda _: PASSPHRASE, environment=unlock_file(tmp_path)))
        assert place(tmp_path / "d") == Place.KEYRING

    def test_secrets_in_the_clear_need_the_word_each_time(self, tmp_path: Path, around):
        open_secrets(tmp_path / "d", Insecure.ALWAYS, around()).set("a", "x")
        with pytest.raises(SecretsRefused, match="secrets move --to"):
            open_secrets(tmp_path / "d", Insecure.NEVER, around())
        for insecure in (Insecure.ALWAYS, Insecure.FALLBACK):
            assert open_secrets(tmp_path / "d", insecure, around()).get("a") == "x"

    def test_encrypted_ones_do_not_become_clear_by_a_flag(self, tmp_path: Path, around):
        open_secrets(tmp_path / "d", Insecure.NEVER, around(environment=unlock_file(tmp_path)))
        with pytest.raises(SecretsRefused, match="Start without --insecure-storage"):
            open_secrets(tmp_path / "d", Insecure.ALWAYS, around(environment=unlock_file(tmp_path)))

    def test_a_passphrase_file_without_its_passphrase_is_refused(self, tmp_path: Path, around):
        open_secrets(tmp_path / "d", Insecure.NEVER, around(environment=unlock_file(tmp_path)))
        with pytest.raises(SecretsRefused, match="nobody can be asked"):
            open_secrets(tmp_path / "d", Insecure.NEVER, around())
        with pytest.raises(SecretsRefused, match="not the passphrase"):
            open_secrets(tmp_path / "d", Insecure.NEVER, around(ask=lambda _: "wrong horse"))

    @pytest.mark.parametrize("insecure", [Insecure.NEVER, Insecure.ALWAYS])
    def test_a_place_that_has_gone_is_not_made_anew(self, tmp_path: Path, around, insecure: Insecure):
        there = around(environment=unlock_file(tmp_path))
        open_secrets(tmp_path / "d", insecure, there)
        gone = tmp_path / "d" / ("secrets" if insecure is Insecure.ALWAYS else "secrets.enc")
        gone.rmdir() if gone.is_dir() else gone.unlink()
        with pytest.raises(SecretsRefused, match="which is gone"):
            open_secrets(tmp_path / "d", insecure, there)
        assert not gone.exists()

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"place": "pocket", "folder_id": "x"}', "\x00"])
    def test_a_damaged_note_of_the_place_is_refused(self, tmp_path: Path, around, text: str):
        open_secrets(tmp_path / "d", Insecure.ALWAYS, around())
        (tmp_path / "d" / "secrets.json").write_text(text)
        with pytest.raises(SecretsRefused, match="Restore it"):
            open_secrets(tmp_path / "d", Insecure.ALWAYS, around())


class TestThePassphraseFile:
    @pytest.mark.parametrize(("text", "found"), [("a b c\n", "a b c"), (" x \r\n", " x "), ("é", "é")])
    def test_its_line_is_the_passphrase(self, tmp_path: Path, text: str, found: str):
        environment = unlock_file(tmp_path, text)
        assert read_passphrase(Path(environment["FLOWORK_UNLOCK_FILE"]), environment) == found

    @pytest.mark.parametrize(
        ("text", "mode", "why"), [(PASSPHRASE, 0o640, "chmod 600"), (PASSPHRASE, 0o604, "chmod 600"), ("\n", 0o600, "empty")]
    )
    def test_one_that_others_read_or_that_is_empty_is_refused(self, tmp_path: Path, text: str, mode: int, why: str):
        environment = unlock_file(tmp_path, text, mode)
        with pytest.raises(VaultUnavailable, match=why):
            read_passphrase(Path(environment["FLOWORK_UNLOCK_FILE"]), environment)

    def test_one_that_is_not_there_or_no_text_is_refused(self, tmp_path: Path):
        with pytest.raises(VaultUnavailable, match="No such file"):
            read_passphrase(tmp_path / "none", {})
        (tmp_path / "bytes").write_bytes(b"\xff")
        with pytest.raises(VaultUnavailable, match="no text"):
            read_passphrase(tmp_path / "bytes", {})

    def test_what_the_service_manager_handed_over_is_trusted(self, tmp_path: Path):
        environment = {**unlock_file(tmp_path, mode=0o440), "CREDENTIALS_DIRECTORY": str(tmp_path)}
        assert read_passphrase(Path(environment["FLOWORK_UNLOCK_FILE"]), environment) == PASSPHRASE


class TestMoving:
    def test_all_of_them_go_and_nothing_stays_behind(self, tmp_path: Path, around, keyring: FakeKeyring):
        data = tmp_path / "d"
        store = open_secrets(data, Insecure.ALWAYS, around())
        store.set("key/a", "1")
        store.set("key/b", "2")
        told = around(environment=unlock_file(tmp_path))
        assert move(data, Place.FILE, told) == 2
        assert (FolderSecrets(data / "secrets").names(), place(data)) == ([], Place.FILE)
        assert move(data, Place.KEYRING, told) == 2
        assert not (data / "secrets.enc").exists()
        moved = open_secrets(data, Insecure.NEVER, around())
        assert {name: moved.get(name) for name in moved.names()} == {"key/a": "1", "key/b": "2"}

    def test_a_place_that_does_not_keep_them_gets_none(self, tmp_path: Path, around, keyring: FakeKeyring):
        open_secrets(tmp_path / "d", Insecure.ALWAYS, around()).set("key/a", "1")
        keyring.forgets = True
        with pytest.raises(SecretsRefused, match="Nothing was moved"):
            move(tmp_path / "d", Place.KEYRING, around())
        keyring.fails = VaultLocked("locked")
        with pytest.raises(SecretsRefused, match="locked"):
            move(tmp_path / "d", Place.KEYRING, around())
        assert open_secrets(tmp_path / "d", Insecure.ALWAYS, around()).get("key/a") == "1"

    def test_there_must_be_something_to_move_and_another_place(self, tmp_path: Path, around):
        with pytest.raises(SecretsRefused, match="no secrets yet"):
            move(tmp_path / "d", Place.KEYRING, around())
        open_secrets(tmp_path / "d", Insecure.NEVER, around())
        with pytest.raises(SecretsRefused, match="there already"):
            move(tmp_path / "d", Place.KEYRING, around())

    def test_not_while_flowork_runs(self, tmp_path: Path, capsys: pytest.CaptureFixture):
        with exclusive_lock(private_folder(tmp_path / "run") / "flowork.lock"):
            assert command.main(["move", "--to", "file", "--data", str(tmp_path)]) == 1
        assert "Stop it first" in capsys.readouterr().err


class TestLooking:
    def test_each_place_says_how_it_is(self, tmp_path: Path, around, keyring: FakeKeyring):
        assert inspect(tmp_path / "a", around()) == ("none", "not chosen yet")
        open_secrets(tmp_path / "a", Insecure.NEVER, around())
        assert inspect(tmp_path / "a", around()) == ("keyring (fake)", "open")
        keyring.fails = VaultLocked("")
        assert inspect(tmp_path / "a", around()) == ("keyring", "locked")
        no_keyring(keyring)
        assert inspect(tmp_path / "a", around()) == ("keyring", "unavailable")
        open_secrets(tmp_path / "b", Insecure.NEVER, around(environment=unlock_file(tmp_path)))
        assert inspect(tmp_path / "b", around()) == ("passphrase file", "locked")
        open_secrets(tmp_path / "c", Insecure.ALWAYS, around())
        assert inspect(tmp_path / "c", around()) == ("files in the clear", "open")

    def test_only_a_keyring_can_be_unlocked(self, tmp_path: Path, around, keyring: FakeKeyring):
        assert unlock(tmp_path / "a", around()) == "The keyring (fake) is open."
        keyring.fails = VaultLocked("")
        with pytest.raises(SecretsRefused, match="stays locked"):
            unlock(tmp_path / "a", around())
        open_secrets(tmp_path / "c", Insecure.ALWAYS, around())
        assert "nothing to unlock" in unlock(tmp_path / "c", around())

    def test_the_command_tells_it_and_its_exit_code_is_for_scripts(self, tmp_path: Path, around, capsys: pytest.CaptureFixture):
        assert command.main(["status", "--data", str(tmp_path)]) == 1
        open_secrets(tmp_path, Insecure.ALWAYS, around())
        assert command.main(["status", "--json", "--data", str(tmp_path)]) == 0
        assert capsys.readouterr().out.splitlines() == ["Secrets: none, not chosen yet", '{"kind": "files in the clear", "state": "open"}']
        (tmp_path / "secrets.json").write_text("")
        assert command.main(["status", "--data", str(tmp_path)]) == 78


class TestTheAllowList:
    def test_only_known_classes_are_taken(self, tmp_path: Path):
        from keyring.backends import chainer, fail, null

        for backend in (null.Keyring(), fail.Keyring(), chainer.ChainerBackend(), object()):
            with pytest.raises(VaultUnavailable, match="not a keyring that Flowork trusts"):
                KeyringStore(backend, "one", Index(tmp_path / "i"))
        assert {allowed.name for allowed in BACKENDS.values()} == {"QuietSecretService", "WinVaultKeyring", "Keyring"}

    def test_a_system_without_a_known_keyring_has_none(self, tmp_path: Path):
        with pytest.raises(VaultUnavailable, match="plan9"):
            open_keyring("one", tmp_path / "i", "plan9")

    def test_each_item_has_its_own_service_on_windows(self, tmp_path: Path):
        kind = type("WinVaultKeyring", (), {"__module__": "keyring.backends.Windows"})
        asked = []
        backend = kind()
        backend.get_password = lambda service, user: asked.append((service, user))
        KeyringStore(backend, "one", Index(tmp_path / "i")).get("key/a")
        assert asked == [("flowork/one/key/a", "one/key/a")]

    def test_a_value_that_windows_could_not_keep_is_refused_before_it_is_named(self, tmp_path: Path):
        kind = type("WinVaultKeyring", (), {"__module__": "keyring.backends.Windows"})
        store = KeyringStore(kind(), "one", Index(tmp_path / "i"))
        with pytest.raises(ValueError, match="characters"):
            store.set("a", "x" * 1001)
        assert store.names() == []


def test_the_index_survives_and_a_damaged_one_is_not_replaced(tmp_path: Path):
    index = Index(tmp_path / "i")
    index.add("b")
    index.add("a")
    index.remove("c")
    assert Index(tmp_path / "i").names() == ["a", "b"]
    assert os.stat(tmp_path / "i").st_mode & 0o777 == 0o600
    (tmp_path / "i").write_text("{")
    with pytest.raises(VaultUnavailable, match="Restore it"):
        index.add("x")
    assert (tmp_path / "i").read_text() == "{"
