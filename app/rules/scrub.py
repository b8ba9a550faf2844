"""Takes what is somebody's own out of a text that somebody else will read: known values first, then whatever has a secret's form."""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Final

from kit.redact import GONE, redact

SHORTEST: Final = 4
"""A known value that is shorter would tear words apart."""
_LONG: Final = "[A-Za-z0-9_+/-]*"
_SHAPES: Final = (
    (re.compile(r"\b(?:sk|pk|rk|ghp|gho|github_pat|glpat|xox[abprs])[-_][A-Za-z0-9_-]{8,}"), GONE),
    (re.compile(rf"(?<![\w/.])(?={_LONG}[0-9])(?={_LONG}[A-Z])(?={_LONG}[a-z])[A-Za-z0-9_+/-]{{40,}}={{0,2}}"), GONE),
    (re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"), "<mail>"),
    (re.compile(r"(?<![\d.])(?!127\.|0\.0\.0\.0)(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"), "<address>"),
    (re.compile(r"\b(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}\b"), "<address>"),
    (re.compile(r"(?<=//)[^\s/@]+@"), f"{GONE}@"),
)

_COLONS: Final = re.compile(r"(?<![0-9A-Za-z:.])[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*(?![0-9A-Za-z:])")


def scrub(text: str, secrets: Iterable[str], names: Mapping[str, str]) -> str:
    """The text without secrets, mail addresses and addresses of other machines.

    Args:
        text: of any length.
        secrets: values that must not be read, whatever they look like; the longest goes first.
        names: what is to be called something else: a home folder, a user, a host.
    """
    for value in sorted({each for each in secrets if len(each) >= SHORTEST}, key=len, reverse=True):
        text = text.replace(value, GONE)
    for value in sorted((each for each in names if each), key=len, reverse=True):
        around = r"(?<![A-Za-z0-9]){}(?![A-Za-z0-9])" if value[0].isalnum() else "{}"
        text = re.sub(around.format(re.escape(value)), names[value].replace("\\", r"\\"), text)
    text = redact(text)
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return _COLONS.sub(_address, text)


def _address(found: re.Match[str]) -> str:
    """Times of day have colons too."""
    try:
        return found[0] if ipaddress.IPv6Address(found[0]).is_loopback else "<address>"
    except ValueError:
        return found[0]
