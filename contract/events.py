"""Events and cursors (protocol §6)."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from contract.errors import CursorInvalid
from contract.wire import Answer
from contract.words import EventName

SOCKET_PATH = "/api/socket.io"
SOCKET_NAMESPACE = "/gui-socket"


class Event(Answer):
    """One change, as the user's socket and `GET /api/v1/events` carry it."""

    source: str
    """The engine id whose shard holds it, or `control` for what is no job."""
    seq: Annotated[int, Field(ge=1)]
    """Gap-free per user and source."""
    name: EventName
    at: str
    data: dict[str, Any]
    """`job.updated`: a Job, or `{id, deleted: true}`; `job.output`: `{id, attempt, delivery, offset, text}`;
    `job.log`: `{id, attempt, delivery, offset, lines}`. Offsets count within a delivery, which grows with every handing-out.
    `device.added`, `device.revoked`: `{id, name}`. `drain.changed`: `{engine, name, instance, state}`, where `engine` and `name`
    are null for the gateway, and `instance` for a whole engine."""


class EventPage(Answer):
    """What was missed, and where to go on."""

    events: list[Event]
    next: str


def encode_cursor(positions: Mapping[str, int]) -> str:
    """Write source -> seq as an opaque, URL-safe word."""
    text = json.dumps(dict(sorted(positions.items())), separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> dict[str, int]:
    """Read what `encode_cursor` wrote.

    Raises:
        CursorInvalid: it is something else.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        positions = json.loads(text)
    except (ValueError, binascii.Error, RecursionError) as error:
        raise CursorInvalid from error
    if not isinstance(positions, dict) or len(positions) > 10_000:
        raise CursorInvalid
    if not all(type(seq) is int and 0 <= seq < 2**63 for seq in positions.values()):
        raise CursorInvalid
    return positions
