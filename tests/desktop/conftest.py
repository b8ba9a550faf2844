"""One screen for all; a bus, a keyring and a panel for each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.desktop import Desktop, desktop
from tests.support.display import display
from tests.support.tray_app import TrayApp
from tests.support.tray_host import TrayHost, tray_host


@pytest.fixture(scope="session")
def screen() -> Iterator[str]:
    with display() as name:
        yield name


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desktop]:
    with desktop(tmp_path / "d") as made:
        made.start_keyring()
        yield made


@pytest.fixture
async def panel(desk: Desktop) -> AsyncIterator[TrayHost]:
    async with tray_host(desk.environment["DBUS_SESSION_BUS_ADDRESS"]) as made:
        yield made


@pytest.fixture
async def app(desk: Desktop, screen: str, tmp_path: Path) -> AsyncIterator[TrayApp]:
    made = TrayApp(tmp_path / "fw", {**desk.environment, "DISPLAY": screen})
    yield made
    await made.close()
