"""The key that says which device this is: P-256, and the DPoP proofs it signs (RFC 9449)."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, derive_private_key

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
KEY_BYTES = 32


class SessionKey:
    """Signs proofs. `now_s` gives epoch seconds; the gateway's clock counts, see `set_clock`."""

    def __init__(self, key: bytes, now_s: Callable[[], float], random_bytes: Callable[[int], bytes]) -> None:
        self._key: EllipticCurvePrivateKey = derive_private_key(int.from_bytes(key) % (ORDER - 1) + 1, SECP256R1())
        self._now_s = now_s
        self._random = random_bytes
        self._ahead_s = 0.0
        numbers = self._key.public_key().public_numbers()
        self._jwk = {"crv": "P-256", "kty": "EC", "x": _encoded(numbers.x.to_bytes(32)), "y": _encoded(numbers.y.to_bytes(32))}
        self.thumbprint = _encoded(hashlib.sha256(json.dumps(self._jwk, separators=(",", ":"), sort_keys=True).encode()).digest())

    def set_clock(self, gateway_s: float) -> None:
        """Count by the gateway's clock from now on."""
        self._ahead_s = gateway_s - self._now_s()

    def proof(self, method: str, url: str, access_token: str = "", body: bytes | None = None) -> str:
        """A proof for one request; `url` without query."""
        claims: dict[str, Any] = {"jti": _encoded(self._random(16)), "htm": method, "htu": url, "iat": int(self._now_s() + self._ahead_s)}
        if access_token:
            claims["ath"] = _encoded(hashlib.sha256(access_token.encode()).digest())
        if body is not None:
            claims["bdh"] = _encoded(hashlib.sha256(body).digest())
        return jwt.encode(claims, self._key, "ES256", {"typ": "dpop+jwt", "jwk": self._jwk})


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
