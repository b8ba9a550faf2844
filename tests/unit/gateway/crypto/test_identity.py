"""`gateway.crypto.identity`: keys are made once, kept private, and never replaced."""

import base64
import hashlib
import random
import stat
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.crypto.identity import KEY_BYTES, KeyFileRefused, gateway_id, load_keys, public_bytes

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="modes are a POSIX matter")
NAMES = ["audit.key", "identity.key", "signing.key"]


def no_chance(_size: int) -> bytes:
    raise AssertionError("a key was made")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With both keys in it."""
    load_keys(tmp_path / "keys", random.Random(1).randbytes)
    return tmp_path / "keys"


class TestMaking:
    def test_both_keys_are_made_from_chance_and_differ(self, tmp_path: Path):
        keys = load_keys(tmp_path / "keys", random.Random(1).randbytes)
        chance = random.Random(1)
        assert keys.identity.private_bytes_raw() == chance.randbytes(KEY_BYTES)
        assert keys.signing.private_bytes_raw() == chance.randbytes(KEY_BYTES)

    def test_they_are_made_once(self, folder: Path):
        first, again = load_keys(folder, no_chance), load_keys(folder, no_chance)
        assert first.gateway_id == again.gateway_id
        assert first.identity.private_bytes_raw() == again.identity.private_bytes_raw()
        assert first.signing.private_bytes_raw() == again.signing.private_bytes_raw()

    @POSIX
    def test_only_their_owner_reads_them(self, folder: Path):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert sorted(path.name for path in folder.iterdir()) == NAMES
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}

    @pytest.mark.parametrize("missing", NAMES)
    def test_one_that_is_missing_is_made_and_the_other_kept(self, folder: Path, missing: str):
        kept = {name: (folder / name).read_bytes() for name in NAMES if name != missing}
        old = (folder / missing).read_bytes()
        (folder / missing).unlink()
        load_keys(folder, random.Random(2).randbytes)
        assert {name: (folder / name).read_bytes() for name in kept} == kept
        assert (folder / missing).read_bytes() != old

    @POSIX
    def test_a_folder_that_stood_open_is_closed(self, folder: Path):
        folder.chmod(0o755)
        load_keys(folder, no_chance)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    def test_private_halves_stay_out_of_repr(self, folder: Path):
        keys = load_keys(folder, no_chance)
        text = repr(keys)
        assert keys.gateway_id in text
        assert "Ed25519" not in text
        assert keys.identity.private_bytes_raw().hex() not in text


class TestRefusing:
    @POSIX
    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("mode", [0o604, 0o640, 0o620, 0o602, 0o610, 0o601, 0o644, 0o660, 0o777])
    def test_a_key_that_others_can_touch_is_refused_and_says_what_to_do(self, folder: Path, name: str, mode: int):
        before = (folder / name).read_bytes()
        (folder / name).chmod(mode)
        with pytest.raises(KeyFileRefused, match=f"chmod 600 '.*{name}'"):
            load_keys(folder, no_chance)
        assert (folder / name).read_bytes() == before
        assert stat.S_IMODE((folder / name).stat().st_mode) == mode

    @POSIX
    @pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
    def test_a_key_that_only_its_owner_can_touch_is_taken(self, folder: Path, mode: int):
        for name in NAMES:
            (folder / name).chmod(mode)
        load_keys(folder, no_chance)

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("damaged", [b"", b"x", b"x" * 31, b"x" * 33, b"x" * 64, b"ab" * 32 + b"\n"])
    def test_a_damaged_key_is_refused_and_left_for_its_owner_to_look_at(self, folder: Path, name: str, damaged: bytes):
        (folder / name).write_bytes(damaged)
        with pytest.raises(KeyFileRefused, match=f"{name} is damaged: {len(damaged)} bytes instead of 32"):
            load_keys(folder, no_chance)
        assert (folder / name).read_bytes() == damaged
        assert sorted(path.name for path in folder.iterdir()) == NAMES

    def test_a_refusal_does_not_repeat_the_key(self, folder: Path):
        secret = b"secret-" * 5
        (folder / "identity.key").write_bytes(secret)
        with pytest.raises(KeyFileRefused) as refused:
            load_keys(folder, no_chance)
        assert "secret-" not in str(refused.value)

    def test_without_an_identity_that_can_be_read_no_other_key_is_made(self, folder: Path):
        (folder / "identity.key").write_bytes(b"")
        (folder / "signing.key").unlink()
        with pytest.raises(KeyFileRefused):
            load_keys(folder, random.Random(2).randbytes)
        assert not (folder / "signing.key").exists()


class TestGatewayId:
    def test_it_is_the_base32_hash_of_the_public_half(self, folder: Path):
        keys = load_keys(folder, no_chance)
        digest = hashlib.sha256(keys.identity.public_key().public_bytes_raw()).digest()
        assert keys.gateway_id == gateway_id(keys.identity) == base64.b32encode(digest).decode().rstrip("=").lower()
        assert len(keys.gateway_id) == 52

    def test_it_comes_from_the_identity_and_not_from_the_signing_key(self, folder: Path):
        before = load_keys(folder, no_chance).gateway_id
        (folder / "signing.key").unlink()
        assert load_keys(folder, random.Random(2).randbytes).gateway_id == before

    def test_the_public_half_is_the_one_of_rfc_8032(self):
        # RFC 8032 §7.1, test 1.
        key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
        assert public_bytes(key).hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
