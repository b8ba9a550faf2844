"""Starts the setup of a newer version, which outlives this program and replaces it."""

import subprocess
import sys
from pathlib import Path
from typing import Final

SILENT: Final = "/S"
RESTART: Final = "/RESTART"
"""Start the tray application when all is done."""


def start_setup(path: Path, *, restart: bool) -> None:
    """Start it, apart from this process and all that belongs to it; it waits until no Flowork runs, then replaces what is installed.

    Raises:
        OSError.
    """
    flags = 0
    if sys.platform == "win32":  # pragma: no cover
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    subprocess.Popen(
        [str(path), SILENT, *([RESTART] if restart else [])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=path.parent,
        close_fds=True,
        start_new_session=sys.platform != "win32",
        creationflags=flags,
    )
