"""How much memory and disk the machine has left."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from kit.clock import SECOND, Clock


@dataclass(frozen=True, slots=True)
class Free:
    """Bytes that are left."""

    memory: int
    """What programs can get without swapping; of the whole machine, not of a container's limit."""
    disk: int
    """What this user can write on the disk asked about."""


def measure(folder: Path) -> Free:
    """Ask the operating system; the disk is the one that `folder` lies on."""
    return Free(psutil.virtual_memory().available, psutil.disk_usage(str(folder)).free)


class Machine:
    """The machine as of the last second: asking costs about 0.1 ms, so it is not done for each request."""

    def __init__(self, folder: Path, clock: Clock, asked: Callable[[Path], Free] = measure) -> None:
        self._folder = folder
        self._clock = clock
        self._asked = asked
        self._at = 0
        self._free: Free | None = None

    def free(self) -> Free:
        """What is left, at most a second old."""
        now = self._clock.now().steady
        if self._free is None or now - self._at >= SECOND:
            self._free, self._at = self._asked(self._folder), now
        return self._free
