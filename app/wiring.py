"""The composition root of the desktop: the UI on the main thread, everything else on the desk thread and the host's threads."""

import faulthandler
import os
import random
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog

from app.bridge.news import Question, Request, Snapshot
from app.bridge.qt import Bridge
from app.desktop.autostart import autostart, own_command
from app.desktop.installed import installed, this_machine
from app.desktop.power import PowerWatch
from app.desktop.requests import Requests
from app.desktop.setup import start_setup
from app.desktop.signals import told
from app.desktop.tray_host import TrayHost
from app.rules.condition import Fix
from app.rules.power import Policy
from app.rules.update import View
from app.services import secrets
from app.services.acts import Handlers, audit, diagnostics, endpoint, engines, jobs, licences, logs, people, rotation, running, setup
from app.services.acts import settings as settings_acts
from app.services.acts import update as update_acts
from app.services.admin_link import AdminLink
from app.services.desk import Desk
from app.services.feed import Feed
from app.services.runner import Runner, Wish
from app.services.secrets import Around, Insecure, Place, SecretsRefused, open_secrets
from app.services.settings_file import SettingsFile
from app.services.telling import Telling, following_power
from app.services.update.updater import Updater
from app.services.update.watch import Watch
from app.settings import Settings
from app.ui.icons import app_icon
from app.ui.pair import PairPanel
from app.ui.shell import Shell, Windows
from app.ui.style import dress
from app.ui.tray import Tray
from app.words import Words
from contract.version import VERSION
from kit.clock import SystemClock
from kit.logs import Log
from kit.logs.setup import flush
from kit.vault import SecretStore

if TYPE_CHECKING:
    from app.ui.window.dashboard import Dashboard

log = Log("desk")
GIVEN_UP, STUCK = 1, 70
"""Exit codes: a third signal; and EX_SOFTWARE of sysexits.h, when it would not end."""
SESSION_END_S = 5.0
"""What the end of the desktop's session leaves for a drain, before jobs are given back."""
SWITCH_S = 0.001
"""How long another thread may keep the interpreter when the window wants it; by default five times as long."""
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
    insecure: Insecure
    load: Callable[[], Settings]
    file: SettingsFile


def run(start: Start, settings: Settings, say: Words) -> int:
    """The desktop, until it is told to quit; its exit code."""
    sys.setswitchinterval(SWITCH_S)
    application = _application()
    patience_s = settings.engine.drain_deadline_s + STUCK_AFTER_S
    with ExitStack() as stack:
        desk = Desk()
        bridge = Bridge(desk)
        passphrases = _Passphrases(start.data, start.insecure, bridge.asked.emit)
        runner = Runner(
            start.load, passphrases.open_store, changed=desk.nudge, end=lambda: bridge.requested.emit(Request("quit")), give_up=_give_up
        )
        tray = Tray(say, str(settings.desktop.icons))
        shell = Shell(bridge, say, tray, _windows(bridge, say), str(settings.desktop.on_close))
        watchdog = _Watchdog(patience_s, settings.gateway.data)
        stack.callback(watchdog.rest)
        _begin(desk, bridge, runner, passphrases, start, settings, say)
        requests = Requests(start.data, VERSION, lambda verb: bridge.requested.emit(Request(verb)))
        stack.callback(requests.close)
        stack.enter_context(told(shell.told_to_end))
        shell.leaving.connect(watchdog.watch)
        shell.ended.connect(application.quit)
        shell.given_up.connect(_give_up)
        application.commitDataRequest.connect(lambda _: _session_ends(runner))
        shell.look_after(TrayHost(shell))
        shell.follow_autostart()
        if settings.desktop.start_gateway:
            runner.start()
        if settings.desktop.open_window or start.verb:
            bridge.requested.emit(Request(start.verb or "open"))
        else:
            shell.first_run()
        log.info("desk.started", version=VERSION)
        code = application.exec()
        watchdog.watch()
        tray.hide()
        runner.stop(Wish.HURRY)
        ended = runner.wait(patience_s)
        bridge.blockSignals(True)
        if not (desk.close(CLOSE_S) and ended):
            watchdog.bark()
        return code


def _application() -> QApplication:
    application = QApplication([sys.argv[0]])
    application.setApplicationName("flowork")
    application.setApplicationDisplayName("Flowork")
    application.setApplicationVersion(VERSION)
    application.setDesktopFileName("org.flowork.Flowork")  # Wayland: the icon of a window is that of this entry
    application.setQuitOnLastWindowClosed(False)
    application.setWindowIcon(app_icon())
    dress(application)
    return application


