"""Signs the heads of the audit chain. Its key is not the one that signs access tokens."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class AuditSeal:
    """Ed25519 over the text of a checkpoint."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = key.public_key()

    def sign(self, text: bytes) -> bytes:
        """64 bytes."""
        return self._key.sign(text)

    def holds(self, text: bytes, signature: bytes) -> bool:
        """Was this signed here?"""
        try:
            self._public.verify(signature, text)
        except InvalidSignature:
            return False
        return True
