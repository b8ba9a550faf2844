"""What both kinds of our JSON Web Tokens need read strictly: one segment's members."""

import base64
import json
from typing import Any


def members(segment: str) -> dict[str, Any]:
    """The JSON object in a base64url segment; a name that comes twice is refused (RFC 8725 §2.4's spirit; PyJWT takes the last).

    Raises:
        ValueError: it is none. RecursionError: absurdly nested.
    """
    found = _DECODER.decode(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)).decode())
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004 - of the text, not of a caller's mistake
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate member")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_once)