def _begin(desk: Desk, bridge: Bridge, runner: Runner, passphrases: "_Passphrases", start: Start, settings: Settings, say: Words) -> None:
    """Start the desk thread with all that it does."""

    def pressed(fix: Fix | None) -> None:
        bridge.requested.emit(Request("open") if fix is None else Request("fix", fix))

    telling = Telling(say, SystemClock(), pressed, quiet=not settings.desktop.notifications)

    known: View | None = None

    def post(snapshot: Snapshot) -> None:
        bridge.changed.emit(replace(snapshot, update=known))
        telling.look(snapshot)

    def update_known(view: View) -> None:
        nonlocal known
        known = view if view.offered else None
        desk.nudge()

    def woke() -> None:
        telling.woke()
        desk.nudge()

    def unlocked(passphrase: str) -> None:
        passphrases.keep(passphrase)
        runner.start()

    link = AdminLink(start.data)
    policy = Policy(settings.desktop.pause_below_battery, settings.desktop.pause_on_metered)
    power = PowerWatch(following_power(policy, runner.policy, woke))
    updater = Updater(start.data, settings.update.url, installed(this_machine()), SystemClock())
    watch = Watch(updater, settings.update.mode, SystemClock(), random.random, changed=update_known, tell=telling.offer)
    first_run = setup.handlers(
        start.data,
        around=Around(),
        autostart=autostart(own_command(data=start.data)),
        endpoint=partial(endpoint.change_endpoint, start.data),
        unlocked=unlocked,
    )
    handlers: list[Handlers] = [
        running.handlers(start.data, runner),
        people.handlers(start.data),
        rotation.handlers(start.data),
        diagnostics.handlers(start.data),
        licences.handlers(),
        audit.handlers(start.data, link),
        engines.handlers(start.data, link),
        jobs.handlers(start.data, link),
        logs.handlers(start.data),
        settings_acts.handlers(start.file),
        endpoint.handlers(start.data),
        first_run,
        telling.handlers(),
        update_acts.handlers(updater, watch, runner, partial(start_setup, restart=True)),
    ]
    desk.start(lambda: Feed(start.data, lambda: runner.now, post), handlers, [telling.run, power.watch, link.run, watch.run])


def _windows(bridge: Bridge, say: Words) -> Windows:
    """Each is loaded when it is first wanted: an icon alone should cost little."""

    def dashboard() -> "Dashboard":
        from app.ui.window.dashboard import Dashboard
        from app.ui.window.endpoint import EndpointTab

        return Dashboard(bridge, say, EndpointTab)

    def wizard() -> QDialog:
        from app.ui.wizard import Wizard

        return Wizard(bridge, say, lambda: PairPanel(bridge, say))

    def diagnostics() -> QDialog:
        from app.ui.diagnostics import DiagnosticsDialog

        return DiagnosticsDialog(bridge, say)

    return Windows(dashboard, wizard, diagnostics)


class _Passphrases:
    """Opens the place of the keys; where that is a file under a passphrase, the person is asked for it."""

    def __init__(self, data: Path, insecure: Insecure, ask: Callable[[Question], None]) -> None:
        self._data = data
        self._insecure = insecure
        self._ask = ask
        self._kept: str | None = None

    def keep(self, passphrase: str) -> None:
        """It was chosen just now: it is not asked for again."""
        self._kept = passphrase

    def open_store(self, _settings: Settings) -> SecretStore:
        """Blocks until the person has answered.

        Raises:
            SecretsRefused.
        """
        known = secrets.remembered(self._data)
        in_file = known is not None and known.place is Place.FILE
        in_clear = known is not None and known.place is Place.CLEAR  # confirmed in the first run; the badge stays
        insecure = Insecure.ALWAYS if in_clear else self._insecure
        return open_secrets(self._data, insecure, Around(ask=self._typed if in_file else None, say=lambda _: None))

    def _typed(self, prompt: str) -> str:
        if self._kept is not None:
            kept, self._kept = self._kept, None
            return kept
        told: Future[str | None] = Future()
        self._ask(Question(prompt, told.set_result))
        typed = told.result()
        if typed is None:
            raise SecretsRefused("The keys are under a passphrase, and none was typed. Start again to be asked for it.")
        return typed


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
