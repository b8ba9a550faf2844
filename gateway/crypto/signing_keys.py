"""The ring of keys that sign access tokens, as this process holds it."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contract.errors import SecretsLocked
from gateway.crypto.identity import public_bytes
from gateway.rules.key_ring import KeyState, SigningKey, verifies


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made."""

    kid: str
    public: bytes
    private: Ed25519PrivateKey


def new_key(raw: bytes) -> NewKey:
    """A key from 32 random bytes."""
    private = Ed25519PrivateKey.from_private_bytes(raw)
    public = public_bytes(private)
    return NewKey(hashlib.sha256(public).hexdigest()[:16], public, private)


class SigningKeys:
    """Public halves of the whole ring, and the private half of the active key once it was fetched."""

    def __init__(self, now: Callable[[], int]) -> None:
        """`now` gives wall microseconds."""
        self._now = now
        self._rows: dict[str, tuple[SigningKey, Ed25519PublicKey]] = {}
        self._privates: dict[str, Ed25519PrivateKey] = {}

    def replace(self, rows: Sequence[SigningKey]) -> None:
        """Take over what the store says."""
        self._rows = {row.kid: (row, Ed25519PublicKey.from_public_bytes(row.public)) for row in rows}
        self._privates = {kid: key for kid, key in self._privates.items() if kid == self.active()}

    def hold(self, kid: str, private: Ed25519PrivateKey) -> None:
        """Keep a private half in memory."""
        self._privates[kid] = private

    def active(self) -> str | None:
        """The key that signs."""
        return next((kid for kid, (row, _) in self._rows.items() if row.state is KeyState.ACTIVE), None)

    def public_of(self, kid: str) -> bytes:
        """The raw public half."""
        return self._rows[kid][0].public

    def can_sign(self) -> bool:
        """Was the active key's private half fetched?"""
        return self.active() in self._privates

    def signer(self) -> tuple[str, Ed25519PrivateKey]:
        """See `access_token.Ring`."""
        kid = self.active()
        if kid is None or kid not in self._privates:
            raise SecretsLocked
        return kid, self._privates[kid]

    def verifier(self, kid: str) -> Ed25519PublicKey | None:
        """See `access_token.Ring`."""
        known = self._rows.get(kid)
        return known[1] if known is not None and verifies(known[0], self._now()) else None


def ring_of_this_process(now: int, random_bytes: Callable[[int], bytes]) -> SigningKeys:
    """A ring of one key that nobody keeps: what it signs ends with the process."""
    key = new_key(random_bytes(32))
    ring = SigningKeys(lambda: now)
    ring.replace([SigningKey(key.kid, key.public, KeyState.ACTIVE, now)])
    ring.hold(key.kid, key.private)
    return ring
