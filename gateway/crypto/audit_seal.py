"""Signs the heads of the audit chain. Its key is not the one that signs access tokens."""

from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class SealLocked(Exception):
    """The audit key is where it cannot be reached now; appending goes on, signing waits."""


class AuditSeal:
    """Ed25519 over the texts of `gateway.rules.audit`."""

    def __init__(self, key: Ed25519PrivateKey | None, publics: Sequence[Ed25519PublicKey] = ()) -> None:
        """`key` signs, and is None while it is locked; `publics` are the halves of it and of its predecessors."""
        self._key = key
        self._publics = [*([] if key is None else [key.public_key()]), *publics]

    @property
    def locked(self) -> bool:
        """True while nothing can be signed."""
        return self._key is None

    @property
    def public(self) -> str:
        """The public half, as hex."""
        return self._publics[0].public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    def unlock(self, key: Ed25519PrivateKey) -> None:
        """From now on this key signs."""
        self._key = key
        self._publics.insert(0, key.public_key())

    def sign(self, text: bytes) -> bytes:
        """64 bytes.

        Raises:
            SealLocked.
        """
        if self._key is None:
            raise SealLocked
        return self._key.sign(text)

    def holds(self, text: bytes, signature: bytes) -> bool:
        """Was this signed here?"""
        return any(_holds(public, text, signature) for public in self._publics)


def _holds(public: Ed25519PublicKey, text: bytes, signature: bytes) -> bool:
    try:
        public.verify(signature, text)
    except InvalidSignature:
        return False
    return True
