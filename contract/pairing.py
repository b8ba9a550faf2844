"""Pairing a browser or a command line with a gateway (protocol §2, steps 2 to 7)."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qs, urlencode, urlsplit

from pydantic import StringConstraints

from contract.signin import Address, decoded, encoded
from contract.wire import Answer, Request
from contract.words import PairingState

CODE_BITS = 130
CODE_CHARS = CODE_BITS // 5
LINK_MAX_CHARS = 1024
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

OfferId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{16}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{26,40}$")]
"""26 characters of Crockford's base 32; lower case, hyphens and the letters I, L, O are understood."""
DeviceName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]{1,64}$")]
"""What the owner reads before approving: no control or direction characters."""
SixDigits = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]


class PairClaim(Request):
    """Take an offer. The DPoP proof names the session key; the answer is a `Challenge`."""

    offer: OfferId
    code: Code
    address: Address
    device_name: DeviceName
    client_commitment: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
    """SHA-256 of 32 random bytes that are told with the signed message, base64url."""


class PairingAnswer(Answer):
    """How far a pairing is. Tokens come once the owner has typed the six digits, in a `Tokens` answer."""

    state: PairingState


def make_code(random_bytes: Callable[[int], bytes]) -> str:
    """130 random bits."""
    number = int.from_bytes(random_bytes(17)) >> (17 * 8 - CODE_BITS)
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(CODE_BITS - 5, -1, -5))


def code_digest(code: str) -> bytes:
    """SHA-256 of a code as it is meant, however it was typed."""
    meant = code.upper().replace("-", "").translate(str.maketrans("ILO", "110"))
    return hashlib.sha256(meant.encode()).digest()


def six_digits(client_nonce: bytes, gateway_nonce: bytes, transcript: bytes, gateway_key: bytes) -> str:
    """The digits that both ends compute and the owner carries from one to the other.

    HKDF-SHA256 (RFC 5869) over the client's nonce, salted with the gateway's. The client committed to its nonce before it
    saw the gateway's, so nobody in between can search for a nonce that makes two pairings show the same digits.
    """
    extracted = hmac.digest(gateway_nonce, client_nonce, "sha256")
    expanded = hmac.digest(extracted, b"flowork-sas-v1" + transcript + gateway_key + b"\x01", "sha256")
    return f"{int.from_bytes(expanded[:8]) % 10**6:06d}"


@dataclass(frozen=True, slots=True)
class Link:
    """What the QR code says."""

    gateway: str
    """The gateway's origin, to call it at."""
    offer: str
    code: str
    gateway_key: bytes
    """Ed25519, 32 bytes: pinned."""
    expires_at: int
    """Epoch seconds."""

    def text(self, gui: str) -> str:
        """The link into a GUI. All of it is in the fragment, which browsers send to nobody."""
        told = {
            "v": "1",
            "g": encoded(self.gateway.encode()),
            "p": self.offer,
            "c": self.code,
            "k": encoded(self.gateway_key),
            "e": str(self.expires_at),
        }
        return f"{gui.rstrip('/')}/#/pair?{urlencode(told)}"


def read_link(text: str) -> Link:
    """Read a pairing link.

    Raises:
        ValueError: it is none; the message says what is wrong, without the code.
    """
    if len(text) > LINK_MAX_CHARS:
        raise ValueError("this is longer than a pairing link")
    _, _, query = text.strip().partition("#/pair?")
    told = {name: values[0] for name, values in parse_qs(query).items() if len(values) == 1}
    if told.get("v") != "1" or not {"g", "p", "c", "k", "e"} <= told.keys():
        raise ValueError("this is no pairing link of Flowork")
    try:
        link = Link(decoded(told["g"]).decode("ascii"), told["p"], told["c"], decoded(told["k"]), int(told["e"]))
    except ValueError as error:
        raise ValueError("this pairing link is damaged") from error
    where = urlsplit(link.gateway)
    if where.scheme not in {"http", "https"} or f"{where.scheme}://{where.netloc}" != link.gateway or "@" in where.netloc:
        raise ValueError("this pairing link names no gateway's address")
    if len(link.gateway_key) != 32 or len(code_digest(link.code)) != 32:
        raise ValueError("this pairing link is damaged")
    return link


def key_words(gateway_key: bytes) -> str:
    """The gateway's key as six groups of four letters, for people to compare (security reference S1)."""
    text = base64.b32encode(hashlib.sha256(gateway_key).digest()).decode().lower()
    return " ".join(text[at : at + 4] for at in range(0, 24, 4))
