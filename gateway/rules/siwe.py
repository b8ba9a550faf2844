"""EIP-4361 "Sign-In with Ethereum": a strict parser and a comparison. No cryptography here.

The text that was signed is the text that is parsed; nothing is re-serialised.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

MESSAGE_MAX_CHARS = 4096

_DATE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:[0-5]\d)"
# RFC 3986: unreserved, sub-delims and percent-encoded.
_UNRESERVED = r"A-Za-z0-9._~\-"
_SUB = r"!$&'()*+,;="
_PERCENT = r"%[0-9A-Fa-f]{2}"
_PCHAR = rf"(?:[{_UNRESERVED}{_SUB}:@]|{_PERCENT})"
_URI = rf"[A-Za-z][A-Za-z0-9+.-]*:(?:[{_UNRESERVED}{_SUB}:@/?#\[\]]|{_PERCENT})+"
_HOST = rf"(?:\[[0-9A-Fa-f:.]+\]|(?:[{_UNRESERVED}{_SUB}]|{_PERCENT})+)"
_MESSAGE = re.compile(
    rf"""
    (?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://)?
    (?P<domain>{_HOST}(?::[0-9]{{1,5}})?)\ wants\ you\ to\ sign\ in\ with\ your\ Ethereum\ account:\n
    (?P<address>0x[0-9A-Fa-f]{{40}})\n
    \n
    (?:(?P<statement>[{_UNRESERVED}{_SUB}:/?\#\[\]@\ ]+)\n)?
    \n
    URI:\ (?P<uri>{_URI})\n
    Version:\ (?P<version>1)\n
    Chain\ ID:\ (?P<chain_id>[0-9]{{1,20}})\n
    Nonce:\ (?P<nonce>[A-Za-z0-9]{{8,256}})\n
    Issued\ At:\ (?P<issued_at>{_DATE})
    (?:\nExpiration\ Time:\ (?P<expiration_time>{_DATE}))?
    (?:\nNot\ Before:\ (?P<not_before>{_DATE}))?
    (?:\nRequest\ ID:\ (?P<request_id>{_PCHAR}*))?
    (?:\nResources:(?P<resources>(?:\n-\ {_URI})*))?
    """,
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class SiweMessage:
    """The fields of a well-formed message, as they stand in it."""

    scheme: str | None
    domain: str
    address: str
    statement: str | None
    uri: str
    version: str
    chain_id: int
    nonce: str
    issued_at: str
    expiration_time: str | None
    not_before: str | None
    request_id: str | None
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """What the gateway issued; every field must be found again."""

    domains: frozenset[str]
    statement: str
    uri: str
    nonce: str
    issued_at: str
    expiration_time: str
    request_id: str
    resources: tuple[str, ...]
    chain_id: int = 1


def parse(text: str) -> SiweMessage | None:
    """Read a message; None when it is not exactly of the ABNF of EIP-4361 or names a date that does not exist."""
    match = _MESSAGE.fullmatch(text) if len(text) <= MESSAGE_MAX_CHARS else None
    if match is None:
        return None
    fields: dict[str, Any] = match.groupdict()
    if not all(_exists(fields[name]) for name in ("issued_at", "expiration_time", "not_before")):
        return None
    resources = tuple(line.removeprefix("- ") for line in (fields.pop("resources") or "").split("\n")[1:])
    return SiweMessage(**{**fields, "chain_id": int(fields["chain_id"])}, resources=resources)


def compare(message: SiweMessage, expected: Expected) -> str | None:
    """The name of the first field that is not what was issued; None when all are."""
    wanted = {
        "statement": expected.statement,
        "uri": expected.uri,
        "chain_id": expected.chain_id,
        "nonce": expected.nonce,
        "issued_at": expected.issued_at,
        "expiration_time": expected.expiration_time,
        "not_before": None,
        "request_id": expected.request_id,
        "resources": expected.resources,
    }
    if message.domain not in expected.domains:
        return "domain"
    if message.scheme not in {None, "http", "https"}:
        return "scheme"
    return next((name for name, value in wanted.items() if getattr(message, name) != value), None)


def _exists(date: str | None) -> bool:
    if date is None:
        return True
    try:
        datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", date))
    except ValueError:
        return False
    return True
