"""The first run: four steps, each with a live check, and one question at the end. Every step is whole in itself; any may be passed."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QPushButton, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from app.bridge.acts.setup import EndSetup
from app.bridge.qt import Bridge
from app.ui.parts import label
from app.ui.style import GAP, MARGIN, SPACE, role
from app.ui.wizard_endpoint import EndpointPage
from app.ui.wizard_page import Page
from app.ui.wizard_pages import DonePage, PairPage, SecretsPage
from app.ui.wizard_sources import SourcesPage
from app.words import Words

MakePanel = Callable[[], QWidget]


class Wizard(QDialog):
    """Shown with `open()`. `finished` comes when it is done or was put off; it may be opened again at any time."""

    def __init__(self, bridge: Bridge, say: Words, pair: MakePanel, parent: QWidget | None = None) -> None:
        """`pair` makes the panel that pairs a browser; it is called when that step is first shown."""
        super().__init__(parent)
        self._bridge, self._say = bridge, say
        self.setWindowTitle(say("Set up Flowork"))
        self.setWindowModality(Qt.WindowModality.NonModal)
        self.pages: list[Page] = [
            SecretsPage(bridge, say),
            SourcesPage(bridge, say),
            EndpointPage(bridge, say),
            PairPage(bridge, say, pair),
            DonePage(bridge, say),
        ]
        self._told = False
        self._build()
        self.go(0)
        self.resize(700, 600)

    def _build(self) -> None:
        say = self._say
        self._step, self._title, self._lead = label(name="quiet"), label(name="title"), label(name="quiet")
        head = QVBoxLayout()
        head.setContentsMargins(MARGIN, MARGIN, MARGIN, SPACE)
        head.setSpacing(GAP // 2)
        for each in (self._step, self._title, self._lead):
            head.addWidget(each)
        self._stack = QStackedWidget()
        for page in self.pages:
            scroll = QScrollArea()
            scroll.setWidgetResizable(True)
            scroll.setFrameShape(QFrame.Shape.NoFrame)
            scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            scroll.setWidget(page)
            self._stack.addWidget(scroll)
            page.ready_changed.connect(self._refresh)
        self._later = QPushButton(say("Set up &later"))
        self._back = QPushButton(say("&Back"))
        self._next = QPushButton()
        role(self._next, "primary")
        self._next.setDefault(True)
        self._later.setAutoDefault(False)
        self._back.setAutoDefault(False)
        self._later.clicked.connect(self.reject)
        self._back.clicked.connect(lambda: self.go(self._stack.currentIndex() - 1))
        self._next.clicked.connect(self._go_on)
        foot = QHBoxLayout()
        foot.setContentsMargins(MARGIN, SPACE, MARGIN, SPACE)
        foot.setSpacing(GAP)
        foot.addWidget(self._later)
        foot.addStretch(1)
        foot.addWidget(self._back)
        foot.addWidget(self._next)
        line = QFrame()
        line.setFixedHeight(1)
        role(line, "card")
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(head)
        whole.addWidget(self._stack, 1)
        whole.addWidget(line)
        whole.addLayout(foot)

    @property
    def page(self) -> Page:
        """The one that is shown."""
        return self.pages[self._stack.currentIndex()]

    def go(self, number: int) -> None:
        """Show a step."""
        self._stack.setCurrentIndex(number)
        page, steps = self.page, len(self.pages) - 1
        self._step.setText(self._say("Step {number} of {steps}", number=number + 1, steps=steps) if number < steps else self._say("Done"))
        self._title.setText(page.title)
        self._lead.setText(page.lead)
        page.enter()
        self._refresh()
        self._next.setFocus()

    @Slot()
    def _refresh(self) -> None:
        last = self.page is self.pages[-1]
        self._next.setText(self._say("&Finish") if last else self._say("&Next"))
        self._next.setEnabled(self.page.ready)
        self._back.setVisible(self._stack.currentIndex() > 0)
        self._later.setVisible(not last)

    @Slot()
    def _go_on(self) -> None:
        if self.page is not self.pages[-1]:
            self.go(self._stack.currentIndex() + 1)
            return
        self._next.setEnabled(False)
        self.page.finish(self.accept)

    def accept(self) -> None:
        """Done; remembered, so that it does not come by itself again."""
        self._remember()
        super().accept()

    def reject(self) -> None:
        """Put off. What was done stays; nothing else is asked until the person opens it from the menu."""
        self._remember()
        super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Closing is putting off."""
        self._remember()
        super().closeEvent(event)

    def _remember(self) -> None:
        if not self._told:
            self._told = True
            self._bridge.ask(self._bridge, EndSetup(), lambda _: None, lambda _: None)
