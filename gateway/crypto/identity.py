"""The gateway's long-lived Ed25519 keys: the public half is in control.db, the private half in the vault.

Public halves are enough to start and to check; a locked vault stops only what signs.
"""

import base64
import contextlib
import hashlib
from collections.abc import Awaitable, Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from contract.errors import SecretsLocked
from kit.vault import Vault, VaultLocked, VaultUnavailable

KEY_BYTES = 32


class KeyLost(Exception):
    """A key that the gateway is known by is not in the vault, or is another one. It is never replaced; the message says what to do."""


class HeldKey:
    """A key by its name in the vault."""

    def __init__(self, name: str, public: bytes, private: Ed25519PrivateKey | None) -> None:
        self.name = name
        self.public = public
        self._verifying = Ed25519PublicKey.from_public_bytes(public)
        self._private = private

    @property
    def locked(self) -> bool:
        """True while nothing can be signed."""
        return self._private is None

    async def unlock(self, vault: Vault) -> None:
        """Fetch the private half if it is not there yet.

        Raises:
            SecretsLocked. KeyLost.
        """
        if self._private is None:
            self._private = await fetch(vault, self.name, self.public)

    def private(self) -> Ed25519PrivateKey:
        """The private half.

        Raises:
            SecretsLocked: it was never fetched.
        """
        if self._private is None:
            raise SecretsLocked
        return self._private

    def sign(self, text: bytes) -> bytes:
        """64 bytes.

        Raises:
            SecretsLocked.
        """
        return self.private().sign(text)

    def holds(self, text: bytes, signature: bytes) -> bool:
        """Did this key sign that?"""
        try:
            self._verifying.verify(signature, text)
        except InvalidSignature:
            return False
        return True


async def held_key(
    name: str, known: bytes | None, vault: Vault, random_bytes: Callable[[int], bytes], remember: Callable[[bytes], Awaitable[None]]
) -> HeldKey:
    """The key of a name. Made, kept and remembered when none was known; with a locked vault, its public half alone.

    Raises:
        KeyLost: it was known and is gone. VaultUnavailable. SecretsLocked: the very first start found the vault locked.
    """
    if known is None:
        key = await made(vault, name, random_bytes)
        await remember(public_bytes(key))
        return HeldKey(name, public_bytes(key), key)
    held = HeldKey(name, known, None)
    with contextlib.suppress(SecretsLocked):  # whatever needs it will ask again
        await held.unlock(vault)
    return held


async def made(vault: Vault, name: str, random_bytes: Callable[[int], bytes]) -> Ed25519PrivateKey:
    """A key of that name: the one a start made that was cut off before it was remembered, or a new one.

    Raises:
        SecretsLocked. VaultUnavailable.
    """
    try:
        raw = _raw(name, await vault.get(name))
        if raw is None:
            raw = random_bytes(KEY_BYTES)
            await vault.set(name, base64.b64encode(raw).decode())
    except VaultLocked as error:
        raise SecretsLocked from error
    return Ed25519PrivateKey.from_private_bytes(raw)


async def fetch(vault: Vault, name: str, public: bytes) -> Ed25519PrivateKey:
    """The private half of a known key.

    Raises:
        SecretsLocked: the vault is locked, or cannot be reached just now. KeyLost.
    """
    try:
        raw = _raw(name, await vault.get(name))
    except (VaultLocked, VaultUnavailable) as error:
        raise SecretsLocked from error
    if raw is None:
        raise KeyLost(f"The key {name!r} is not in the {vault.kind}. Restore it from a backup; a new one would be another gateway.")
    private = Ed25519PrivateKey.from_private_bytes(raw)
    if public_bytes(private) != public:
        raise KeyLost(f"The key {name!r} in the {vault.kind} is not this gateway's. Restore the right one from a backup.")
    return private


def gateway_id(public: bytes) -> str:
    """`lower(base32(sha256(public key)))[:52]` (security reference S1)."""
    return base64.b32encode(hashlib.sha256(public).digest()).decode().lower()[:52]


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """The raw public half."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _raw(name: str, text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raw = b""
    if len(raw) != KEY_BYTES:
        raise KeyLost(f"The key {name!r} is damaged. Restore it from a backup.")
    return raw
