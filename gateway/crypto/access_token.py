"""Access tokens: JWT (RFC 7519) of the RFC 9068 shape, EdDSA only, checked by the rules of RFC 8725."""

import base64
import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contract.errors import AuthenticationExpired, AuthenticationInvalid
from contract.limits import ACCESS_TOKEN_TTL_S
from gateway.crypto.identity import public_bytes

ALGORITHM: Final = "EdDSA"
TYPE: Final = "at+jwt"
LEEWAY_S: Final = 5
MAX_CHARS: Final = 4096
REMEMBERED: Final = 1024
"""Verified tokens that are not verified again."""
SCOPE: Final = "jobs"
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_CLAIMS: Final[dict[str, type]] = {
    "iss": str,
    "aud": str,
    "sub": str,
    "jti": str,
    "iat": int,
    "nbf": int,
    "exp": int,
    "scope": str,
    "ver": int,
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a token speaks for, and until when (epoch seconds)."""

    user: str
    expires_at: int


class AccessTokens:
    """Issues and checks the access tokens of one gateway."""

    def __init__(self, key: Ed25519PrivateKey, gateway_id: str) -> None:
        self._key = key
        self._public = key.public_key()
        self._kid = base64.urlsafe_b64encode(hashlib.sha256(public_bytes(key)).digest()[:12]).decode()
        self._issuer = f"urn:flowork:gateway:{gateway_id}"
        self._audience = f"{self._issuer}:api"
        self._verified: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def issue(self, user: str, now_s: int, random_bytes: Callable[[int], bytes]) -> tuple[str, int]:
        """A token for a user; and the seconds it lasts."""
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": user,
            "jti": random_bytes(16).hex(),
            "iat": now_s,
            "nbf": now_s,
            "exp": now_s + ACCESS_TOKEN_TTL_S,
            "scope": SCOPE,
            "ver": 1,
        }
        token = jwt.encode(claims, self._key, ALGORITHM, {"typ": TYPE, "kid": self._kid})
        return token, ACCESS_TOKEN_TTL_S

    def verify(self, token: str, now_s: int) -> Principal:
        """Check form, header, signature, claims and times, in this order.

        Raises:
            AuthenticationInvalid: anything is off. AuthenticationExpired: nothing but its time.
        """
        claims = self._verified.get(token)
        if claims is None:
            claims = self._signed_claims(token)
            self._check_shape(claims)
            # Signature and shape of these very characters cannot change any more; their time is looked at each time.
            self._verified[token] = claims
            if len(self._verified) > REMEMBERED:
                self._verified.popitem(last=False)
        return self._check_times(claims, now_s)

    def _signed_claims(self, token: str) -> dict[str, Any]:
        if len(token) > MAX_CHARS or not _COMPACT.fullmatch(token):
            raise AuthenticationInvalid
        try:
            self._check_header(token)
            options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "strict_aud": True, "require": list(_CLAIMS)}
            jwt.decode(token, self._public, algorithms=[ALGORITHM], audience=self._audience, issuer=self._issuer, options=options)
            claims: dict[str, Any] = json.loads(_part(token, 1), object_pairs_hook=_no_duplicates)
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise AuthenticationInvalid from error
        return claims

    def _check_header(self, token: str) -> None:
        header = json.loads(_part(token, 0), object_pairs_hook=_no_duplicates)
        if header != {"alg": ALGORITHM, "typ": TYPE, "kid": self._kid}:
            raise AuthenticationInvalid

    def _check_shape(self, claims: dict[str, Any]) -> None:
        if claims.keys() != _CLAIMS.keys() or any(type(claims[name]) is not kind for name, kind in _CLAIMS.items()):
            raise AuthenticationInvalid
        if claims["ver"] != 1 or not 0 < claims["exp"] - claims["iat"] <= ACCESS_TOKEN_TTL_S:
            raise AuthenticationInvalid

    def _check_times(self, claims: dict[str, Any], now_s: int) -> Principal:
        if max(claims["iat"], claims["nbf"]) > now_s + LEEWAY_S:
            raise AuthenticationInvalid("The access token is from the future: check the clocks.")
        if claims["exp"] + LEEWAY_S <= now_s:
            raise AuthenticationExpired
        return Principal(claims["sub"], claims["exp"])


def _part(token: str, index: int) -> bytes:
    text = token.split(".")[index]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate member")
    return found
