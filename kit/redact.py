"""Takes secrets out of text that is on its way to a log. By their form: whoever wrote the line did not know one was in it."""

import re
from typing import Any, Final

GONE: Final = "***"
NAMES: Final = frozenset(
    {"token", "access_token", "refresh_token", "secret", "passphrase", "password", "private_key", "authorization", "dpop", "cookie"}
)
"""Fields whose value is never shown, whatever it looks like."""
_SECRET: Final = re.compile(
    r"""
    (?P<token>fw[a-z]1_[0-9A-Za-z]{10}_)[0-9A-Za-z]+                  # our tokens: their public id may stay
  | eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)*                         # JWT, JWS, JWE
  | (?P<scheme>(?i:\b(?:bearer|dpop)\s+))[A-Za-z0-9._~+/=-]{8,}       # Authorization: <scheme> <credential>
  | (?P<header>(?i:(?:authorization|dpop|x-engine-token|x-flowork-admin|cookie)["']?\s*[:=,]\s*
      (?:b(?=["']))?["']?(?:(?:basic|bearer|dpop)\s+)?))(?![\s*])[^\s"',;]+
  | (?P<code>[#&?]c=)[^\s&"'<>]+                                      # the code in a pairing link
  | (?<![0-9A-Za-z])(?i:[0-9A-HJKMNP-TV-Z]{26})(?![0-9A-Za-z])        # 130-bit codes, wherever they stand
  | (?:0x)?[0-9a-fA-F]{64,}                                           # private keys, signatures, listener secrets
    """,
    re.VERBOSE,
)


def redact(text: str) -> str:
    """The text without anything that has the form of a secret."""
    return _SECRET.sub(_short, text)


def redacted(value: Any, name: str = "") -> Any:
    """A log field, and everything in it, without secrets."""
    if name.lower() in NAMES and value is not None:
        return GONE
    if isinstance(value, dict):
        return {redact(str(key)): redacted(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(value if isinstance(value, str) else str(value))


def _short(match: re.Match[str]) -> str:
    kept = next((text for text in match.groups() if text is not None), "")
    return kept + GONE
