"""Real session and system buses, each a test's own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.desktop import desktop

os.environ["QT_QPA_PLATFORM"] = "offscreen"


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[str]:
    """The address of a bus with nobody on it."""
    with desktop(tmp_path / "desktop") as made:
        yield made.environment["DBUS_SESSION_BUS_ADDRESS"]
