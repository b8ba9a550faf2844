"""The pinned key of a gateway: what a challenge's signature is held against."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def signed_by(public: bytes, text: bytes, signature: bytes) -> bool:
    """Did the gateway with this Ed25519 key sign that?"""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True
