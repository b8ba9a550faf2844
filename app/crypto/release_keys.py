"""The keys that sign releases: built into a release, replaced only by a manifest that an older one has signed.

A build reads them from `assets/release-keys.json`: `{"product": "flowork", "keys": ["<64 hex digits>", ...]}`, each the 32 bytes of an
Ed25519 public key (RFC 8032). The file is put there when a release is built and is in no working copy.
"""

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Annotated, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.update import KEYS_MAX, PRODUCT, Envelope, KeyText, Manifest, ManifestRefused, parse_envelope, parse_manifest
from kit import strict_json

FILE: Final = "release-keys.json"
FILE_MAX: Final = 16 * 1024


class NotSigned(ManifestRefused):
    """None of the keys has signed the envelope."""


class KeysUnusable(Exception):
    """The file of keys is not one that we take; the message says why."""


class _KeyFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    product: str
    keys: Annotated[tuple[KeyText, ...], Field(min_length=1, max_length=KEYS_MAX, strict=False)]


def built_in() -> tuple[str, ...]:
    """The keys of this build; none in one that was not made as a release.

    Raises:
        KeysUnusable: the build is damaged.
    """
    try:
        data = files("assets").joinpath(FILE).read_bytes()
    except FileNotFoundError:
        return ()
    return parse_keys(data)


def parse_keys(data: bytes) -> tuple[str, ...]:
    """Read a file of keys.

    Raises:
        KeysUnusable.
    """
    if len(data) > FILE_MAX:
        raise KeysUnusable("it is too large")
    try:
        told = _KeyFile.model_validate(strict_json.decode(data, 3, 64, unique_names=True))
        for key in told.keys:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
    except ValidationError as error:
        raise KeysUnusable(error.errors(include_input=False, include_url=False)[0]["msg"]) from error
    except ValueError as error:
        raise KeysUnusable(str(error)) from error
    if told.product != PRODUCT:
        raise KeysUnusable("it is for another program")
    return told.keys


def opened(data: bytes, keys: Sequence[str]) -> Manifest:
    """The manifest in an envelope that at least one of these keys has signed.

    Raises:
        NotSigned. ManifestRefused.
    """
    envelope = parse_envelope(data)
    if not signed_by(envelope, keys):
        raise NotSigned("no key that is trusted has signed it")
    return parse_manifest(envelope.payload)


def signed_by(envelope: Envelope, keys: Sequence[str]) -> bool:
    """Whether one of the keys has signed it. Key ids are not looked at: anyone may write one."""
    return any(_verifies(key, signature, envelope.signed) for key in keys for signature in envelope.signatures)


def _verifies(key: str, signature: bytes, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_id(key: str) -> str:
    """What people call a key: 16 hex digits of its SHA-256."""
    return hashlib.sha256(bytes.fromhex(key)).hexdigest()[:16]


def fingerprint(keys: Sequence[str]) -> str:
    """Of a set of keys, in any order."""
    return hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()
