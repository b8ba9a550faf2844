"""The composition root of the desktop: the UI on the main thread, everything else on the desk thread and the host's threads."""

import faulthandler
import os
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QSystemTrayIcon

from app.bridge.acts.telling import Tell
from app.bridge.news import Request
from app.bridge.qt import Bridge
from app.desktop.requests import Requests
from app.desktop.signals import told
from app.services.acts import people, rotation, running
from app.services.desk import Desk
from app.services.feed import Feed
from app.services.runner import Runner, Wish
from app.settings import Settings
from app.ui.icons import app_icon
from app.ui.shell import Shell, Windows
from app.ui.style import dress
from app.ui.tray import Tray
from app.words import Words
from contract.version import VERSION
from kit.logs import Log
from kit.logs.setup import flush
from kit.vault import SecretStore

log = Log("desk")
GIVEN_UP, STUCK = 1, 70
"""Exit codes: a third signal; and EX_SOFTWARE of sysexits.h, when it would not end."""
SESSION_END_S = 5.0
"""What the end of the desktop's session leaves for a drain, before jobs are given back."""
CLOSE_S = 10.0
"""What the desk thread may take to end."""
STUCK_AFTER_S = 20.0
"""Beyond the engine's own deadline for a drain."""


@dataclass(frozen=True, slots=True)
class Start:
    """How the program was started."""

    data: Path
    verb: str
    """What to do first: `open`, `pair` or nothing (`""`)."""
    load: Callable[[], Settings]
    open_store: Callable[[Settings], SecretStore]


def run(start: Start, settings: Settings, say: Words) -> int:
    """The desktop, until it is told to quit; its exit code."""
    application = QApplication([sys.argv[0]])
    application.setApplicationName("flowork")
    application.setApplicationDisplayName("Flowork")
    application.setApplicationVersion(VERSION)
    application.setDesktopFileName("flowork")
    application.setQuitOnLastWindowClosed(False)
    application.setWindowIcon(app_icon())
    dress(application)
    with ExitStack() as stack:
        desk = Desk()
        bridge = Bridge(desk)
        runner = Runner(
            start.load,
            start.open_store,
            changed=desk.nudge,
            end=lambda: bridge.requested.emit(Request("quit")),
            give_up=_give_up,
        )
        tray = Tray(say, str(settings.desktop.icons))
        shell = Shell(bridge, say, tray, _windows(bridge, say))
        watchdog = _Watchdog(settings.engine.drain_deadline_s + STUCK_AFTER_S, settings.gateway.data)
        stack.callback(watchdog.rest)
        desk.start(
            lambda: Feed(start.data, lambda: runner.now, bridge.changed.emit),
            [running.handlers(start.data, runner), people.handlers(start.data), rotation.handlers(start.data), {Tell: _tell}],
        )
        requests = Requests(start.data, VERSION, lambda verb: bridge.requested.emit(Request(verb)))
        stack.callback(requests.close)
        stack.enter_context(told(shell.told_to_end))
        shell.leaving.connect(watchdog.watch)
        shell.ended.connect(application.quit)
        shell.given_up.connect(_give_up)
        application.commitDataRequest.connect(lambda _: _session_ends(runner))
        _watch_tray(shell)
        if settings.desktop.start_gateway:
            runner.start()
        if settings.desktop.open_window or start.verb:
            bridge.requested.emit(Request(start.verb or "open"))
        log.info("desk.started", version=VERSION)
        code = application.exec()
        watchdog.watch()
        tray.hide()
        runner.stop(Wish.HURRY)
        ended = runner.wait(settings.engine.drain_deadline_s + STUCK_AFTER_S)
        bridge.blockSignals(True)
        if not (desk.close(CLOSE_S) and ended):
            watchdog.bark()
        return code


def _windows(bridge: Bridge, say: Words) -> Windows:
    from PySide6.QtWidgets import QDialog, QMainWindow

    def dashboard() -> QMainWindow:
        window = QMainWindow()
        window.setWindowTitle("Flowork")
        return window

    return Windows(dashboard, QDialog, QDialog)


def _watch_tray(shell: Shell) -> None:
    timer = QTimer(shell)

    def look() -> None:
        if QSystemTrayIcon.isSystemTrayAvailable():
            timer.stop()
            shell.host_came()

    timer.timeout.connect(look)
    timer.start(500)
    look()
    shell.expect_host()


async def _tell(_asked: Tell) -> None:
    """Until there are notifications."""


def _session_ends(runner: Runner) -> None:
    """The person signs out: be quick, and lose nothing. The session may end us as soon as this returns."""
    runner.stop()
    if not runner.wait(SESSION_END_S):
        runner.stop(Wish.HURRY)
        runner.wait(SESSION_END_S)
    QGuiApplication.quit()


class _Watchdog:
    """Ends a program that would not end, and leaves the stacks of its threads for whoever asks why."""

    def __init__(self, after_s: float, data: Path) -> None:
        self._after_s = after_s
        self._file = data / "logs" / "stuck.txt"
        self._timer: threading.Timer | None = None

    def watch(self) -> None:
        """It is told to end from now on."""
        if self._timer is None:
            self._timer = threading.Timer(self._after_s, self.bark)
            self._timer.daemon = True
            self._timer.start()

    def rest(self) -> None:
        """It has ended."""
        if self._timer is not None:
            self._timer.cancel()

    def bark(self) -> None:
        """End it now."""
        with self._file.open("w", encoding="utf-8") as out:
            faulthandler.dump_traceback(file=out)
        log.critical("desk.stuck", seconds=self._after_s)
        flush()
        os._exit(STUCK)


def _give_up() -> None:
    flush()
    os._exit(GIVEN_UP)
