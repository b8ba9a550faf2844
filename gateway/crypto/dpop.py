"""DPoP proofs (RFC 9449): ES256 only, one per request, with a hash of the body (`bdh`, protocol §2)."""

import base64
import hashlib
import json
import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from contract.errors import ProofBodyHashMissing, ProofInvalid
from contract.limits import PROOF_AGE_MAX_S, PROOF_AHEAD_MAX_S
from contract.signin import decoded, encoded
from gateway.crypto.jws import members

TYPE: Final = "dpop+jwt"
MAX_CHARS: Final = 4096
JTI_CHARS: Final = range(16, 129)
"""At least 96 random bits."""
REMEMBERED: Final = 4096
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}")
_ES256 = ECDSA(SHA256())
_PRIVATE: Final = frozenset({"d", "k", "p", "q", "dp", "dq", "qi", "oth"})
EMPTY_DIGEST: Final = encoded(hashlib.sha256(b"").digest())


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof whose signature, request and time are right; whether it is new, and fits its body, is for others to say."""

    thumbprint: str
    """RFC 7638, of the key that signed."""
    jti: str
    body_digest: str | None
    """What the body's SHA-256 must be, base64url."""

    def check_body(self, body: bytes) -> None:
        """Hold a body against the proof.

        Raises:
            ProofBodyHashMissing, ProofInvalid.
        """
        if self.body_digest is None:
            if body:
                raise ProofBodyHashMissing
        elif encoded(hashlib.sha256(body).digest()) != self.body_digest:
            raise ProofInvalid("The body is not the one that the proof was made for.")


@dataclass(frozen=True, slots=True)
class _Key:
    public: EllipticCurvePublicKey
    thumbprint: str


class Proofs:
    """Checks proofs. Keys are remembered by the header that carried them: a client's header does not change."""

    def __init__(self, not_before_s: float) -> None:
        """`not_before_s`: proofs from before this process are refused, because it does not know which were used."""
        self._not_before = not_before_s - 1
        self._keys: OrderedDict[str, _Key] = OrderedDict()
        self._token_digests: OrderedDict[str, str] = OrderedDict()

    def verify(self, text: str, method: str, url: str, now_s: float, access_token: str | None = None) -> Proof:
        """Check form, key, signature, claims and time, in this order; `url` without query.

        Raises:
            ProofInvalid: anything is off.
        """
        key, claims = self._signed(text)
        self._check_claims(claims, method, url, now_s, access_token)
        return Proof(key.thumbprint, claims["jti"], claims.get("bdh"))

    def signer(self, text: str) -> str | None:
        """The thumbprint of the key that signed a text of this form, whatever it says; None when nobody did."""
        try:
            return self._signed(text)[0].thumbprint
        except ProofInvalid:
            return None

    def _signed(self, text: str) -> tuple[_Key, dict[str, Any]]:
        if len(text) > MAX_CHARS or not _COMPACT.fullmatch(text):
            raise ProofInvalid
        header, payload, signature = text.split(".")
        try:
            key = self._key(header)
            raw = base64.urlsafe_b64decode(signature + "==")
            der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
            key.public.verify(der, f"{header}.{payload}".encode(), _ES256)
            return key, members(payload)
        except (InvalidSignature, ValueError, RecursionError) as error:
            raise ProofInvalid from error

    def _key(self, header: str) -> _Key:
        key = self._keys.get(header)
        if key is None:
            key = self._keys[header] = _read_key(members(header))
            if len(self._keys) > REMEMBERED:
                self._keys.popitem(last=False)
        return key

    def _check_claims(self, claims: dict[str, Any], method: str, url: str, now_s: float, access_token: str | None) -> None:
        jti, iat, htu, bdh = claims.get("jti"), claims.get("iat"), claims.get("htu"), claims.get("bdh")
        if not isinstance(jti, str) or len(jti) not in JTI_CHARS or not (bdh is None or isinstance(bdh, str)):
            raise ProofInvalid
        if claims.get("htm") != method or not isinstance(htu, str) or (htu != url and _normal(htu) != _normal(url)):
            raise ProofInvalid("The proof was made for another request.")
        if access_token is not None and claims.get("ath") != self._digest(access_token):
            raise ProofInvalid("The proof was made for another access token.")
        if type(iat) is not int and type(iat) is not float:
            raise ProofInvalid
        if not now_s - PROOF_AGE_MAX_S <= iat <= now_s + PROOF_AHEAD_MAX_S or iat < self._not_before:
            raise ProofInvalid("The proof's time is off: make a fresh one, by the gateway's clock.", server_time=round(now_s, 3))

    def _digest(self, access_token: str) -> str:
        found = self._token_digests.get(access_token)
        if found is None:
            found = self._token_digests[access_token] = encoded(hashlib.sha256(access_token.encode()).digest())
            if len(self._token_digests) > REMEMBERED:
                self._token_digests.popitem(last=False)
        return found


def thumbprint(jwk: dict[str, Any]) -> str:
    """RFC 7638 of a P-256 key, base64url."""
    text = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"), sort_keys=True)
    return encoded(hashlib.sha256(text.encode()).digest())


def _read_key(header: dict[str, Any]) -> _Key:
    jwk = header.get("jwk")
    if header.get("typ") != TYPE or header.get("alg") != "ES256" or not isinstance(jwk, dict) or "crit" in header or "b64" in header:
        raise ValueError("header")
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256" or not _PRIVATE.isdisjoint(jwk):
        raise ValueError("key")
    x, y = jwk.get("x"), jwk.get("y")
    if not isinstance(x, str) or not isinstance(y, str) or len(x) != 43 or len(y) != 43:
        raise ValueError("key")
    numbers = EllipticCurvePublicNumbers(int.from_bytes(decoded(x)), int.from_bytes(decoded(y)), SECP256R1())
    return _Key(numbers.public_key(), thumbprint(jwk))  # a point off the curve raises ValueError


def _normal(url: str) -> str:
    """Scheme and host in lower case, without a default port (RFC 3986 §6.2); a query or fragment makes it another address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    default = {"http": 80, "https": 443}.get(parts.scheme)
    where = f"{host}:{port}" if port not in {None, default} else f"{host}"
    rest = url[url.find(parts.path) :] if parts.path and "?" not in url and "#" not in url else parts.path
    return f"{parts.scheme}://{where}{rest}{'?' if '?' in url else ''}{'#' if '#' in url else ''}"
