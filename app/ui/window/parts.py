"""What the pages of the window are made of."""

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLayout,
    QMessageBox,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.bridge.acts import Trouble
from app.bridge.news import Snapshot
from app.bridge.qt import Bridge
from app.rules.condition import Service
from app.ui.style import GAP, MARGIN, SPACE, role
from app.words import Words


class Page(QWidget):
    """One tab. It works only while somebody looks at it: between `wake` and `rest`."""

    def __init__(self, bridge: Bridge, say: Words) -> None:
        super().__init__()
        self.bridge = bridge
        self.say = say
        self.awake = False
        self.serves = False
        """There is a gateway that could be asked."""

    def wake(self) -> None:
        """Somebody looks: show what is known, and ask for the rest."""
        self.told(self.bridge.snapshot)
        self.awake = True
        self.look()

    def came(self, snapshot: Snapshot) -> bool:
        """Keep whether there is a gateway; True when it has come while somebody looked."""
        before, self.serves = self.serves, serves(snapshot)
        return self.awake and self.serves and not before

    def rest(self) -> None:
        """Nobody looks any more."""
        self.awake = False

    def look(self) -> None:
        """Ask anew."""

    def failed(self, trouble: Trouble) -> None:
        """Something that a person asked for was not done: say so."""
        complain(self, trouble)

    def told(self, snapshot: Snapshot) -> None:
        """Show how everything is; called while the page is awake."""


def label(text: str = "", kind: str = "", *, wrap: bool = False, select: bool = False) -> QLabel:
    """A text with a role of `app/ui/style.py`; plain text, whatever it says."""
    made = QLabel()
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setText(text)
    made.setWordWrap(wrap)
    if kind:
        role(made, kind)
    if select:
        made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
    return made


def put(shown: QLabel, text: str) -> None:
    """Say something else, if it is something else: a label lays itself out anew at every setText."""
    if shown.text() != text:
        shown.setText(text)


def recast(widget: QWidget, kind: str) -> None:
    """Give a widget another role, and let it look like that."""
    if widget.property("role") != kind:
        role(widget, kind)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def button(text: str, act: Callable[[], object], kind: str = "") -> QPushButton:
    """A button that does something; the first of a dialog is not pressed by Return unless it says so."""
    made = QPushButton(text)
    made.setAutoDefault(False)
    if kind:
        role(made, kind)
    made.clicked.connect(lambda _=False: act())
    return made


def row(*widgets: QWidget | int, gap: int = GAP) -> QHBoxLayout:
    """Beside each other; a number is a stretch."""
    made = QHBoxLayout()
    made.setSpacing(gap)
    for each in widgets:
        if isinstance(each, int):
            made.addStretch(each)
        else:
            made.addWidget(each)
    return made


def column(*parts: QWidget | QLayout | int, gap: int = GAP, margin: int = 0) -> QVBoxLayout:
    """Below each other; a number is a stretch."""
    made = QVBoxLayout()
    made.setSpacing(gap)
    made.setContentsMargins(margin, margin, margin, margin)
    for each in parts:
        if isinstance(each, int):
            made.addStretch(each)
        elif isinstance(each, QLayout):
            made.addLayout(each)
        else:
            made.addWidget(each)
    return made


def card(*parts: QWidget | QLayout | int, gap: int = GAP) -> QFrame:
    """Things on a ground of their own."""
    made = QFrame()
    role(made, "card")
    made.setLayout(column(*parts, gap=gap, margin=SPACE))
    return made


def scrolled(content: QWidget) -> QScrollArea:
    """What may be longer than the window."""
    made = QScrollArea()
    made.setWidgetResizable(True)
    made.setFrameShape(QFrame.Shape.NoFrame)
    made.setWidget(content)
    made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return made


def clear(layout: QLayout) -> None:
    """Take everything out of a layout, for good."""
    while (item := layout.takeAt(0)) is not None:
        if (inner := item.layout()) is not None:
            clear(inner)
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()


def plain_table(name: str) -> QTableView:
    """A table of whole rows of one height, read and chosen with the keyboard."""
    made = QTableView()
    made.setAccessibleName(name)
    made.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    made.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    made.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    made.setTabKeyNavigation(False)
    made.setShowGrid(False)
    made.setWordWrap(False)
    made.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    rows = made.verticalHeader()
    rows.hide()
    rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    rows.setDefaultSectionSize(made.fontMetrics().height() + 12)
    heads = made.horizontalHeader()
    heads.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    heads.setHighlightSections(False)
    heads.setStretchLastSection(True)
    return made


