"""What a client may say on its socket (Engine.IO 4 and Socket.IO 5 over WebSocket; security reference §5.4, F2 to F4).

The libraries take far more than anybody needs: events that name the server's own handlers, binary attachments without
limit, packets for namespaces that do not exist. Everything is judged here before they see it.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from kit.strict_json import JsonRefused, decode

EVENTS: Final = frozenset({"auth.refresh"})
DEPTH_MAX: Final = 6
NODES_MAX: Final = 100
_MESSAGE = re.compile(r"4([0-3])(/[A-Za-z0-9_/-]{0,63})?(?(2)(?:,|\Z))([0-9]{0,9})(.*)", re.DOTALL)


class Says(Enum):
    """What a packet asks for."""

    CONNECT = auto()
    EVENT = auto()
    DISCONNECT = auto()
    ACK = auto()
    PONG = auto()
    CLOSE = auto()


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet that is well-formed and allowed."""

    says: Says
    namespace: str = "/"


class PacketRefused(Exception):
    """The packet is not one that a client of ours sends; the message says why without repeating it."""


def judge(text: str) -> Packet:
    """Read one text frame.

    Raises:
        PacketRefused.
    """
    if text == "3":
        return Packet(Says.PONG)
    if text == "1":
        return Packet(Says.CLOSE)
    found = _MESSAGE.fullmatch(text)
    if found is None:
        raise PacketRefused("no packet of a kind that is taken")
    kind, namespace, number, rest = found[1], found[2] or "/", found[3], found[4]
    says = (Says.CONNECT, Says.DISCONNECT, Says.EVENT, Says.ACK)[int(kind)]
    match says:
        case Says.CONNECT:
            _connect(number, rest)
        case Says.DISCONNECT if number or rest:
            raise PacketRefused("a disconnect carries nothing")
        case Says.EVENT:
            _event(_json(rest))
        case Says.ACK if not number or not isinstance(_json(rest), list):
            raise PacketRefused("an acknowledgement is a number and a list")
    return Packet(says, namespace)


def _connect(number: str, rest: str) -> None:
    if number or (rest and not isinstance(_json(rest), dict)):
        raise PacketRefused("a connect carries one object")


def _event(arguments: object) -> None:
    match arguments:
        case [str(name), dict()] if name in EVENTS:
            return
        case [str(), dict()]:
            raise PacketRefused("no event that is taken")
        case _:
            raise PacketRefused("an event is a name and one object")


def _json(text: str) -> object:
    try:
        return decode(text.encode(), DEPTH_MAX, NODES_MAX)
    except (JsonRefused, UnicodeEncodeError) as error:
        raise PacketRefused("no JSON that is taken") from error
