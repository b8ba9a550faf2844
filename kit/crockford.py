"""Crockford's base32: text that people read aloud and type (https://www.crockford.com/base32.html)."""

from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def encode(number: int, width: int) -> str:
    """The lowest `5 * width` bits of a number, most significant first."""
    return "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(width)))


def normal(text: str) -> str:
    """Typed text as it was meant: upper case, without hyphens and spaces, O as 0, I and L as 1."""
    return text.strip().upper().translate(_READ)


def grouped(text: str, size: int = 5) -> str:
    """The text in groups with hyphens, for reading."""
    return "-".join(text[at : at + size] for at in range(0, len(text), size))
