"""The window. While nobody sees it, it does nothing: no timer runs, and nothing is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QCloseEvent, QGuiApplication, QHideEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QMainWindow, QStackedWidget, QWidget

from app.bridge.news import Attention
from app.bridge.qt import Bridge
from app.ui.window.about import AboutDialog
from app.ui.window.audit import AuditTab
from app.ui.window.engines import EnginesTab
from app.ui.window.jobs import JobsTab
from app.ui.window.logs import LogsTab
from app.ui.window.look import sheet
from app.ui.window.overview import Overview
from app.ui.window.parts import Page, column, row
from app.ui.window.people import PeopleTab
from app.ui.window.settings import SettingsTab
from app.words import Words

MakePage = Callable[[Bridge, Words], QWidget]


@dataclass(frozen=True, slots=True)
class Tab:
    """A name for the program, one for people, and how the page is made when it is first looked at."""

    name: str
    title: str
    make: MakePage


class Dashboard(QMainWindow):
    """Made when it is first wanted, kept while the program runs.

    Args:
        endpoint: makes the page of the public endpoint; None: there is no such tab.
    """

    fix_wanted = Signal(object)
    """A `Fix` that a person wants done."""
    pair_wanted = Signal()
    """A device is to be paired."""
    closing = Signal(object)
    """The `QCloseEvent` of a person who closes the window; whoever ignores it keeps the window open."""

    def __init__(self, bridge: Bridge, say: Words, endpoint: MakePage | None = None) -> None:
        super().__init__()
        self._bridge = bridge
        self._say = say
        self._seen = self._due = False
        self._tabs = self._all_tabs(endpoint)
        self._pages: dict[str, Page] = {}
        self.setWindowTitle("Flowork")
        self.resize(1180, 780)
        self.setMinimumSize(QSize(640, 440))
        self._list = QListWidget()
        self._list.setObjectName("tabs")
        self._list.setAccessibleName(say("Tabs"))
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._stack = QStackedWidget()
        for number, tab in enumerate(self._tabs, 1):
            item = QListWidgetItem(tab.title)
            item.setToolTip(f"Ctrl+{number}")
            self._list.addItem(item)
            self._stack.addWidget(QWidget())
            shortcut = QShortcut(QKeySequence(f"Ctrl+{number}"), self)
            shortcut.activated.connect(partial(self.show_tab, tab.name))
        self._list.setFixedWidth(max(self._list.sizeHintForColumn(0) + 56, 168))
        self._list.currentRowChanged.connect(self._turn)
        body = QWidget()
        beside = row(self._list, self._stack, gap=0)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setStretch(1, 1)
        body.setLayout(column(beside, gap=0))
        self.setCentralWidget(body)
        self._make_menus()
        self.setStyleSheet(sheet())
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._repaint_all)
        bridge.changed.connect(self._told)
        self._list.setCurrentRow(0)

    def _all_tabs(self, endpoint: MakePage | None) -> tuple[Tab, ...]:
        say = self._say
        return (
            Tab("overview", say("Overview"), Overview),
            Tab("jobs", say("Jobs"), JobsTab),
            Tab("engines", say("Engines"), EnginesTab),
            Tab("people", say("Devices and users"), PeopleTab),
            *(() if endpoint is None else (Tab("endpoint", say("Endpoint"), endpoint),)),
            Tab("audit", say("Audit"), AuditTab),
            Tab("logs", say("Logs"), LogsTab),
            Tab("settings", say("Settings"), SettingsTab),
        )

    # -- tabs -----------------------------------------------------------------------------------------------------

    def show_tab(self, name: str) -> None:
        """Turn to a tab by its name: `overview`, `jobs`, `engines`, `people`, `endpoint`, `audit`, `logs` or `settings`."""
        for number, tab in enumerate(self._tabs):
            if tab.name == name:
                self._list.setCurrentRow(number)

    def page(self, name: str) -> Page:
        """A tab's page, made now if nobody has looked at it."""
        if name not in self._pages:
            number, tab = next((number, tab) for number, tab in enumerate(self._tabs) if tab.name == name)
            made = tab.make(self._bridge, self._say)
            page = made if isinstance(made, Page) else _Guest(self._bridge, self._say, made)
            for signal in ("fix_wanted", "pair_wanted"):
                if hasattr(made, signal):
                    getattr(made, signal).connect(getattr(self, signal))
            self._pages[name] = page
            empty = cast("QWidget", self._stack.widget(number))
            self._stack.insertWidget(number, page)
            self._stack.removeWidget(empty)
            empty.deleteLater()
        return self._pages[name]

    @property
    def current(self) -> Page:
        """The page that is shown."""
        return self.page(self._tabs[max(0, self._list.currentRow())].name)

    def _turn(self, number: int) -> None:
        for page in self._pages.values():
            if page.awake:
                page.rest()
        self._stack.setCurrentWidget(self.page(self._tabs[number].name))
        if self._seen:
            self._wake()

    def _wake(self) -> None:
        page = self.current
        page.wake()
        self._bridge.attend(page.attention() if isinstance(page, Overview) else Attention(window=True))

    # -- seen or not ----------------------------------------------------------------------------------------------

    @Slot(object)
    def _told(self, _: object) -> None:
        """Of several that arrive together only the last is shown."""
        if self._seen and not self._due:
            self._due = True
            QTimer.singleShot(0, self, self._show_latest)

    def _show_latest(self) -> None:
        self._due = False
        if self._seen:
            self.current.told(self._bridge.snapshot)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Somebody looks."""
        super().showEvent(event)
        self._look_whether_seen()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """Nobody looks."""
        super().hideEvent(event)
        self._look_whether_seen()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """A minimised window is not seen."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.WindowStateChange:
            self._look_whether_seen()

    def _look_whether_seen(self) -> None:
        seen = self.isVisible() and not self.isMinimized()
        if seen == self._seen:
            return
        self._seen = seen
        if seen:
            self._wake()
        else:
            self.current.rest()
            self._bridge.attend(Attention(window=False))

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Ask whoever knows what closing means."""
        self.closing.emit(event)
        if event.isAccepted():
            super().closeEvent(event)

    # -- menus ----------------------------------------------------------------------------------------------------

    def _make_menus(self) -> None:
        say = self._say
        window = self.menuBar().addMenu(say("&Window"))
        window.addAction(self._action(say("&Refresh"), "F5", self.refresh))
        window.addAction(self._action(say("&Pair a browser…"), "", self.pair_wanted.emit))
        window.addSeparator()
        window.addAction(self._action(say("&Close"), "Ctrl+W", self.close))
        tabs = self.menuBar().addMenu(say("Ta&bs"))
        for tab in self._tabs:
            tabs.addAction(self._action(tab.title, "", partial(self.show_tab, tab.name)))
        self.menuBar().addMenu(say("&Help")).addAction(self._action(say("&About Flowork"), "", self.about))

    def _action(self, text: str, keys: str, act: Callable[[], object]) -> QAction:
        made = QAction(text, self)
        if keys:
            made.setShortcut(QKeySequence(keys))
        made.triggered.connect(lambda _=False: act())
        return made

    def refresh(self) -> None:
        """Ask anew for what the shown tab shows."""
        self.current.look()

    def about(self) -> AboutDialog:
        """Version and licence."""
        dialog = AboutDialog(self._bridge, self._say, self)
        dialog.open()
        return dialog

    @Slot()
    def _repaint_all(self) -> None:
        """The theme changed: after the program has its new palette, take its colours."""
        QTimer.singleShot(0, self, lambda: self.setStyleSheet(sheet()))


class _Guest(Page):
    """A page from elsewhere. It may have `wake`, `rest`, `look` and `told`, or live without."""

    def __init__(self, bridge: Bridge, say: Words, guest: QWidget) -> None:
        super().__init__(bridge, say)
        self._guest = guest
        self.setLayout(column(guest, gap=0))

    def wake(self) -> None:
        """See `Page`."""
        super().wake()
        self._pass_on("wake")

    def rest(self) -> None:
        """See `Page`."""
        super().rest()
        self._pass_on("rest")

    def look(self) -> None:
        """See `Page`."""
        self._pass_on("look")

    def _pass_on(self, name: str) -> None:
        if hasattr(self._guest, name):
            getattr(self._guest, name)()
