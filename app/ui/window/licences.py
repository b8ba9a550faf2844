"""The licences of Flowork and of what came with it, as they are: most were written for a typewriter."""

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPlainTextEdit, QWidget

from app.bridge.acts import Trouble
from app.bridge.acts.licences import ReadLicences
from app.bridge.qt import Bridge
from app.ui.style import MARGIN, SPACE, role
from app.ui.window.parts import column
from app.words import Words


class LicencesDialog(QDialog):
    """Reads them when it is made."""

    def __init__(self, bridge: Bridge, say: Words, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._say = say
        self.setWindowTitle(say("Licences"))
        self.text = QPlainTextEdit(say("Reading…"))
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setAccessibleName(say("Text of the licences"))
        role(self.text, "mono")
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.NoButton)
        close.addButton(say("&Close"), QDialogButtonBox.ButtonRole.RejectRole).setDefault(True)
        close.rejected.connect(self.reject)
        self.setLayout(column(self.text, close, gap=SPACE, margin=MARGIN))
        self.resize(860, 620)
        bridge.ask(self, ReadLicences(), self.text.setPlainText, self._failed)

    def _failed(self, trouble: Trouble) -> None:
        self.text.setPlainText(f"{self._say(trouble.title)}. {self._say(trouble.detail)}")
