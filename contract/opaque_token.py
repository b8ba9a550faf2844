"""The form of long-lived tokens: `fw<k>1_<10 base62 id>_<43 base62 secret><6 base62 CRC32>` (protocol §3).

The CRC covers everything before it, so garbage is told apart without a database, and secret scanners without a list.
"""

import hashlib
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TOKEN: Final = re.compile(r"fw([a-z])1_([0-9A-Za-z]{10})_[0-9A-Za-z]{43}([0-9A-Za-z]{6})")


@dataclass(frozen=True, slots=True)
class Token:
    """A token in memory; `text` is the secret and stays out of `repr`."""

    id: str
    text: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """SHA-256 of the whole text: all that the gateway keeps."""
        return hashlib.sha256(self.text.encode()).digest()


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, rest = divmod(number, 62)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))


def mint(kind: str, random_bytes: Callable[[int], bytes]) -> Token:
    """Make a token of a kind (`e` engine, `r` refresh, `m` metrics, `k` API key).

    `random_bytes` is `secrets.token_bytes` outside tests.
    """
    token_id = _base62(int.from_bytes(random_bytes(8)), 10)
    body = f"fw{kind}1_{token_id}_{_base62(int.from_bytes(random_bytes(32)), 43)}"
    return Token(token_id, body + _base62(zlib.crc32(body.encode()), 6))


def parse(kind: str, text: str) -> Token | None:
    """Read a token of a kind; None when form, kind or checksum is wrong. Says nothing about validity."""
    match = _TOKEN.fullmatch(text)
    if match is None or match[1] != kind:
        return None
    if _base62(zlib.crc32(text[:-6].encode()), 6) != match[3]:
        return None
    return Token(match[2], text)
