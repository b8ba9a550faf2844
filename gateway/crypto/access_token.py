"""Access and admin tokens: JWT (RFC 7519) of the RFC 9068 shape, EdDSA only, checked by the rules of RFC 8725.

The two kinds differ in `typ` and `aud`, so that neither is ever taken for the other.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contract.errors import AuthenticationExpired, AuthenticationInvalid
from contract.limits import ACCESS_TOKEN_TTL_S, ADMIN_TOKEN_TTL_S
from gateway.crypto.jws import members

ALGORITHM: Final = "EdDSA"
LEEWAY_S: Final = 5
MAX_CHARS: Final = 4096
REMEMBERED: Final = 1024
"""Verified tokens that are not verified again."""
USER_SCOPE: Final = "api"
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_COMMON: Final[dict[str, type]] = {
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
class Kind:
    """One kind of token."""

    typ: str
    audience: str
    ttl_s: int
    claims: dict[str, type]


ACCESS: Final = Kind("at+jwt", "api", ACCESS_TOKEN_TTL_S, {**_COMMON, "sid": str, "did": str, "cnf": dict})
ADMIN: Final = Kind("admin+jwt", "admin", ADMIN_TOKEN_TTL_S, {**_COMMON, "act": str})


class Ring(Protocol):
    """The keys that tokens are signed with."""

    def signer(self) -> tuple[str, Ed25519PrivateKey]:
        """Id and private half of the active key. Raises SecretsLocked."""

    def verifier(self, kid: str) -> Ed25519PublicKey | None:
        """The public half of a key whose tokens may be accepted now."""


class Tokens:
    """Issues and checks one kind of token for one gateway."""

    def __init__(self, kind: Kind, ring: Ring, gateway_id: str) -> None:
        self._kind = kind
        self._ring = ring
        self._issuer = f"urn:flowork:gateway:{gateway_id}"
        self._audience = f"{self._issuer}:{kind.audience}"
        self._verified: OrderedDict[str, tuple[str, dict[str, Any]]] = OrderedDict()

    def issue(self, subject: str, scope: str, now_s: int, random_bytes: Callable[[int], bytes], **more: Any) -> tuple[str, str]:
        """A token and its `jti`; it lasts `kind.ttl_s` seconds.

        Raises:
            SecretsLocked.
        """
        kid, key = self._ring.signer()
        jti = random_bytes(16).hex()
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": subject,
            "jti": jti,
            "iat": now_s,
            "nbf": now_s,
            "exp": now_s + self._kind.ttl_s,
            "scope": scope,
            "ver": 1,
            **more,
        }
        return jwt.encode(claims, key, ALGORITHM, {"typ": self._kind.typ, "kid": kid}), jti

    def verify(self, token: str, now_s: float) -> dict[str, Any]:
        """The claims, once form, header, signature, claims and times are checked, in this order.

        Raises:
            AuthenticationInvalid: anything is off. AuthenticationExpired: nothing but its time.
        """
        known = self._verified.get(token)
        if known is None:
            known = self._signed(token)
            # Signature and shape of these very characters cannot change any more; key and time are looked at each time.
            self._verified[token] = known
            if len(self._verified) > REMEMBERED:
                self._verified.popitem(last=False)
        kid, claims = known
        if self._ring.verifier(kid) is None:
            raise AuthenticationInvalid
        if max(claims["iat"], claims["nbf"]) > now_s + LEEWAY_S:
            raise AuthenticationInvalid("The token is from the future: check the clocks.")
        if claims["exp"] + LEEWAY_S <= now_s:
            raise AuthenticationExpired
        return claims

    def _signed(self, token: str) -> tuple[str, dict[str, Any]]:
        if len(token) > MAX_CHARS or not _COMPACT.fullmatch(token):
            raise AuthenticationInvalid
        header_text, claims_text, _ = token.split(".")
        try:
            header = members(header_text)
            kid = header.get("kid")
            if not isinstance(kid, str):
                raise AuthenticationInvalid
            public = self._ring.verifier(kid)
            if public is None or header != {"alg": ALGORITHM, "typ": self._kind.typ, "kid": kid}:
                raise AuthenticationInvalid
            options: Any = {
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "strict_aud": True,
                "require": list(self._kind.claims),
            }
            jwt.decode(token, public, algorithms=[ALGORITHM], audience=self._audience, issuer=self._issuer, options=options)
            claims = members(claims_text)
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise AuthenticationInvalid from error
        self._check_shape(claims)
        return kid, claims

    def _check_shape(self, claims: dict[str, Any]) -> None:
        wanted = self._kind.claims
        if claims.keys() != wanted.keys() or any(type(claims[name]) is not kind for name, kind in wanted.items()):
            raise AuthenticationInvalid
        if claims["ver"] != 1 or not 0 < claims["exp"] - claims["iat"] <= self._kind.ttl_s:
            raise AuthenticationInvalid
        if "cnf" in wanted and not (claims["cnf"].keys() == {"jkt"} and isinstance(claims["cnf"]["jkt"], str)):
            raise AuthenticationInvalid
