"""What the tray, the window and other starts ask for, done and answered: the one place that knows all windows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from PySide6.QtCore import QObject, QTimer, Signal, SignalInstance, Slot
from PySide6.QtGui import QCloseEvent, QGuiApplication
from PySide6.QtWidgets import QDialog, QWidget

from app.bridge.acts import Act, Trouble
from app.bridge.acts.endpoint import RestartEndpoint
from app.bridge.acts.rotation import RotateSigningKeys, RotateTokens, Rotating
from app.bridge.acts.running import Drain, Resume, SetPaused, SetWorkers, Start, Stop, Stopped, Unlock
from app.bridge.acts.settings import ChangeSetting
from app.bridge.acts.setup import AutostartView, LookAtAutostart, NeedsSetup, SetAutostart
from app.bridge.acts.telling import Tell
from app.bridge.news import Question, Request, Snapshot
from app.bridge.qt import Bridge
from app.rules.condition import Fix, Service
from app.ui.leave import LeaveDialog
from app.ui.pair import PairDialog
from app.ui.questions import about_closing, about_keys, passphrase, trouble_box
from app.ui.tray import Tray, Want
from app.ui.update import Updates
from app.words import Words
from contract.admin import SigningKeyList
from contract.local import LocalView

if TYPE_CHECKING:
    from app.ui.window.dashboard import Dashboard

HOST_COMES_MS = 5000
"""A desktop that is just starting may bring its tray host a little later than us."""


@dataclass(frozen=True, slots=True)
class Windows:
    """How the other windows are made, when they are first wanted."""

    dashboard: Callable[[], "Dashboard"]
    wizard: Callable[[], QDialog]
    diagnostics: Callable[[], QDialog]


class TrayHostLike(Protocol):
    """What `app.desktop.tray_host.TrayHost` gives."""

    here: bool
    appeared: SignalInstance
    gone: SignalInstance


class Shell(QObject):
    """Made on the main thread, after the bridge."""

    leaving = Signal()
    """The program was asked to end, and will before long."""
    ended = Signal()
    """Everything has stopped: the program may end."""
    given_up = Signal()
    """A third signal to end: go at once."""

    def __init__(self, bridge: Bridge, say: Words, tray: Tray, windows: Windows, on_close: str = "ask") -> None:
        """`on_close`: what closing the window means, `keep`, `quit` or `ask`."""
        super().__init__()
        self._on_close = on_close
        self._hinted = False
        self._bridge = bridge
        self._say = say
        self.tray = tray
        self._windows = windows
        self._window: Dashboard | None = None
        self._dialogs: dict[str, QDialog] = {}
        self._leave: LeaveDialog | None = None
        self._told_to_end = 0
        self._ending = False
        self._has_host = False
        self._updates = Updates(bridge, say, self._dialog, self._parent, self._tell, self._failed)
        self._updates.started.connect(self.finish)
        bridge.changed.connect(self._show)
        bridge.requested.connect(self._request)
        bridge.asked.connect(self._question)
        tray.wanted.connect(self.want)
        tray.fix_wanted.connect(self.fix)
        tray.workers_wanted.connect(self._workers)
        tray.rotation_wanted.connect(self._rotate)

    # -- the tray host --------------------------------------------------------------------------------------------

    def look_after(self, host: TrayHostLike) -> None:
        """Show the icon whenever there is a place for it."""
        host.appeared.connect(self.host_came)
        host.gone.connect(self._host_went)
        if host.here:
            self.host_came()
        else:
            self.expect_host()

    @Slot()
    def _host_went(self) -> None:
        self._has_host = False

    @Slot()
    def host_came(self) -> None:
        """There is a place for tray icons now."""
        self._has_host = True
        self.tray.host_came()

    def expect_host(self, comes_ms: int = HOST_COMES_MS) -> None:
        """Without one before long, open the window and say why."""
        QTimer.singleShot(comes_ms, self, self._without_host)

    def _without_host(self) -> None:
        if self._has_host:
            return
        self.open()
        self._note(
            self._say("This desktop shows no tray icons, so Flowork opens its window instead. Starting Flowork again opens it anew."),
        )

    # -- windows --------------------------------------------------------------------------------------------------

    @property
    def window(self) -> "Dashboard | None":
        """The dashboard, once it was opened."""
        return self._window

    def open(self, tab: str = "") -> "Dashboard":
        """Show the dashboard, at one of its tabs."""
        if self._window is None:
            self._window = self._windows.dashboard()
            self._window.fix_wanted.connect(self.fix)
            self._window.pair_wanted.connect(lambda: self.want(Want.PAIR))
            self._window.closing.connect(self._closing)
        self._window.show()
        self._window.raise_()
        self._window.activateWindow()
        if tab:
            self._window.show_tab(tab)
        return self._window

    @Slot(object)
    def _closing(self, event: object) -> None:
        """The person closes the window."""
        if self._told_to_end or self._ending:
            return
        if self._on_close == "quit":
            self.leave()
        elif self._on_close == "keep":
            self._hint()
        else:
            cast("QCloseEvent", event).ignore()
            self._dialog("closing", lambda: about_closing(self._window, self._say, self._closed))

    def _hint(self) -> None:
        """Once: where it has gone."""
        if not self._hinted:
            self._hinted = True
            where = self._say("Its icon is in the tray") if self._has_host else self._say("Starting Flowork again opens the window")
            self._tell_outside(self._say("Flowork keeps running"), where)

    def _closed(self, wish: str, always: bool) -> None:
        if always:
            self._on_close = wish
            self._bridge.ask(self, ChangeSetting("desktop", "on_close", wish), lambda _: None, self._failed)
        if wish == "quit":
            self.leave()
        elif self._window is not None:
            self._window.hide()
            self._hint()

    def _dialog(self, name: str, make: Callable[[], QDialog]) -> None:
        """Show a dialog, once."""
        dialog = self._dialogs.get(name)
        if dialog is None:
            dialog = self._dialogs[name] = make()
            dialog.finished.connect(lambda _, dialog=dialog: self._forget(name, dialog))
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()

    def _forget(self, name: str, dialog: QDialog) -> None:
        if self._dialogs.get(name) is dialog:
            del self._dialogs[name]
        dialog.deleteLater()

    def first_run(self) -> None:
        """Lead through the first steps, if nothing was ever set up here."""
        self._bridge.ask(self, NeedsSetup(), lambda needed: self.want(Want.FIRST_STEPS) if needed else None, lambda _: None)

    def follow_autostart(self) -> None:
        """Show in the menu whether the program starts at login, and change it there."""
        self.tray.autostart_wanted.connect(lambda on: self._ask(SetAutostart(on), self._autostart_set))
        self._bridge.ask(self, LookAtAutostart(), self._show_autostart, lambda _: None)

    def _autostart_set(self, view: AutostartView) -> None:
        self._show_autostart(view)
        say = self._say
        texts = {"on": say("Flowork starts when you log in."), "off": say("Flowork does not start by itself.")}
        self._tell(say("Start at login"), texts.get(view.state, view.where))

    def _show_autostart(self, view: AutostartView) -> None:
        self.tray.show_autostart(on=view.state == "on", changeable=view.state in {"on", "off"})

    # -- what is asked for ----------------------------------------------------------------------------------------

    @Slot(object)
    def want(self, want: object) -> None:
        """Do what was chosen in the menu."""
        self._wants()[cast("Want", want)]()

    def _wants(self) -> dict[Want, Callable[[], object]]:
        say, ask, tell = self._say, self._ask, self._tell
        return {
            Want.OPEN: self.open,
            Want.START: lambda: ask(Start(), lambda _: tell(say("Flowork serves"), say("Jobs are taken."))),
            Want.STOP: lambda: ask(Stop(), self._stopped),
            Want.DRAIN: lambda: ask(Drain(), lambda _: tell(say("Draining"), say("New jobs are refused; running ones finish."))),
            Want.RESUME: lambda: ask(Resume(), lambda _: tell(say("Resumed"), say("Jobs are taken again."))),
            Want.PAUSE: lambda: ask(SetPaused(True), lambda _: tell(say("Paused"), say("Jobs are taken and wait in the queue."))),
            Want.UNPAUSE: lambda: ask(SetPaused(False), lambda _: tell(say("Going on"), say("Waiting jobs start now."))),
            Want.PAIR: lambda: self._dialog("pair", lambda: PairDialog(self._bridge, say)),
            Want.ROTATE_ALL: lambda: ask(RotateTokens(), self._rotated),
            Want.ROTATE_KEYS: self._ask_about_keys,
            Want.COPY_URL: self._copy_url,
            Want.SHOW_ENDPOINT: lambda: self.open("endpoint"),
            Want.RESTART_ENDPOINT: lambda: ask(RestartEndpoint(), lambda _: tell(say("The endpoint begins anew"))),
            Want.SETTINGS: lambda: self.open("settings"),
            Want.FIRST_STEPS: lambda: self._dialog("wizard", self._windows.wizard),
            Want.DIAGNOSTICS: lambda: self._dialog("diagnostics", self._windows.diagnostics),
            Want.OPEN_LOGS: lambda: self.open("logs"),
            Want.UPDATE: self._updates.ask,
            Want.FINISH_AND_QUIT: self.finish,
            Want.QUIT: self.leave,
        }

    @Slot(object)
    def fix(self, fix: object) -> None:
        """Do what mends what was explained."""
        wants = {Fix.START, Fix.RESUME, Fix.UNPAUSE, Fix.RESTART_ENDPOINT, Fix.UPDATE}
        tabs = {
            Fix.SHOW_ENDPOINT: "endpoint",
            Fix.SHOW_ENGINES: "engines",
            Fix.SHOW_OVERVIEW: "overview",
            Fix.SHOW_AUDIT: "audit",
            Fix.SHOW_LOGS: "logs",
        }
        known = cast("Fix", fix)
        if known in wants:
            self.want(Want[known.name])
        elif known in tabs:
            self.open(tabs[known])
        else:
            self._ask(Unlock(), self._tell)

    @Slot(object)
    def _request(self, request: object) -> None:
        verb = cast("Request", request).verb
        wants = {"open": Want.OPEN, "pair": Want.PAIR, "drain": Want.DRAIN, "resume": Want.RESUME}
        if verb in wants:
            self.want(wants[verb])
        elif verb == "quit":
            self.finish()
        elif verb == "hurry":
            self.hurry()
        elif verb == "fix" and (fix := cast("Request", request).fix) is not None:
            self.fix(fix)

    @Slot(object)
    def _question(self, question: object) -> None:
        """Ask for a passphrase."""
        self._dialog("question", lambda: passphrase(self._parent(), cast("Question", question)))

    @Slot(object)
    def _workers(self, number: object) -> None:
        self._ask(SetWorkers(cast("int | None", number)), self._workers_set)

    def _workers_set(self, local: LocalView) -> None:
        say = self._say
        if local.automatic:
            self._tell(say("Workers: automatic"), say("Their number follows what is measured; now {number}.", number=local.slots))
        else:
            self._tell(say("Workers: {number}", number=local.slots), say("So many jobs run at once until the next start."))

    @Slot(str)
    def _rotate(self, engine: str) -> None:
        self._ask(RotateTokens(engine), self._rotated)

    def _rotated(self, rotating: Rotating) -> None:
        say = self._say
        if not rotating.installations:
            self._tell(say("Nothing to rotate"), say("No machine of that engine has a token in use."))
            return
        names = ", ".join(f"{engine} ({installation})" for engine, installation in rotating.installations)
        self._tell(say("Rotating tokens"), say("{names}: takes a new token at its next call. Running jobs go on.", names=names))

    def _ask_about_keys(self) -> None:
        self._dialog("keys", lambda: about_keys(self._parent(), self._say, self._rotate_keys))

    def _rotate_keys(self, compromised: bool) -> None:
        self._ask(RotateSigningKeys(compromised), self._keys_rotated)

    def _keys_rotated(self, keys: SigningKeyList) -> None:
        active = next((key.kid for key in keys.keys if key.state == "active"), "")
        self._tell(self._say("A new key signs"), self._say("Its id is {kid}.", kid=active))

    def _copy_url(self) -> None:
        origin = self._bridge.snapshot.endpoint.origin
        if origin is not None:
            QGuiApplication.clipboard().setText(origin)
            self._tell(self._say("Copied"), origin)

    def _stopped(self, stopped: Stopped) -> None:
        say = self._say
        if stopped.given_back:
            text = say.count(
                "{number} unfinished job was given back and starts again later.",
                "{number} unfinished jobs were given back and start again later.",
                stopped.given_back,
            )
        else:
            text = say("Everything that ran has finished.")
        self._tell(say("Stopped"), text)

    # -- leaving --------------------------------------------------------------------------------------------------

    def leave(self) -> None:
        """Quit; when jobs run, ask what is to become of them."""
        snapshot = self._bridge.snapshot
        if not snapshot.facts.running or snapshot.facts.service not in {Service.RUNNING, Service.STOPPING}:
            self.finish()
            return
        if self._leave is None:
            self._leave = LeaveDialog(self._say, snapshot, self._parent())
            self._leave.finish.connect(self.finish)
            self._leave.hurry.connect(self.hurry)
        self._leave.show()
        self._leave.raise_()
        self._leave.activateWindow()

    @Slot()
    def finish(self) -> None:
        """Finish what runs, then quit."""
        self._ending = True
        self.leaving.emit()
        self._ask(Stop(), lambda _: self.ended.emit())

    @Slot()
    def hurry(self) -> None:
        """Give back what runs, and quit."""
        self._ending = True
        self.leaving.emit()
        self._ask(Stop(hurry=True), lambda _: self.ended.emit())

    @Slot()
    def told_to_end(self) -> None:
        """A signal: once finishes, twice gives back, thrice goes."""
        self._told_to_end += 1
        if self._told_to_end == 1:
            self.finish()
        elif self._told_to_end == 2:
            self.hurry()
        else:
            self.given_up.emit()

    # -- telling --------------------------------------------------------------------------------------------------

    @Slot(object)
    def _show(self, snapshot: object) -> None:
        told = cast("Snapshot", snapshot)
        self.tray.show_snapshot(told)
        if self._leave is not None:
            self._leave.show_snapshot(told)

    def _ask(self, act: Act[Any], then: Callable[..., None]) -> None:
        self._bridge.ask(self, act, then, self._failed)

    def _failed(self, trouble: Trouble) -> None:
        """An act that somebody asked for was not done: say so where they look."""
        self._dialogs.pop("trouble", None)
        self._dialog("trouble", lambda: trouble_box(self._parent(), trouble))

    def _tell(self, title: str, text: str = "") -> None:
        """Answer what was asked for: in the window while somebody looks at it, else as a notification."""
        if self._window is not None and self._window.isVisible() and not self._window.isMinimized():
            self._note(f"{title}. {text}".strip() if text else title)
        else:
            self._tell_outside(title, text)

    def _tell_outside(self, title: str, text: str) -> None:
        self._bridge.ask(self, Tell(title, text), lambda _: None, lambda _: None)

    def _note(self, text: str) -> None:
        if self._window is not None:
            self._window.statusBar().showMessage(text, 15_000)

    def _parent(self) -> QWidget | None:
        return self._window if self._window is not None and self._window.isVisible() else None
