"""Starts the setup of a newer version, which outlives this program and replaces it."""

import subprocess
import sys
from pathlib import Path
from typing import Final

FLAGS: Final = ("/S", "/RESTART")
"""Silent; and Flowork is started again when it is done."""


def start_setup(path: Path) -> None:
    """Start it, apart from this process and all that belongs to it.

    Raises:
        OSError.
    """
    flags = 0
    if sys.platform == "win32":  # pragma: no cover
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    subprocess.Popen(
        [str(path), *FLAGS],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=path.parent,
        close_fds=True,
        start_new_session=sys.platform != "win32",
        creationflags=flags,
    )
