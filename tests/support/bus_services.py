"""What a Linux desktop and its system offer on a bus, as far as Flowork asks for it: real services with dbus-fast."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

from dbus_fast import PropertyAccess, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusBool, DBusDict, DBusInt32, DBusStr, DBusUInt32
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

WATCHER = "org.kde.StatusNotifierWatcher"


class TrayWatcher(ServiceInterface):
    """org.kde.StatusNotifierWatcher, with or without a host that shows what it watches."""

    def __init__(self, hosts: int = 1) -> None:
        super().__init__(WATCHER)
        self.hosts = hosts

    @dbus_property(access=PropertyAccess.READ)
    def IsStatusNotifierHostRegistered(self) -> DBusBool:
        return self.hosts > 0

    @dbus_signal()
    def StatusNotifierHostRegistered(self) -> None:
        self.hosts += 1


class NetworkManager(ServiceInterface):
    """org.freedesktop.NetworkManager: is the network metered?"""

    def __init__(self, metered: int) -> None:
        super().__init__("org.freedesktop.NetworkManager")
        self.metered = metered

    @dbus_property(access=PropertyAccess.READ)
    def Metered(self) -> DBusUInt32:
        return self.metered

    def becomes(self, metered: int) -> None:
        self.metered = metered
        self.emit_properties_changed({"Metered": metered})


class Login(ServiceInterface):
    """org.freedesktop.login1.Manager: the machine is about to sleep, or woke."""

    def __init__(self) -> None:
        super().__init__("org.freedesktop.login1.Manager")

    @dbus_signal()
    def PrepareForSleep(self, before: DBusBool) -> DBusBool:
        return before


@dataclass
class Shown:
    """A notice as the desktop was asked to show it."""

    id: int
    title: str
    text: str
    actions: list[str]
    hints: dict[str, Variant]


@dataclass
class _Desk:
    shown: list[Shown] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)


class Notifications(ServiceInterface):
    """org.freedesktop.Notifications."""

    def __init__(self) -> None:
        super().__init__("org.freedesktop.Notifications")
        self.desk = _Desk()

    @dbus_method()
    def Notify(
        self,
        app: DBusStr,
        replaces: DBusUInt32,
        icon: DBusStr,
        title: DBusStr,
        text: DBusStr,
        actions: "as",  # noqa: F722
        hints: DBusDict,
        timeout: DBusInt32,
    ) -> DBusUInt32:
        self.desk.shown.append(Shown(len(self.desk.shown) + 1, title, text, actions, hints))
        return len(self.desk.shown)

    @dbus_method()
    def CloseNotification(self, number: DBusUInt32) -> None:
        self.desk.closed.append(number)
        self.NotificationClosed(number, 3)

    @dbus_method()
    def GetCapabilities(self) -> "as":  # noqa: F722
        return ["actions", "body"]

    @dbus_method()
    def GetServerInformation(self) -> "ssss":  # noqa: F821
        return ["ours", "tests", "1", "1.2"]

    @dbus_signal()
    def NotificationClosed(self, number: DBusUInt32, reason: DBusUInt32) -> "uu":  # noqa: F821
        return [number, reason]

    @dbus_signal()
    def ActionInvoked(self, number: DBusUInt32, key: DBusStr) -> "us":  # noqa: F821
        return [number, key]


@contextlib.asynccontextmanager
async def offered(address: str, service: ServiceInterface, name: str, path: str) -> AsyncIterator[MessageBus]:
    """A service under its name, for a while."""
    bus = await MessageBus(address).connect()
    try:
        bus.export(path, service)
        await bus.request_name(name)
        yield bus
    finally:
        bus.disconnect()


class Elsewhere:
    """A loop on a thread of its own, for services beside a program that has the main thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)


@contextlib.contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield Elsewhere(loop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
