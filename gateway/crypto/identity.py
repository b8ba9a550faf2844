"""The gateway's own keys, until the keyring takes them: Ed25519, each in an owner-only file."""

import base64
import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kit.files import private_folder, write_private

KEY_BYTES = 32


class KeyFileRefused(Exception):
    """A key file is damaged or open to others. It is never replaced: the message says what to do."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Identity (who this gateway is), signing key (its access tokens) and audit key (the heads of the audit log)."""

    gateway_id: str
    identity: Ed25519PrivateKey = field(repr=False)
    signing: Ed25519PrivateKey = field(repr=False)
    audit: Ed25519PrivateKey = field(repr=False)


def load_keys(folder: Path, random_bytes: Callable[[int], bytes]) -> Keys:
    """Read the keys, making those that are not there yet.

    Raises:
        KeyFileRefused.
    """
    private_folder(folder)
    identity = _load(folder / "identity.key", random_bytes)
    signing = _load(folder / "signing.key", random_bytes)
    return Keys(gateway_id(identity), identity, signing, _load(folder / "audit.key", random_bytes))


def gateway_id(identity: Ed25519PrivateKey) -> str:
    """`lower(base32(sha256(public key)))[:52]` (security reference S1)."""
    digest = hashlib.sha256(public_bytes(identity)).digest()
    return base64.b32encode(digest).decode().lower()[:52]


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """The raw public half."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _load(path: Path, random_bytes: Callable[[int], bytes]) -> Ed25519PrivateKey:
    if not path.exists():
        write_private(path, random_bytes(KEY_BYTES))
    if sys.platform != "win32" and path.stat().st_mode & 0o077:
        raise KeyFileRefused(f"{path} can be read by others. If nobody else has read it: chmod 600 '{path}'")
    raw = path.read_bytes()
    if len(raw) != KEY_BYTES:
        raise KeyFileRefused(f"{path} is damaged: {len(raw)} bytes instead of {KEY_BYTES}. Restore it from a backup.")
    return Ed25519PrivateKey.from_private_bytes(raw)
