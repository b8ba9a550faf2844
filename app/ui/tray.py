"""The tray icon and its menu: what Flowork does just now, and every act upon it."""

from enum import Enum, auto
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup, QIcon
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from app.bridge.news import Snapshot
from app.rules.condition import Fix, Service, State, explain
from app.ui.icons import tray_icon
from app.words import Words
from contract.endpoint import EndpointState, EndpointView
from contract.local import LocalView

SETTLE_MS = 1500
"""Between idle and busy the icon changes at most this often: a flickering icon tells nothing."""
CALM = frozenset({State.IDLE, State.BUSY})
WORKERS_LISTED = 16


class Want(Enum):
    """What somebody chose in the menu."""

    OPEN = auto()
    START = auto()
    STOP = auto()
    DRAIN = auto()
    RESUME = auto()
    PAUSE = auto()
    UNPAUSE = auto()
    PAIR = auto()
    ROTATE_ALL = auto()
    ROTATE_KEYS = auto()
    COPY_URL = auto()
    SHOW_ENDPOINT = auto()
    RESTART_ENDPOINT = auto()
    SETTINGS = auto()
    FIRST_STEPS = auto()
    DIAGNOSTICS = auto()
    UPDATE = auto()
    OPEN_LOGS = auto()
    FINISH_AND_QUIT = auto()
    QUIT = auto()


