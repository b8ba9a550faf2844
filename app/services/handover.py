"""Handover: how one Flowork takes the place of another on the same data folder, and how the old one serves again if that fails.

Who takes over holds `run/handover.lock` until it serves, and writes so into `run/handover.json`. The old one, having let go of
the data folder, waits for that lock: the operating system frees it also when its holder dies. If the note says that the new one
serves, the old one is done; if not, it serves again.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from app.client.admin import open_admin
from contract.version import VERSION
from kit.files import Locked, exclusive_lock, private_folder, write_private

LOOK_AGAIN_S = 0.01
"""A file's lock cannot be waited for on every system."""
LETS_GO_IN_S = 90.0
"""The old one finishes its engine's jobs first, within their drain deadline."""


class TakeoverFailed(Exception):
    """The old Flowork goes on serving; the message says why the new one does not."""


@dataclass(frozen=True, slots=True)
class _Note:
    """What lies in `run/handover.json`; wall times in seconds."""

    version: str
    closed_at: float | None = None
    """When the old one stopped listening."""
    ready_at: float | None = None
    """When the new one served."""


@contextlib.contextmanager
def claimed(data: Path) -> Iterator[None]:
    """Hold the right to take over.

    Raises:
        TakeoverFailed: another one does already.
    """
    try:
        with exclusive_lock(_lock(data)):
            yield
    except Locked as error:
        raise TakeoverFailed("Another Flowork is taking over on this data folder just now.") from error


async def ask(data: Path) -> str:
    """Ask the old one to let go, and wait until it has; the address at which it served.

    Raises:
        FloworkError: it would not. TakeoverFailed: it did not in time.
    """
    async with open_admin(data) as admin:
        address = (await admin.hand_over(VERSION)).address
    try:
        async with asyncio.timeout(LETS_GO_IN_S):
            while True:
                with contextlib.suppress(Locked), exclusive_lock(data / "run" / "flowork.lock"):
                    return address
                await asyncio.sleep(LOOK_AGAIN_S)
    except TimeoutError as error:
        raise TakeoverFailed(f"The Flowork that runs has not let go within {LETS_GO_IN_S:.0f} s.") from error


def let_go(data: Path) -> None:
    """Note, as the old one, that nobody listens from now on."""
    _write(data, _Note(VERSION, closed_at=time.time()))


def taken(data: Path) -> float | None:
    """Note, as the new one, that it serves; the seconds in which nobody did, or None if the old one did not tell."""
    now, before = time.time(), _read(data)
    _write(data, _Note(VERSION, ready_at=now))
    return None if before is None or before.closed_at is None else max(0.0, now - before.closed_at)


def was_taken(data: Path, give_up: Callable[[float], bool]) -> bool:
    """Wait, as the old one, until the new one serves or is gone; True when it serves.

    `give_up` waits for so many seconds, and answers True when this program was told to stop meanwhile.
    """
    while True:
        with contextlib.suppress(Locked), exclusive_lock(_lock(data)):
            note = _read(data)
            return note is not None and note.ready_at is not None
        if give_up(LOOK_AGAIN_S):
            return True


def _lock(data: Path) -> Path:
    return private_folder(data / "run") / "handover.lock"


def _path(data: Path) -> Path:
    return data / "run" / "handover.json"


def _write(data: Path, note: _Note) -> None:
    write_private(_path(data), json.dumps(asdict(note)).encode())


def _read(data: Path) -> _Note | None:
    try:
        return _Note(**json.loads(_path(data).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
