"""A host of tray icons that comes late, goes and comes back is noticed, on a real bus."""

import contextlib
from itertools import count

import pytest
from PySide6.QtDBus import QDBusConnection

from app.desktop.tray_host import WATCHER, TrayHost
from tests.support.bus_services import TrayWatcher, elsewhere, offered

NAMES = count()


@pytest.fixture
def connection(bus, qapp):
    name = f"tray-host-test-{next(NAMES)}"
    yield QDBusConnection.connectToBus(bus, name)
    QDBusConnection.disconnectFromBus(name)


@pytest.fixture
def services():
    with elsewhere() as thread:
        yield thread


@contextlib.contextmanager
def _watcher(services, bus, service):
    held = offered(bus, service, WATCHER, "/StatusNotifierWatcher")
    services.run(held.__aenter__())
    try:
        yield service
    finally:
        services.run(held.__aexit__(None, None, None))


async def _call(act):
    act()


def test_a_host_that_comes_late_is_told_once(bus, connection, services, qtbot):
    host = TrayHost(bus=connection, available=lambda: False)
    told = []
    host.appeared.connect(lambda: told.append("appeared"))
    host.gone.connect(lambda: told.append("gone"))
    assert not host.here
    with _watcher(services, bus, TrayWatcher()):
        qtbot.waitUntil(lambda: host.here)
        assert told == ["appeared"]
    qtbot.waitUntil(lambda: not host.here)
    with _watcher(services, bus, TrayWatcher()):
        qtbot.waitUntil(lambda: host.here)
    assert told == ["appeared", "gone", "appeared"]


def test_a_watcher_without_a_host_shows_nothing_until_one_registers(bus, connection, services, qtbot):
    host = TrayHost(bus=connection, available=lambda: False)
    with _watcher(services, bus, TrayWatcher(hosts=0)) as watcher:
        qtbot.waitUntil(lambda: connection.interface().isServiceRegistered(WATCHER).value())
        assert not host.here
        services.run(_call(watcher.StatusNotifierHostRegistered))
        qtbot.waitUntil(lambda: host.here)


def test_a_host_that_was_there_first_is_no_news(bus, connection, services, qtbot):
    with _watcher(services, bus, TrayWatcher()):
        host = TrayHost(bus=connection, available=lambda: True)
        told = []
        host.appeared.connect(lambda: told.append("appeared"))
        asked = TrayHost(bus=connection, available=lambda: False)
        qtbot.waitUntil(lambda: asked.here)  # the bus has answered both, in order
        assert host.here
        assert told == []


def test_without_a_bus_it_looks_again(qtbot, monkeypatch):
    monkeypatch.setattr("app.desktop.tray_host.LOOK_EVERY_MS", 1)
    answers = [False, False, True]
    host = TrayHost(bus=QDBusConnection("no such bus"), available=lambda: answers.pop(0))
    with qtbot.waitSignal(host.appeared):
        pass
    assert host.here
    assert answers == []
