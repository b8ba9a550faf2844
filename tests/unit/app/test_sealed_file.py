"""The passphrase file: a wrong passphrase is told from damage, and neither costs what is in it."""

import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.crypto import sealed_file
from app.crypto.sealed_file import PassphraseWrong, SealedFile, ask_passphrase, open_sealed
from kit.vault import VaultUnavailable

PASSPHRASE = "correct horse"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sealed_file, "LOG2_N", 10)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets.enc"


@pytest.fixture
def store(path: Path) -> SealedFile:
    made = open_sealed(path, PASSPHRASE)
    made.set("key/a", "secret é")
    made.set("key/b", "other")
    return made


def test_secrets_come_back_after_reopening(store: SealedFile, path: Path):
    again = open_sealed(path, PASSPHRASE)
    assert (again.get("key/a"), again.get("key/b"), again.get("key/c"), again.names()) == ("secret é", "other", None, ["key/a", "key/b"])
    again.delete("key/b")
    again.delete("key/b")
    assert store.names() == ["key/a"]


def test_nothing_of_them_can_be_read_and_the_file_is_its_owners_alone(store: SealedFile, path: Path):
    raw = path.read_bytes()
    assert not any(text in raw for text in (b"secret", b"other", b"key/a", PASSPHRASE.encode()))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_no_two_writes_share_a_nonce(store: SealedFile, path: Path):
    before = path.read_bytes()
    store.set("key/a", "secret é")
    head = sealed_file._HEAD
    assert (path.read_bytes()[:head], path.read_bytes()[head : head + 12] != before[head : head + 12]) == (before[:head], True)


def test_a_wrong_passphrase_is_told_so_and_changes_nothing(store: SealedFile, path: Path):
    before = path.read_bytes()
    with pytest.raises(PassphraseWrong, match="not the passphrase"):
        open_sealed(path, "correct horses")
    assert path.read_bytes() == before


@given(where=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_damage_anywhere_is_told_as_damage_and_left_as_it_is(store: SealedFile, path: Path, where: int, bit: int):
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[where % len(whole)] ^= 1 << bit
    path.write_bytes(damaged)
    try:
        with pytest.raises(VaultUnavailable, match="damaged"):
            open_sealed(path, PASSPHRASE)
        with pytest.raises(VaultUnavailable, match="damaged"):
            store.set("key/a", "new")
        assert path.read_bytes() == damaged
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("keep", [0, 7, 40, 100, -1])
def test_a_file_that_was_cut_is_damaged(store: SealedFile, path: Path, keep: int):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(VaultUnavailable, match="damaged"):
        open_sealed(path, PASSPHRASE)


def test_a_change_by_somebody_who_mends_the_checksum_is_found(store: SealedFile, path: Path):
    import hashlib

    body = bytearray(path.read_bytes()[:-32])
    body[-1] ^= 1
    path.write_bytes(bytes(body) + hashlib.sha256(body).digest())
    with pytest.raises(VaultUnavailable, match="changed by somebody else"):
        open_sealed(path, PASSPHRASE)


def test_a_file_that_was_replaced_or_removed_while_it_is_open_is_not_made_anew(store: SealedFile, path: Path):
    other = path.with_name("other.enc")
    open_sealed(other, "another passphrase")
    other.replace(path)
    with pytest.raises(VaultUnavailable, match="replaced"):
        store.set("key/a", "new")
    path.unlink()
    with pytest.raises(VaultUnavailable, match="cannot be read"):
        store.set("key/a", "new")
    assert not path.exists()


def test_an_accented_letter_counts_once_however_it_was_typed(path: Path):
    open_sealed(path, "caf\u00e9 au lait").set("a", "x")
    assert open_sealed(path, "cafe\u0301 au lait").get("a") == "x"


def test_a_short_passphrase_makes_no_file(path: Path):
    with pytest.raises(VaultUnavailable, match="at least 8"):
        open_sealed(path, "short")
    assert not path.exists()


def test_the_key_is_derived_at_the_cost_the_page_says(monkeypatch: pytest.MonkeyPatch, path: Path):
    monkeypatch.undo()
    open_sealed(path, PASSPHRASE)
    assert path.read_bytes()[:9] == b"FLWSEC1\0\x0f"


class TestAsking:
    def answers(self, *given: str):
        left = list(given)
        return lambda _prompt: left.pop(0)

    def test_a_new_passphrase_is_asked_for_twice(self, path: Path):
        said: list[str] = []
        assert ask_passphrase(path, self.answers("long enough", "long enough"), said.append) == "long enough"
        assert str(path) in said[0]
        with pytest.raises(VaultUnavailable, match="differ"):
            ask_passphrase(path, self.answers("long enough", "long enouhg"), said.append)

    def test_a_known_one_is_asked_for_once(self, store: SealedFile, path: Path):
        assert ask_passphrase(path, self.answers("x"), lambda _: None) == "x"
