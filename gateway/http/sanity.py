"""What a request's head must look like before anything reads it: one meaning for us, for proxies and for libraries."""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from starlette.types import Scope

from contract import limits
from contract.errors import BadHeader, BadPath, BodyTooLarge, HeadersTooLarge, PathTooLong

Headers = list[tuple[bytes, bytes]]
Named = dict[bytes, str]
"""Headers by lower-case name."""
SINGLE: Final = (
    *(b"host", b"authorization", b"dpop", b"idempotency-key", b"x-engine-id", b"x-engine-token", b"x-flowork-admin", b"origin"),
    *(b"content-length", b"content-type", b"content-encoding", b"transfer-encoding"),
    *(b"sec-fetch-mode", b"access-control-request-method", b"x-forwarded-host", b"cf-connecting-ip"),
)
"""Headers of which two would let two readers see two different requests."""
BODY_MAX_BYTES: Final = limits.BATCH_BODY_MAX_BYTES
"""What the largest route takes; each has its own limit below this (`gateway/http/bodies.py`)."""
_VALUES = re.compile(rb"[\t\n\x20-\x7e]*")
_SEGMENT_UP = re.compile(rb"(?:^|/)\.\.(?:/|$)")
_FORBIDDEN_IN_PATH = re.compile(rb"[^\x20-\x7e\x80-\xff]|\\")
_ENCODED_SLASH = re.compile(rb"%(?:2f|5c)", re.IGNORECASE)


def by_name(headers: Headers) -> Named:
    """Headers for looking up; of one that was sent twice, the last."""
    return {name: value.decode("latin-1") for name, value in headers}


def check_headers(headers: Headers, named: Named) -> None:
    """Refuse what two readers could take for two requests.

    Raises:
        BadHeader, HeadersTooLarge, BodyTooLarge.
    """
    if len(headers) > limits.HEADER_MAX_LINES or sum(len(name) + len(value) + 4 for name, value in headers) > limits.HEADER_MAX_BYTES:
        raise HeadersTooLarge
    if len(named) < len(headers):
        names = [name for name, _ in headers]
        for name in SINGLE:
            if names.count(name) > 1:
                raise BadHeader(f"{name.decode()} was sent twice.")
    if not _VALUES.fullmatch(b"\n".join([value for _, value in headers])):  # no parser lets a line feed into a value
        raise BadHeader("A header holds something else than visible ASCII.")
    announced = named.get(b"content-length")
    if announced is not None:
        _check_length(announced, named)


def _check_length(announced: str, named: Named) -> None:
    if b"transfer-encoding" in named:
        raise BadHeader("Content-Length and Transfer-Encoding were both sent.")
    if not announced.isdecimal():
        raise BadHeader("Content-Length is not a number.")
    if int(announced[:20]) > BODY_MAX_BYTES:
        raise BodyTooLarge(f"The most that any address takes is {BODY_MAX_BYTES} bytes.")


def check_path(scope: Scope) -> None:
    """Refuse paths that a file system, a proxy or a log could read differently than the router does.

    Raises:
        BadPath, PathTooLong.
    """
    raw: bytes = scope["raw_path"]
    if len(raw) > limits.PATH_MAX_BYTES:
        raise PathTooLong
    if not raw.startswith(b"/"):
        raise BadPath("The path is not absolute.")
    if b"%" not in raw and b".." not in raw and not _FORBIDDEN_IN_PATH.search(raw):
        return
    decoded = unquote_to_bytes(raw)
    if _ENCODED_SLASH.search(raw) or _FORBIDDEN_IN_PATH.search(decoded) or _SEGMENT_UP.search(decoded):
        raise BadPath
    try:
        decoded.decode()
    except UnicodeDecodeError as error:
        raise BadPath("The path is not UTF-8.") from error
