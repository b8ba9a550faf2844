"""Is there a place for tray icons, and when does it come?

Qt chooses in the constructor of a tray icon how it is shown. Made before the desktop's host of tray icons is there, an icon never
appears, and hiding and showing it does not help: it must be made anew once the host has come. After that Qt follows restarts by itself.
"""

from collections.abc import Callable

from PySide6.QtCore import SLOT, QObject, QTimer, Signal, Slot
from PySide6.QtDBus import QDBusConnection, QDBusMessage, QDBusPendingCallWatcher, QDBusServiceWatcher
from PySide6.QtWidgets import QSystemTrayIcon

WATCHER = "org.kde.StatusNotifierWatcher"
PATH = "/StatusNotifierWatcher"
PROPERTIES = "org.freedesktop.DBus.Properties"
LOOK_EVERY_MS = 2000
LOOKS_MAX = 150
"""Five minutes: who has no host by then gets none."""


class TrayHost(QObject):
    """Watches from the main thread. Its signals come there."""

    appeared = Signal()
    """A host is here now, and was not when this was made, or had gone: make the icon anew."""
    gone = Signal()
    """The host has left; the window is the only way to Flowork until `appeared`."""

    def __init__(
        self,
        parent: QObject | None = None,
        bus: QDBusConnection | None = None,
        available: Callable[[], bool] = QSystemTrayIcon.isSystemTrayAvailable,
    ) -> None:
        """`available` is asked where there is no session bus: on Windows, on macOS, on a bare X server."""
        super().__init__(parent)
        self._bus = QDBusConnection.sessionBus() if bus is None else bus
        self._available = available
        self._looks = 0
        self.here = available()
        """Can icons be shown just now?"""
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_EVERY_MS)
        self._timer.timeout.connect(self._look)
        if self._bus.isConnected():
            self._watcher = QDBusServiceWatcher(WATCHER, self._bus, QDBusServiceWatcher.WatchModeFlag.WatchForOwnerChange, self)
            self._watcher.serviceRegistered.connect(self._ask)
            self._watcher.serviceUnregistered.connect(self._lost)
            self._bus.connect(WATCHER, PATH, WATCHER, "StatusNotifierHostRegistered", self, SLOT("_host_came()"))  # type: ignore[call-overload]
            self._ask()
        elif not self.here:
            self._timer.start()

    @Slot()
    def _host_came(self) -> None:
        self._found(here=True)

    @Slot(str)
    def _lost(self, _name: str = "") -> None:
        self._found(here=False)

    @Slot(str)
    def _ask(self, _name: str = "") -> None:
        """A watcher alone shows nothing: has a host registered with it?"""
        asked = QDBusMessage.createMethodCall(WATCHER, PATH, PROPERTIES, "Get")
        asked.setArguments([WATCHER, "IsStatusNotifierHostRegistered"])
        waiting = QDBusPendingCallWatcher(self._bus.asyncCall(asked), self)
        waiting.finished.connect(self._answered)

    @Slot(QDBusPendingCallWatcher)
    def _answered(self, waiting: QDBusPendingCallWatcher) -> None:
        answer = waiting.reply()
        told = answer.arguments() if answer.type() is QDBusMessage.MessageType.ReplyMessage else []
        waiting.deleteLater()
        if told and _plain(told[0]) is True:
            self._found(here=True)

    def _look(self) -> None:
        self._looks += 1
        here = self._available()
        if here or self._looks >= LOOKS_MAX:
            self._timer.stop()
        if here:
            self._found(here=True)

    def _found(self, *, here: bool) -> None:
        if here == self.here:
            return
        self.here = here
        (self.appeared if here else self.gone).emit()


def _plain(value: object) -> object:
    variant = getattr(value, "variant", None)
    return variant() if callable(variant) else value