class Tray(QObject):
    """One icon for the life of the program; the desktop's side of it is made anew whenever a tray host appears."""

    wanted = Signal(object)
    """A `Want`."""
    fix_wanted = Signal(object)
    """The `Fix` of the row that explains what is wrong."""
    workers_wanted = Signal(object)
    """A number, or None: choose by what is measured."""
    rotation_wanted = Signal(str)
    """An engine's name."""
    autostart_wanted = Signal(bool)

    def __init__(self, say: Words, kind: str, settle_ms: int = SETTLE_MS) -> None:
        """`kind`: which set of icons."""
        super().__init__()
        self._say = say
        self._kind = kind
        self._settle_ms = settle_ms
        self._explained = explain(Snapshot().facts, say)
        self._shown: tuple[State, bool] | None = None
        self._icon: QSystemTrayIcon | None = None
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.timeout.connect(self._paint)
        self.menu = QMenu()
        self._rows: dict[Want, QAction] = {}
        self._build()
        self._show_menu(Snapshot())

    # -- the desktop's side ---------------------------------------------------------------------------------------

    def host_came(self) -> None:
        """There is a tray host now: make the icon anew, because Qt chooses in its constructor how it is shown."""
        self._drop()
        icon = QSystemTrayIcon(_icon(self._face(), self._kind), self)
        icon.setContextMenu(self.menu)
        icon.setToolTip(self._tooltip())
        icon.activated.connect(self._activated)
        icon.show()
        self._icon = icon

    def hide(self) -> None:
        """Take the icon off the panel."""
        self._drop()

    @property
    def icon(self) -> QSystemTrayIcon | None:
        """The icon, while there is one."""
        return self._icon

    def _drop(self) -> None:
        if self._icon is not None:
            self._icon.hide()
            self._icon.deleteLater()
            self._icon = None

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in {QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick}:
            self.wanted.emit(Want.OPEN)

    # -- what is shown --------------------------------------------------------------------------------------------

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show how everything is."""
        self._explained = explain(snapshot.facts, self._say)
        self._show_menu(snapshot)
        was, now = None if self._shown is None else self._shown[0], self._explained.state
        if was != now and was in CALM and now in CALM and self._settling.isActive():
            return  # the timer will show what is true by then
        self._paint()

    def show_autostart(self, *, on: bool, changeable: bool) -> None:
        """Whether the program starts at login."""
        self._autostart.blockSignals(True)
        self._autostart.setChecked(on)
        self._autostart.blockSignals(False)
        self._autostart.setEnabled(changeable)

    def _face(self) -> tuple[State, bool]:
        return self._explained.state, self._explained.offline

    def _paint(self) -> None:
        face = self._face()
        if self._icon is not None:
            if face != self._shown:
                self._icon.setIcon(_icon(face, self._kind))
            if self._icon.toolTip() != self._tooltip():
                self._icon.setToolTip(self._tooltip())
        if face != self._shown:
            self._shown = face
            self._settling.start(self._settle_ms)

    def _tooltip(self) -> str:
        return "\n".join(part for part in (f"Flowork · {self._explained.line}", self._explained.why) if part)

    # -- the menu -------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        say, menu = self._say, self.menu
        self._row(menu, Want.OPEN, say("&Open Flowork"))
        self._line = menu.addAction("")
        self._line.setEnabled(False)
        self._why = menu.addAction("")
        self._why.triggered.connect(lambda: self.wanted.emit(Want.OPEN))
        self._insecure = menu.addAction(say("Keys are stored unencrypted"))
        self._insecure.triggered.connect(lambda: self.wanted.emit(Want.FIRST_STEPS))
        self._fix = menu.addAction("")
        self._fix.triggered.connect(self._fixed)
        self._fixes: Fix | None = None
        menu.addSeparator()
        self._row(menu, Want.START, say("&Start"))
        self._row(menu, Want.STOP, say("&Stop"))
        self._row(menu, Want.DRAIN, say("&Drain: take no new jobs"))
        self._row(menu, Want.RESUME, say("&Resume: take jobs again"))
        self._row(menu, Want.PAUSE, say("&Pause this machine's engine"))
        self._row(menu, Want.UNPAUSE, say("&Go on"))
        self._workers = menu.addMenu(say("&Workers"))
        self._worker_group = QActionGroup(self)
        self._workers_built: tuple[int, ...] = ()
        menu.addSeparator()
        self._row(menu, Want.PAIR, say("Pair a &browser…"))
        self._rotation = menu.addMenu(say("Ro&tate tokens"))
        self._engines_built: tuple[str, ...] | None = None
        self._endpoint = menu.addMenu(say("Public &endpoint"))
        self._endpoint_line = self._endpoint.addAction("")
        self._endpoint_line.setEnabled(False)
        self._row(self._endpoint, Want.COPY_URL, say("&Copy URL"))
        self._row(self._endpoint, Want.RESTART_ENDPOINT, say("&Restart"))
        self._row(self._endpoint, Want.SHOW_ENDPOINT, say("&Settings of the endpoint…"))
        menu.addSeparator()
        self._autostart = menu.addAction(say("Start at &login"))
        self._autostart.setCheckable(True)
        self._autostart.toggled.connect(self._autostart_toggled)
        self._row(menu, Want.SETTINGS, say("Sett&ings…"))
        self._row(menu, Want.FIRST_STEPS, say("&First steps…"))
        diagnostics = menu.addMenu(say("Dia&gnostics"))
        self._row(diagnostics, Want.DIAGNOSTICS, say("&Look at and copy…"))
        self._row(diagnostics, Want.OPEN_LOGS, say("&Open the log folder"))
        self._row(menu, Want.UPDATE, "")
        menu.addSeparator()
        self._row(menu, Want.FINISH_AND_QUIT, say("Drain &and quit"))
        self._row(menu, Want.QUIT, say("&Quit"))

    def _row(self, menu: QMenu, want: Want, text: str) -> None:
        row = menu.addAction(text)
        row.triggered.connect(partial(self._want, want))
        self._rows[want] = row

    def _want(self, want: Want, _checked: bool = False) -> None:
        self.wanted.emit(want)

    @Slot(bool)
    def _autostart_toggled(self, on: bool) -> None:
        self.autostart_wanted.emit(on)

    def _fixed(self) -> None:
        if self._fixes is not None:
            self.fix_wanted.emit(self._fixes)

    def _show_menu(self, snapshot: Snapshot) -> None:
        explained, facts = self._explained, snapshot.facts
        _say(self._line, _plain(explained.line))
        _say(self._why, _plain(_shortened(explained.why)))
        self._why.setVisible(bool(explained.why))
        self._insecure.setVisible(explained.insecure)
        self._fixes = explained.fix
        _say(self._fix, explained.fix_text)
        running = facts.service is Service.RUNNING
        startable = facts.service in {Service.STOPPED, Service.FAILED}
        self._fix.setVisible(explained.fix is not None and explained.fix not in {Fix.START, Fix.RESUME, Fix.UNPAUSE})
        visible: dict[Want, bool] = {
            Want.START: startable,
            Want.STOP: not startable,
            Want.DRAIN: running and not facts.draining,
            Want.RESUME: running and facts.draining,
            Want.PAUSE: running and snapshot.local is not None and facts.paused is None,
            Want.UNPAUSE: running and facts.paused is not None,
        }
        for want, shown in visible.items():
            self._rows[want].setVisible(shown)
        self._rows[Want.STOP].setEnabled(facts.service is not Service.STOPPING)
        self._rows[Want.PAIR].setEnabled(running)
        self._workers.menuAction().setVisible(running and snapshot.local is not None)
        self._rotation.menuAction().setVisible(running)
        self._show_workers(snapshot.local)
        self._show_rotation(tuple(engine.name for engine in snapshot.status.engines) if snapshot.status else ())
        self._show_endpoint(snapshot.endpoint)
        version = "" if snapshot.update is None else snapshot.update.offered
        self._rows[Want.UPDATE].setVisible(bool(version))
        _say(self._rows[Want.UPDATE], self._say("&Update to {version}…", version=version))

    def _show_workers(self, local: LocalView | None) -> None:
        if local is None:
            return
        numbers = _listed(local.slots_max)
        if numbers != self._workers_built:
            self._workers_built = numbers
            self._fill_workers(numbers)
        for row in self._worker_group.actions():
            row.setChecked(row.data() == (0 if local.automatic else local.slots))
        automatic = self._worker_group.actions()[0]
        text = self._say("&Automatic (now {number})", number=local.slots) if local.automatic else self._say("&Automatic")
        _say(automatic, text)

    def _fill_workers(self, numbers: tuple[int, ...]) -> None:
        self._workers.clear()
        for row in self._worker_group.actions():
            self._worker_group.removeAction(row)
        for number in (0, *numbers):
            row = self._workers.addAction(str(number))
            row.setCheckable(True)
            row.setData(number)
            row.triggered.connect(partial(self._workers_chosen, number))
            self._worker_group.addAction(row)

    def _workers_chosen(self, number: int, _checked: bool = False) -> None:
        self.workers_wanted.emit(number or None)

    def _show_rotation(self, engines: tuple[str, ...]) -> None:
        if engines == self._engines_built:
            return
        self._engines_built = engines
        self._rotation.clear()
        for name in engines:
            row = self._rotation.addAction(self._say("Engine {name}", name=name))
            row.triggered.connect(partial(self._rotate, name))
        self._row(self._rotation, Want.ROTATE_ALL, self._say("&All engines"))
        self._rotation.addSeparator()
        self._row(self._rotation, Want.ROTATE_KEYS, self._say("&Signing keys…"))

    def _rotate(self, name: str, _checked: bool = False) -> None:
        self.rotation_wanted.emit(name)

    def _show_endpoint(self, view: EndpointView) -> None:
        wanted = view.state is not EndpointState.OFF
        _say(self._endpoint_line, _plain(endpoint_line(view, self._say)))
        self._rows[Want.COPY_URL].setEnabled(view.origin is not None)
        self._rows[Want.RESTART_ENDPOINT].setEnabled(wanted)


def endpoint_line(view: EndpointView, say: Words) -> str:
    """One short line about the public endpoint."""
    where = (view.origin or "").removeprefix("https://")
    match view.state:
        case EndpointState.OFF:
            return say("Only this machine")
        case EndpointState.STARTING:
            return say("Connecting…")
        case EndpointState.READY:
            return say("Ready · {where}", where=where)
        case EndpointState.DEGRADED:
            return say("Weak connection · {where}", where=where)
        case EndpointState.UNREACHABLE:
            return say("Not reached from outside · {where}", where=where)
        case EndpointState.DOWN if view.next_try_s is not None:
            return say("Down · next try in {seconds} s", seconds=round(view.next_try_s))
        case EndpointState.DOWN | EndpointState.FAILED:
            return say("Down")


def _listed(most: int) -> tuple[int, ...]:
    """Numbers to choose from: all of them, or for many doubling steps up to the most."""
    if most <= WORKERS_LISTED:
        return tuple(range(1, most + 1))
    steps = [2**n for n in range(11) if 2**n < most]
    return (*steps, most)


def _icon(face: tuple[State, bool], kind: str) -> QIcon:
    state, offline = face
    return tray_icon(state, offline=offline, kind=kind)


def _say(row: QAction, text: str) -> None:
    """Change a row only when it says something new: each change is told to the panel."""
    if row.text() != text:
        row.setText(text)


def _plain(text: str) -> str:
    """Words with their ampersands, for a menu that takes them for mnemonics."""
    return text.replace("&", "&&")


def _shortened(text: str, most: int = 72) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
