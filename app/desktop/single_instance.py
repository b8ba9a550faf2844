"""One tray application for a person and a data folder: a later start hands over what it was asked for, and ends.

A lock says who is first; it ends with its process, so nothing stale can be in the way. Requests come over a local socket that
only this person reaches (a Unix socket in the data folder, or a named pipe), as one line of JSON each, and are answered.
"""

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PySide6.QtNetwork import QLocalServer, QLocalSocket

from kit.files import Locked, exclusive_lock, private_folder

VERBS: Final = frozenset({"open", "pair", "drain", "resume", "quit", "hurry"})
CONNECT_MS: Final = 1000
ANSWER_MS: Final = 5000
LINE_MAX: Final = 4096
UNIX_PATH_MAX: Final = 100


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
    """Where requests go: of this person and this data folder."""
    path = data / "run" / "desktop.sock"
    if sys.platform != "win32" and len(os.fsencode(path)) <= UNIX_PATH_MAX:
        return str(path)
    who = os.environ.get("USERDOMAIN", "") + os.environ.get("USERNAME", "") if sys.platform == "win32" else str(os.getuid())
    return "flowork-" + hashlib.sha256(f"{who}\0{data.resolve()}".encode()).hexdigest()[:24]


class Requests:
    """Hears requests of later starts, on the thread that made it; `heard` gets a verb."""

    def __init__(self, data: Path, version: str, heard: Callable[[str], None]) -> None:
        """Raises:
        OSError: nobody could be heard there.
        """
        self._version = version
        self._heard = heard
        self._server = QLocalServer()
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._come)
        name = name_for(data)
        QLocalServer.removeServer(name)  # left by one that crashed: the lock says that it is gone
        if not self._server.listen(name):
            raise OSError(self._server.errorString())

    def close(self) -> None:
        """Hear no more."""
        self._server.close()

    def _come(self) -> None:
        while (visitor := self._server.nextPendingConnection()) is not None:
            visitor.readyRead.connect(lambda visitor=visitor: self._read(visitor))
            visitor.disconnected.connect(visitor.deleteLater)

    def _read(self, visitor: QLocalSocket) -> None:
        if not visitor.canReadLine():
            if visitor.bytesAvailable() > LINE_MAX:
                visitor.abort()
            return
        verb = _verb(bytes(visitor.readLine(LINE_MAX).data()))
        answer = {"pid": os.getpid(), "version": self._version, "known": verb is not None}
        visitor.write(json.dumps(answer).encode() + b"\n")
        visitor.disconnectFromServer()
        if verb is not None:
            self._heard(verb)


def _verb(line: bytes) -> str | None:
    try:
        asked = json.loads(line)
    except ValueError:
        return None
    verb = asked.get("verb") if isinstance(asked, dict) else None
    return verb if verb in VERBS else None


def ask_first(data: Path, verb: str) -> First:
    """Hand a verb over to the one that runs.

    Raises:
        NotAnswering.
    """
    socket = QLocalSocket()
    socket.connectToServer(name_for(data))
    if not socket.waitForConnected(CONNECT_MS):
        raise NotAnswering(socket.errorString())
    socket.write(json.dumps({"verb": verb}).encode() + b"\n")
    socket.flush()
    while not socket.canReadLine():
        if not socket.waitForReadyRead(ANSWER_MS):
            raise NotAnswering(socket.errorString())
    try:
        told = json.loads(bytes(socket.readLine(LINE_MAX).data()))
        if not told["known"]:
            raise NotAnswering(f"version {told['version']} does not know {verb!r}")
        return First(int(told["pid"]), str(told["version"]))
    except (ValueError, KeyError, TypeError) as error:
        raise NotAnswering("it answered in another language") from error
