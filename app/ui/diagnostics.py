"""Diagnostics: read first, then copied or saved by the person. Nothing is sent."""

from PySide6.QtCore import QUrl, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from app.bridge.acts import Trouble
from app.bridge.acts.diagnostics import Diagnostics, GatherDiagnostics, SaveDiagnostics
from app.bridge.qt import Bridge
from app.ui.parts import label, restyled
from app.ui.style import GAP, MARGIN, SPACE, role
from app.words import Words

FILE = "flowork-diagnostics.txt"


class DiagnosticsDialog(QDialog):
    """Shown with `open()`; gathers when it is made."""

    def __init__(self, bridge: Bridge, say: Words, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge, self._say = bridge, say
        self._logs = ""
        self.setWindowTitle(say("Diagnostics"))
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setAccessibleName(say("Text of the diagnostics"))
        role(self.text, "mono")
        self.said = label(say("Gathering…"), "quiet")
        self.again = QPushButton(say("Look &again"))
        self.logs = QPushButton(say("&Open the logs"))
        self.copy = QPushButton(say("&Copy"))
        self.save = QPushButton(say("&Save…"))
        role(self.copy, "primary")
        self.closing = QPushButton(say("Close"))
        for button, act in (
            (self.again, self.gather),
            (self.logs, self._open_logs),
            (self.copy, self._copy),
            (self.save, self._choose_file),
            (self.closing, self.close),
        ):
            button.clicked.connect(act)
            button.setAutoDefault(False)
        self._lay_out()
        self.resize(820, 600)
        self.gather()

    def _lay_out(self) -> None:
        say = self._say
        buttons = QHBoxLayout()
        buttons.setSpacing(GAP)
        for left in (self.again, self.logs):
            buttons.addWidget(left)
        buttons.addStretch(1)
        for right in (self.closing, self.save, self.copy):
            buttons.addWidget(right)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(MARGIN, MARGIN, MARGIN, SPACE)
        rows.setSpacing(GAP)
        rows.addWidget(label(say("Diagnostics"), "title"))
        rows.addWidget(
            label(say("This is what a supporter needs to know. Read it first: nothing is sent, and it goes only where you put it."))
        )
        rows.addWidget(label(say("Secrets, your home folder and your user name were taken out."), "quiet"))
        rows.addSpacing(GAP)
        rows.addWidget(self.text, 1)
        rows.addWidget(self.said)
        rows.addLayout(buttons)

    @Slot()
    def gather(self) -> None:
        """Look now."""
        self._tell(self._say("Gathering…"))
        self._able(False)
        self.again.setEnabled(False)
        self._bridge.ask(self, GatherDiagnostics(), self._gathered, self._failed)

    def _gathered(self, found: Diagnostics) -> None:
        self._logs = found.logs
        self.text.setPlainText(found.text)
        self._tell("")
        self._able(True)
        self.again.setEnabled(True)

    def _failed(self, trouble: Trouble) -> None:
        self._tell(f"{self._say(trouble.title)}. {trouble.detail}", "bad")
        self._able(bool(self.text.toPlainText()))
        self.again.setEnabled(True)

    def _able(self, able: bool) -> None:
        for button in (self.copy, self.save):
            button.setEnabled(able)
        self.logs.setEnabled(bool(self._logs))

    def _tell(self, text: str, name: str = "quiet") -> None:
        self.said.setText(text)
        restyled(self.said, name)

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())
        self._tell(self._say("Copied."), "good")

    @Slot()
    def _open_logs(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(self._logs))

    @Slot()
    def _choose_file(self) -> None:
        chooser = QFileDialog(self, self._say("Save diagnostics"))
        chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        chooser.selectFile(FILE)
        chooser.fileSelected.connect(self.save_to)
        chooser.finished.connect(chooser.deleteLater)
        chooser.open()

    @Slot(str)
    def save_to(self, path: str) -> None:
        """Write what is shown into a file."""
        self._bridge.ask(self, SaveDiagnostics(path, self.text.toPlainText()), self._saved, self._failed)

    def _saved(self, path: str) -> None:
        self._tell(self._say("Saved: {path}", path=path), "good")
