"""Hears what later starts of the program ask for (see `single_instance`)."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from PySide6.QtNetwork import QLocalServer, QLocalSocket

from app.desktop.single_instance import LINE_MAX, VERBS, name_for


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
