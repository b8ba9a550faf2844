"""One tray application for a person and a data folder: a later start hands over what it was asked for, and ends.

A lock says who is first; it ends with its process, so nothing stale can be in the way. Requests come over a local socket that
only this person reaches (a Unix socket in the data folder, or a named pipe), as one line of JSON each, and are answered;
`app/desktop/requests.py` hears them.
"""

import contextlib
import hashlib
import json
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kit.files import Locked, exclusive_lock, private_folder

VERBS: Final = frozenset({"open", "pair", "drain", "resume", "quit", "hurry"})
ANSWER_S: Final = 5.0
LINE_MAX: Final = 4096
UNIX_PATH_MAX: Final = 100


class NobodyThere(Exception):
    """No tray application runs on this data folder."""


class NotAnswering(Exception):
    """The first one is there, but does not answer."""


@dataclass(frozen=True, slots=True)
class First:
    """The one that runs."""

    pid: int
    version: str


@contextlib.contextmanager
def first_of(data: Path) -> Iterator[bool]:
    """True for the length of the block when nobody else is the tray application of this data folder."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(exclusive_lock(private_folder(data / "run") / "desktop.lock"))
        except Locked:
            yield False
        else:
            yield True


def name_for(data: Path) -> str:
    """Where requests go: of this person and this data folder. A path, or on Windows the name of a pipe."""
    if sys.platform == "win32":
        who = os.environ.get("USERDOMAIN", "") + os.environ.get("USERNAME", "")
        return f"flowork-{_digest(who, data)}"
    path = data / "run" / "desktop.sock"
    if len(os.fsencode(path)) <= UNIX_PATH_MAX:
        return str(path)
    folder = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return f"{folder}/flowork-{_digest(str(os.getuid()), data)}"


def _digest(who: str, data: Path) -> str:
    return hashlib.sha256(f"{who}\0{data.resolve()}".encode()).hexdigest()[:24]


def ask_first(data: Path, verb: str) -> First:
    """Hand a verb over to the one that runs.

    Raises:
        NobodyThere. NotAnswering.
    """
    if not data.is_dir():
        raise NobodyThere
    with first_of(data) as nobody:
        if nobody:
            raise NobodyThere
    try:
        told = json.loads(_exchange(name_for(data), json.dumps({"verb": verb}).encode() + b"\n"))
        if not told["known"]:
            raise NotAnswering(f"version {told['version']} does not know {verb!r}")
        return First(int(told["pid"]), str(told["version"]))
    except OSError as error:
        raise NotAnswering(error.strerror or "it is silent") from error
    except (ValueError, KeyError, TypeError) as error:
        raise NotAnswering("it answered in another language") from error


def _exchange(name: str, line: bytes) -> bytes:
    if sys.platform == "win32":  # pragma: no cover
        with open(rf"\\.\pipe\{name}", "r+b", buffering=0) as pipe:
            pipe.write(line)
            return pipe.read(LINE_MAX)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_S)
        connection.connect(name)
        connection.sendall(line)
        with connection.makefile("rb") as answer:
            return answer.readline(LINE_MAX)
