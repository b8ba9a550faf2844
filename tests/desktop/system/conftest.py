"""What the system gives, each on a bus of a test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.desktop import desktop


@pytest.fixture(scope="session")
def qapp_args() -> list[str]:
    """Without a screen; not by the environment, which programs of other tests would inherit."""
    return ["flowork-tests", "-platform", "offscreen"]


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[str]:
    """The address of a bus with nobody on it."""
    with desktop(tmp_path / "desktop") as made:
        yield made.environment["DBUS_SESSION_BUS_ADDRESS"]
