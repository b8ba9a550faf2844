"""A screen that nobody sees: a real X server."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

SIZE = "1280x800x24"


@contextlib.contextmanager
def display() -> Iterator[str]:
    """The value for DISPLAY."""
    if shutil.which("Xvfb") is None:
        pytest.fail("Xvfb must be installed for this test: sudo apt install xvfb", pytrace=False)
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", SIZE, "-nolisten", "tcp", "-noreset"]
    with subprocess.Popen(command, pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        os.close(write)
        try:
            with os.fdopen(read) as told:
                number = told.readline().strip()
            assert number, "no X server came up"
            yield f":{number}"
        finally:
            server.terminate()
