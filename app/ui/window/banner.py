"""How Flowork is doing, on top of the Overview: what it means, and what mends it."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QPushButton, QWidget

from app.bridge.news import Snapshot
from app.rules.condition import Explanation, Fix, State, explain
from app.ui.style import SPACE, role
from app.ui.window.parts import button, column, label, put, recast, row
from app.words import Words

MARKS = {
    State.STOPPED: "■",
    State.STARTING: "…",
    State.IDLE: "✓",
    State.BUSY: "▶",
    State.DRAINING: "⤓",
    State.PAUSED: "‖",
    State.WARNING: "!",
    State.ERROR: "✕",
}
GROUNDS = {State.WARNING: "warning", State.ERROR: "bad"}


class Banner(QFrame):
    """Says it in words, with a sign; a button for each thing that a person may do about it."""

    fix_wanted = Signal(object)
    """A `Fix`."""

    def __init__(self, say: Words) -> None:
        super().__init__()
        self._say = say
        self._fix: Fix | None = None
        self._mark = label("", "title")
        self._line = label("", "heading", wrap=True)
        self._why = label("", wrap=True)
        self._notes = label("", "quiet", wrap=True)
        self._button: QPushButton = button("", self._wanted, "primary")
        words = QWidget()
        words.setLayout(column(self._line, self._why, self._notes, gap=2))
        inside = row(self._mark, words, self._button, gap=SPACE)
        inside.setStretch(1, 1)
        inside.setContentsMargins(SPACE, SPACE, SPACE, SPACE)
        role(self, "card")
        self.setLayout(inside)

    def tell(self, snapshot: Snapshot) -> None:
        """Explain what is known now."""
        told = explain(snapshot.facts, self._say)
        put(self._mark, MARKS[told.state])
        put(self._line, told.line)
        put(self._why, told.why)
        self._why.setVisible(bool(told.why))
        notes = self._noted(told, snapshot)
        put(self._notes, notes)
        self._notes.setVisible(bool(notes))
        self._fix = told.fix if told.fix is not Fix.SHOW_OVERVIEW else None
        if self._button.text() != told.fix_text:
            self._button.setText(told.fix_text)
        self._button.setVisible(self._fix is not None)
        recast(self, GROUNDS.get(told.state, "card"))
        self.setAccessibleName(told.line)
        self.setAccessibleDescription(told.why)

    def _noted(self, told: Explanation, snapshot: Snapshot) -> str:
        notes = []
        if snapshot.stale:
            notes.append(self._say("The gateway does not answer just now; below stands what it said last."))
        if told.offline:
            notes.append(self._say("Browsers elsewhere do not reach this gateway just now."))
        if told.insecure:
            notes.append(self._say("Keys are stored unencrypted: whoever reads this disk reads them."))
        return "\n".join(notes)

    def _wanted(self) -> None:
        if self._fix is not None:
            self.fix_wanted.emit(self._fix)
