"""What the steps of the first run have in common."""

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.bridge.acts import Trouble
from app.bridge.qt import Bridge
from app.ui.parts import StatusLine
from app.ui.style import MARGIN, SPACE
from app.words import Words


class Page(QWidget):
    """One step: a title, a sentence, a live check, and what can be done about it."""

    ready_changed = Signal()
    title = ""
    lead = ""

    def __init__(self, bridge: Bridge, say: Words) -> None:
        super().__init__()
        self.bridge, self.say = bridge, say
        self.ready = True
        """May one go on?"""
        self.check = StatusLine()
        self.rows = QVBoxLayout(self)
        self.rows.setContentsMargins(MARGIN, 0, MARGIN, SPACE)
        self.rows.setSpacing(SPACE)
        self.rows.addWidget(self.check)

    def enter(self) -> None:
        """It is shown: look now."""

    def finish(self, done: Callable[[], None]) -> None:
        """The person has finished here; `done` is called when nothing is left to do."""
        done()

    def become_ready(self, ready: bool) -> None:
        """Let one go on, or not."""
        self.ready = ready
        self.ready_changed.emit()

    def failed(self, trouble: Trouble) -> None:
        """Say why something was not done."""
        self.check.tell("bad", self.say(trouble.title), trouble.detail)