class Notice(QWidget):
    """What stands where there is nothing to show: why, and what to do."""

    def __init__(self) -> None:
        super().__init__()
        self._mark = label("", "mark")
        self._mark.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title = label("", "heading", wrap=True)
        self._title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._detail = label("", "quiet", wrap=True)
        self._detail.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._button = QPushButton()
        self._act: Callable[[], object] = lambda: None
        self._button.clicked.connect(lambda _=False: self._act())
        inner = QWidget()
        inner.setMaximumWidth(460)
        inner.setLayout(column(self._mark, self._title, self._detail, row(1, self._button, 1), gap=GAP))
        inner.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        middle = row(1, inner, 1)
        middle.setStretch(1, 8)
        outer = column(1, middle, 2, margin=MARGIN)
        self.setLayout(outer)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Small: it fills what there is."""
        return QSize(320, 160)

    def tell(self, mark: str, title: str, detail: str = "", act_text: str = "", act: Callable[[], object] | None = None) -> None:
        """Say this; `mark` is a sign that goes with it."""
        put(self._mark, mark)
        put(self._title, title)
        put(self._detail, detail)
        self._detail.setVisible(bool(detail))
        self._button.setText(act_text)
        self._button.setVisible(act is not None)
        self._act = act or (lambda: None)
        self.setAccessibleName(title)
        self.setAccessibleDescription(detail)

    def loading(self, say: Words) -> None:
        """It was asked for and has not come."""
        self.tell("…", say("Loading…"))

    def trouble(self, say: Words, trouble: Trouble, again: Callable[[], object]) -> None:
        """It was asked for and did not come."""
        self.tell("!", trouble.title, trouble.detail, say("&Try again"), again)

    def offline(self, say: Words, snapshot: Snapshot) -> None:
        """No gateway runs that could be asked."""
        starting = snapshot.facts.service is Service.STARTING
        if starting:
            self.tell("…", say("Starting…"), say("This fills as soon as the gateway answers."))
        else:
            self.tell("■", say("The gateway is stopped"), say("Start it to see this: in the tray menu, or on the Overview tab."))


def serves(snapshot: Snapshot) -> bool:
    """A gateway is there to be asked."""
    return snapshot.facts.service in {Service.RUNNING, Service.STOPPING}


def confirm(parent: QWidget, say: Words, question: str, consequence: str, yes: str, then: Callable[[], object]) -> QMessageBox:
    """Ask before something that cannot be undone; Cancel is what Return and Escape do."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Flowork")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(question)
    box.setInformativeText(consequence)
    done = box.addButton(yes, QMessageBox.ButtonRole.AcceptRole)
    role(done, "danger")
    cancel = box.addButton(say("&Cancel"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(cancel)
    box.setEscapeButton(cancel)
    box.buttonClicked.connect(lambda pressed: then() if pressed is done else None)
    box.open()
    return box


def complain(parent: QWidget, trouble: Trouble) -> QMessageBox:
    """Say that something was not done, and why."""
    box = QMessageBox(QMessageBox.Icon.Warning, "Flowork", trouble.title, QMessageBox.StandardButton.Close, parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setInformativeText(trouble.detail)
    box.open()
    return box


def copy(text: str) -> None:
    """Onto the clipboard."""
    QGuiApplication.clipboard().setText(text)


def local_time(at: str | None) -> str:
    """A time of the wire by this machine's clock, to the second; a dash for none."""
    if at is None:
        return "\N{EN DASH}"
    return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def short_time(at: str | None) -> str:
    """The same without the day while it is today's."""
    if at is None:
        return "\N{EN DASH}"
    time = datetime.fromisoformat(at).astimezone()
    today = datetime.now().astimezone().date() == time.date()
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M")


def span(seconds: float, say: Words) -> str:
    """A length of time in its greatest unit."""
    if seconds >= 86_400:
        return say.count("{number} day", "{number} days", int(seconds // 86_400))
    if seconds >= 3600:
        return say("{number} h", number=int(seconds // 3600))
    if seconds >= 60:
        return say("{number} min", number=int(seconds // 60))
    return say("{number} s", number=int(seconds))
