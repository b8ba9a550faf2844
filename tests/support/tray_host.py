"""A panel without pixels: hosts StatusNotifierItems, reads and clicks their menus, and receives notifications, on a real session bus.

Speaks the freedesktop.org StatusNotifierItem draft (as KDE and GNOME's AppIndicator extension do), com.canonical.dbusmenu and the
Desktop Notifications Specification 1.2.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from dbus_fast import BusType, Message, MessageType, NameFlag, PropertyAccess, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

from tests.support.house import until

WATCHER = "org.kde.StatusNotifierWatcher"
NOTIFICATIONS = "org.freedesktop.Notifications"


class _Watcher(ServiceInterface):
    def __init__(self) -> None:
        super().__init__(WATCHER)
        self.items: list[str] = []

    @dbus_method()
    def RegisterStatusNotifierItem(self, service: "s") -> None:  # noqa: F821
        self.items.append(service)

    @dbus_method()
    def RegisterStatusNotifierHost(self, service: "s") -> None:  # noqa: F821
        pass

    @dbus_property(access=PropertyAccess.READ)
    def RegisteredStatusNotifierItems(self) -> "as":  # noqa: F722
        return self.items

    @dbus_property(access=PropertyAccess.READ)
    def IsStatusNotifierHostRegistered(self) -> "b":  # noqa: F821
        return True

    @dbus_property(access=PropertyAccess.READ)
    def ProtocolVersion(self) -> "i":  # noqa: F821
        return 0

    @dbus_signal()
    def StatusNotifierHostRegistered(self) -> None:
        pass


@dataclass
class Notice:
    """A notification, as a program asked for it."""

    id: int
    app: str
    title: str
    text: str
    actions: list[str]


class _Notifications(ServiceInterface):
    def __init__(self) -> None:
        super().__init__(NOTIFICATIONS)
        self.shown: list[Notice] = []
        self.closed: list[int] = []
        self._ids = 0

    @dbus_method()
    def Notify(
        self,
        app: "s",  # noqa: F821
        replaces: "u",  # noqa: F821
        icon: "s",  # noqa: F821
        title: "s",  # noqa: F821
        text: "s",  # noqa: F821
        actions: "as",  # noqa: F722
        hints: "a{sv}",  # noqa: F722
        expires: "i",  # noqa: F821
    ) -> "u":  # noqa: F821
        self._ids += 1
        number = replaces or self._ids
        self.shown.append(Notice(number, app, title, text, actions))
        return number

    @dbus_method()
    def CloseNotification(self, number: "u") -> None:  # noqa: F821
        self.closed.append(number)
        self.NotificationClosed(number, 3)

    @dbus_method()
    def GetCapabilities(self) -> "as":  # noqa: F722
        return ["body", "actions"]

    @dbus_method()
    def GetServerInformation(self) -> "ssss":  # noqa: F821
        return ["test", "flowork", "1", "1.2"]

    @dbus_signal()
    def ActionInvoked(self, number: "u", action: "s") -> "us":  # noqa: F821
        return [number, action]

    @dbus_signal()
    def NotificationClosed(self, number: "u", reason: "u") -> "uu":  # noqa: F821
        return [number, reason]


@dataclass
class Row:
    """A row of a menu."""

    id: int
    label: str
    enabled: bool
    checked: bool | None
    rows: list["Row"] = field(default_factory=list)


@dataclass
class Item:
    """A tray item of some program."""

    bus: MessageBus
    service: str

    async def property(self, name: str) -> Any:
        return (
            await self._call("/StatusNotifierItem", "org.freedesktop.DBus.Properties", "Get", "ss", ["org.kde.StatusNotifierItem", name])
        )[0].value

    async def tooltip(self) -> str:
        return str((await self.property("ToolTip"))[2])

    async def activate(self) -> None:
        """A left click."""
        await self._call("/StatusNotifierItem", "org.kde.StatusNotifierItem", "Activate", "ii", [0, 0])

    async def menu(self) -> list[Row]:
        """The rows that are visible, as the panel would draw them now."""
        path = await self.property("Menu")
        await self._call(path, "com.canonical.dbusmenu", "AboutToShow", "i", [0])
        _, layout = await self._call(path, "com.canonical.dbusmenu", "GetLayout", "iias", [0, -1, []])
        return _rows(layout)

    async def row(self, *labels: str) -> Row:
        """A row by its label, and those of the menus on the way to it; mnemonics and what follows the label do not matter."""
        found: Row | None = None
        for label in labels:
            rows = found.rows if found else await self.menu()
            found = next((row for row in rows if row.label.startswith(label)), None)
            assert found is not None, f"no row {label!r} among {[row.label for row in rows]}"
        assert found is not None
        return found

    async def has(self, *labels: str) -> bool:
        try:
            return (await self.row(*labels)).enabled
        except AssertionError:
            return False

    async def click(self, *labels: str) -> None:
        """Choose a row that is there and enabled."""
        await until(lambda: self.has(*labels), f"a row {labels} to click")
        row = await self.row(*labels)
        path = await self.property("Menu")
        await self._call(path, "com.canonical.dbusmenu", "Event", "isvu", [row.id, "clicked", Variant("i", 0), 0])

    async def _call(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> list[Any]:
        asked = Message(destination=self.service, path=path, interface=interface, member=member, signature=signature, body=body)
        answer = await asyncio.wait_for(self.bus.call(asked), 10)
        assert answer is not None
        assert answer.message_type is MessageType.METHOD_RETURN, answer.body
        return answer.body


def _rows(layout: list[Any]) -> list[Row]:
    rows = []
    for child in layout[2]:
        number, told, below = child.value
        if told.get("type", Variant("s", "")).value == "separator" or not told.get("visible", Variant("b", True)).value:
            continue
        checked = told["toggle-state"].value == 1 if told.get("toggle-type") and told["toggle-type"].value else None
        label = str(told.get("label", Variant("s", "")).value).replace("__", "\0").replace("_", "").replace("\0", "_")
        rows.append(Row(number, label, told.get("enabled", Variant("b", True)).value, checked, _rows([number, told, below])))
    return rows


class TrayHost:
    """The panel and the notification service of a test's desktop."""

    def __init__(self, bus: MessageBus) -> None:
        self.bus = bus
        self._watcher: _Watcher | None = None
        self._notifications = _Notifications()

    async def appear(self) -> None:
        """There is a panel from now on."""
        self._watcher = _Watcher()
        self.bus.export("/StatusNotifierWatcher", self._watcher)
        await self.bus.request_name(WATCHER, NameFlag.DO_NOT_QUEUE)
        self._watcher.StatusNotifierHostRegistered()

    async def vanish(self) -> None:
        """The panel crashes."""
        assert self._watcher is not None
        await self.bus.release_name(WATCHER)
        self.bus.unexport("/StatusNotifierWatcher", self._watcher)
        self._watcher = None

    async def item(self) -> Item:
        """The item of the program that registered last."""

        async def registered() -> str | None:
            return self._watcher.items[-1] if self._watcher and self._watcher.items else None

        return Item(self.bus, str(await until(registered, "a tray item")))

    @property
    def items(self) -> list[str]:
        return [] if self._watcher is None else self._watcher.items

    @property
    def notices(self) -> list[Notice]:
        return self._notifications.shown

    async def notice(self, title: str) -> Notice:
        """Wait for a notification whose title begins so."""

        async def shown() -> Notice | None:
            return next((each for each in reversed(self.notices) if each.title.startswith(title)), None)

        return await until(shown, f"a notification {title!r}; there are {self.notices}")

    def press(self, notice: Notice, action: str = "default") -> None:
        """The person presses one of its buttons."""
        self._notifications.ActionInvoked(notice.id, action)
        self._notifications.NotificationClosed(notice.id, 2)

    async def _begin(self) -> None:
        self.bus.export("/org/freedesktop/Notifications", self._notifications)
        await self.bus.request_name(NOTIFICATIONS)


@contextlib.asynccontextmanager
async def tray_host(address: str, *, appears: bool = True) -> AsyncIterator[TrayHost]:
    """A panel on a session bus; with `appears` false it comes when the test says."""
    bus = await MessageBus(bus_address=address, bus_type=BusType.SESSION).connect()
    try:
        made = TrayHost(bus)
        await made._begin()
        if appears:
            await made.appear()
        yield made
    finally:
        bus.disconnect()
        await bus.wait_for_disconnect()
