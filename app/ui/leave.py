"""Leaving with jobs that run: finish them, give them back, or stay."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.bridge.news import Snapshot
from app.ui.style import MARGIN, SPACE, role
from app.words import Words


class LeaveDialog(QDialog):
    """Asks what is to become of running jobs, then shows how far it is."""

    finish = Signal()
    hurry = Signal()
    stay = Signal()

    def __init__(self, say: Words, snapshot: Snapshot, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._say = say
        self._leaving = False
        self.setWindowTitle(say("Quit Flowork"))
        self._title, self._text = QLabel(), QLabel()
        role(self._title, "heading")
        self._text.setWordWrap(True)
        self._finish = QPushButton(say("&Finish, then quit"))
        role(self._finish, "primary")
        self._finish.setDefault(True)
        self._hurry = QPushButton(say("&Give back and quit now"))
        self._stay = QPushButton(say("&Cancel"))
        self._finish.clicked.connect(self._finishes)
        self._hurry.clicked.connect(self.hurry.emit)
        self._stay.clicked.connect(self.reject)
        row = QHBoxLayout()
        row.addStretch(1)
        for button in (self._stay, self._hurry, self._finish):
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.setSpacing(SPACE)
        layout.addWidget(self._title)
        layout.addWidget(self._text)
        layout.addLayout(row)
        self.setMinimumWidth(600)
        self.show_snapshot(snapshot)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """How many jobs run, and about how long they take."""
        say, running = self._say, snapshot.facts.running
        if self._leaving:
            self._title.setText(say.count("Finishing {number} job…", "Finishing {number} jobs…", running))
            return
        self._title.setText(say.count("{number} job is running", "{number} jobs are running", running))
        seconds = expected_s(snapshot)
        takes = (
            say("That takes about {seconds} s.", seconds=say.number(seconds))
            if seconds is not None
            else say("How long that takes is not known yet.")
        )
        self._text.setText(
            say("Finish them first: no new ones are taken meanwhile.")
            + " "
            + takes
            + "\n"
            + say("Given back, they start again later, here or elsewhere; nothing is lost.")
        )

    def reject(self) -> None:
        """Stay; once leaving has begun there is no way back, and the window only hides."""
        if not self._leaving:
            self.stay.emit()
        super().reject()

    def _finishes(self) -> None:
        self._leaving = True
        self._finish.hide()
        self._stay.hide()
        self._text.setText(self._say("Flowork quits when they are done."))
        self._title.setText(self._say("Finishing…"))
        self.finish.emit()


def expected_s(snapshot: Snapshot) -> float | None:
    """About how long running jobs take, by the measured mean of their engine; None while nothing was measured."""
    engines = [] if snapshot.status is None else snapshot.status.engines
    means = [each.scaling.mean_service_s for engine in engines for each in engine.instances if each.scaling is not None and each.busy]
    known = [mean for mean in means if mean is not None]
    return max(known) if known else None
