"""`gateway.crypto.identity`: keys are made once, kept in the vault, and never replaced."""

import base64
import hashlib
import random
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contract.errors import SecretsLocked
from gateway.crypto.identity import KEY_BYTES, HeldKey, KeyLost, gateway_id, held_key, public_bytes
from kit.vault import Vault, VaultUnavailable
from tests.support.secrets import MemorySecrets


def no_chance(_size: int) -> bytes:
    raise AssertionError("a key was made")


class House:
    """A vault, and what control.db remembers."""

    def __init__(self) -> None:
        self.secrets = MemorySecrets()
        self.vault = Vault(self.secrets)
        self.remembered: list[bytes] = []

    async def remember(self, public: bytes) -> None:
        self.remembered.append(public)

    async def key(self, random_bytes=no_chance) -> HeldKey:
        known = self.remembered[-1] if self.remembered else None
        return await held_key("identity", known, self.vault, random_bytes, self.remember)


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.vault.close()


@pytest.fixture
async def first(house: House) -> HeldKey:
    return await house.key(random.Random(1).randbytes)


async def test_a_key_is_made_from_chance_kept_and_remembered(house: House, first: HeldKey):
    raw = random.Random(1).randbytes(KEY_BYTES)
    assert base64.b64decode(house.secrets.kept["identity"]) == raw
    assert house.remembered == [first.public] == [public_bytes(Ed25519PrivateKey.from_private_bytes(raw))]


async def test_it_is_made_once(house: House, first: HeldKey):
    again = await house.key()
    assert again.public == first.public
    assert again.holds(b"text", first.sign(b"text"))
    assert len(house.remembered) == 1


async def test_a_start_that_was_cut_off_before_it_remembered_goes_on_with_its_key(house: House, first: HeldKey):
    house.remembered.clear()
    assert (await house.key()).public == first.public
    assert house.remembered == [first.public]


async def test_a_key_whose_other_half_cannot_be_kept_is_not_remembered(house: House):
    house.secrets.broken = True
    with pytest.raises(VaultUnavailable):
        await house.key(random.Random(1).randbytes)
    assert house.remembered == []


async def test_the_very_first_start_waits_for_an_open_vault(house: House):
    house.secrets.locked = True
    with pytest.raises(SecretsLocked):
        await house.key(random.Random(1).randbytes)
    assert house.remembered == []


@pytest.mark.parametrize("how", ["locked", "broken"])
async def test_with_a_closed_vault_a_known_key_checks_and_does_not_sign(house: House, first: HeldKey, how: str):
    signature = first.sign(b"text")
    setattr(house.secrets, how, True)
    again = await house.key()
    assert again.holds(b"text", signature)
    with pytest.raises(SecretsLocked):
        again.sign(b"text")
    with pytest.raises(SecretsLocked):
        await again.unlock(house.vault)
    setattr(house.secrets, how, False)
    await again.unlock(house.vault)
    assert first.holds(b"more", again.sign(b"more"))


async def test_a_known_key_that_is_gone_is_never_replaced(house: House, first: HeldKey):
    house.secrets.kept.clear()
    with pytest.raises(KeyLost, match="backup"):
        await house.key()
    assert house.secrets.kept == {}


@pytest.mark.parametrize("text", ["", "x", base64.b64encode(bytes(31)).decode(), "a b", "\u00e4" * 8])
async def test_a_damaged_key_is_refused_left_alone_and_not_repeated(house: House, first: HeldKey, text: str):
    house.secrets.kept["identity"] = text
    with pytest.raises(KeyLost) as refused:
        await house.key()
    assert house.secrets.kept["identity"] == text
    assert len(text) < 4 or text not in str(refused.value)


async def test_another_gateways_key_is_refused(house: House, first: HeldKey):
    house.secrets.kept["identity"] = base64.b64encode(bytes(32)).decode()
    with pytest.raises(KeyLost, match="is not this gateway's"):
        await house.key()


async def test_a_signature_of_another_text_or_key_does_not_hold(house: House, first: HeldKey):
    assert not first.holds(b"other", first.sign(b"text"))
    assert not first.holds(b"text", bytes(64))
    assert not first.holds(b"text", b"")


async def test_the_private_half_stays_out_of_repr(house: House, first: HeldKey):
    assert house.secrets.kept["identity"] not in repr(first)
    assert "Ed25519" not in repr(first)


async def test_the_gateway_id_is_the_base32_hash_of_the_public_half(first: HeldKey):
    digest = hashlib.sha256(first.public).digest()
    assert gateway_id(first.public) == base64.b32encode(digest).decode().rstrip("=").lower()
    assert len(gateway_id(first.public)) == 52


def test_the_public_half_is_the_one_of_rfc_8032():
    # RFC 8032 §7.1, test 1.
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    assert public_bytes(key).hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
