"""The seam to secrets: one thread, a state "locked", files for their owner alone."""

import asyncio
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kit.vault import VALUE_MAX_CHARS, FolderSecrets, OverlaySecrets, Vault, VaultLocked, VaultUnavailable


class Scripted:
    """A store whose answers a test gives."""

    kind, insecure = "scripted", False

    def __init__(self) -> None:
        self.fails: Exception | None = None
        self.answers = threading.Event()
        self.answers.set()
        self.threads: set[str] = set()
        self.kept: dict[str, str] = {}

    def get(self, name: str) -> str | None:
        self._reached()
        return self.kept.get(name)

    def set(self, name: str, value: str) -> None:
        self._reached()
        self.kept[name] = value

    def delete(self, name: str) -> None:
        self._reached()
        self.kept.pop(name, None)

    def names(self) -> list[str]:
        return sorted(self.kept)

    def _reached(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.answers.wait(30)
        if self.fails:
            raise self.fails


async def test_calls_run_on_the_vaults_own_thread_in_order():
    store = Scripted()
    vault = Vault(store)
    await asyncio.gather(*(vault.set("key/a", str(number)) for number in range(20)))
    assert await vault.get("key/a") == "19"
    await vault.delete("key/a")
    assert (await vault.get("key/a"), store.threads) == (None, {"flowork-vault"})
    vault.close()


@pytest.mark.parametrize(("failure", "state"), [(VaultLocked("shut"), "locked"), (VaultUnavailable("gone"), "unavailable")])
async def test_a_failure_reaches_the_caller_and_is_remembered_until_the_next_call(failure: Exception, state: str):
    store = Scripted()
    vault = Vault(store)
    store.fails = failure
    with pytest.raises(type(failure), match=str(failure)):
        await vault.get("key/a")
    assert vault.state == state
    store.fails = None
    assert (await vault.get("key/a"), vault.state) == (None, "open")
    vault.close()


async def test_a_store_that_does_not_answer_is_locked_and_what_waits_behind_it_is_not_done():
    store = Scripted()
    vault = Vault(store, answer_s=0.05)
    store.answers.clear()
    with pytest.raises(VaultLocked, match=r"has not answered for 0\.05 s"):
        await vault.set("key/a", "first")
    with pytest.raises(VaultLocked):
        await vault.set("key/b", "second")
    assert vault.state == "locked"
    store.answers.set()
    patient = Vault(store)
    while "key/a" not in store.kept:  # the call that had begun goes on
        await patient.get("key/a")
    assert (await vault.get("key/b"), vault.state) == (None, "open")
    vault.close()
    patient.close()


def test_a_program_ends_though_a_prompt_hangs():
    code = (
        "import asyncio, threading\nfrom kit.vault import Vault, VaultLocked\n"
        "class Hangs:\n    kind, insecure = 'x', False\n    def get(self, name): threading.Event().wait()\n"
        "async def main():\n    vault = Vault(Hangs(), answer_s=0.01)\n"
        "    try:\n        await vault.get('a')\n    except VaultLocked:\n        vault.close()\n"
        "asyncio.run(main())"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode == 0


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "../a", "a/../b", ".", "A", "a b", "a\n"])
async def test_a_name_that_could_leave_its_place_is_refused(name: str):
    store = Scripted()
    for call in (Vault(store).get(name), Vault(store).set(name, "x"), Vault(store).delete(name)):
        with pytest.raises(ValueError, match="name"):
            await call
    assert store.threads == set()


async def test_a_secret_that_windows_could_not_keep_is_refused_everywhere():
    store = Scripted()
    vault = Vault(store)
    await vault.set("a", "x" * VALUE_MAX_CHARS)
    for value in ("x" * (VALUE_MAX_CHARS + 1), "\U0001f511" * (VALUE_MAX_CHARS // 2 + 1)):
        with pytest.raises(ValueError, match="characters"):
            await vault.set("a", value)
    assert store.kept == {"a": "x" * VALUE_MAX_CHARS}
    vault.close()


class TestOverlaySecrets:
    def test_what_is_written_stays_above_and_what_lies_below_stays_as_it_was(self):
        below = Scripted()
        below.kept = {"a": "1", "b": "2"}
        over = OverlaySecrets(below)
        over.set("a", "new")
        over.delete("b")
        over.set("c", "3")
        assert [over.get(name) for name in "abcd"] == ["new", None, "3", None]
        assert over.names() == ["a", "c"]
        assert below.kept == {"a": "1", "b": "2"}


class TestFolderSecrets:
    def test_they_come_back_under_their_names(self, tmp_path: Path):
        store = FolderSecrets(tmp_path / "s")
        assert (store.get("key/a"), store.names()) == (None, [])
        store.set("key/a", "one\r\ntwo é")
        store.set("key.a", "other")
        assert (store.get("key/a"), store.get("key.a"), store.names()) == ("one\r\ntwo é", "other", ["key.a", "key/a"])
        store.delete("key/a")
        store.delete("key/a")
        assert (store.get("key/a"), store.names()) == (None, ["key.a"])

    def test_they_are_their_owners_alone(self, tmp_path: Path):
        FolderSecrets(tmp_path / "s").set("key/a", "x")
        assert [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "s", *(tmp_path / "s").iterdir())] == [0o700, 0o600]

    def test_one_that_others_can_read_is_refused_with_the_command_that_mends_it(self, tmp_path: Path):
        store = FolderSecrets(tmp_path / "s")
        store.set("a", "x")
        (tmp_path / "s" / "a").chmod(0o640)
        with pytest.raises(VaultUnavailable, match="chmod 600"):
            store.get("a")

    def test_a_link_to_another_file_is_not_followed(self, tmp_path: Path):
        store = FolderSecrets(tmp_path / "s")
        (tmp_path / "other").write_text("theirs")
        (tmp_path / "s" / "a").symlink_to(tmp_path / "other")
        with pytest.raises(VaultUnavailable):
            store.get("a")

    def test_one_that_is_no_text_is_damaged(self, tmp_path: Path):
        store = FolderSecrets(tmp_path / "s")
        store.set("a", "x")
        (tmp_path / "s" / "a").write_bytes(b"\xff\xfe")
        with pytest.raises(VaultUnavailable, match="damaged"):
            store.get("a")
