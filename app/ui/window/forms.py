"""Dialogs that ask for something: opened, never waited for."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QWidget

from app.bridge.acts import Trouble
from app.ui.style import MARGIN, SPACE, role
from app.ui.window.parts import column, label, put
from app.words import Words


class Form(QDialog):
    """A question with fields, Cancel, and a button that does it. It closes when it is done, and says why when it is not."""

    def __init__(self, parent: QWidget, say: Words, title: str, text: str, yes: str, act: Callable[[], object]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.setMinimumWidth(460)
        self._say = say
        self._home = parent
        self.fields = column(gap=8)
        self.problem = label("", "bad", wrap=True)
        self.problem.hide()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.NoButton)
        self.yes = buttons.addButton(yes, QDialogButtonBox.ButtonRole.AcceptRole)
        role(self.yes, "primary")
        self.yes.setDefault(True)
        buttons.addButton(say("&Cancel"), QDialogButtonBox.ButtonRole.RejectRole).setAutoDefault(False)
        buttons.accepted.connect(lambda: self._begin(act))
        buttons.rejected.connect(self.reject)
        self.setLayout(
            column(label(title, "heading"), label(text, wrap=True), self.fields, self.problem, 1, buttons, gap=SPACE, margin=MARGIN)
        )

    def _begin(self, act: Callable[[], object]) -> None:
        self.problem.hide()
        self.yes.setEnabled(False)
        act()

    def complain(self, text: str) -> None:
        """What must be put right; the fields stay."""
        put(self.problem, text)
        self.problem.show()
        self.yes.setEnabled(True)

    def failed(self, trouble: Trouble) -> None:
        """It was not done."""
        self.complain(f"{trouble.title}. {trouble.detail}")

    def done_with(self, answer: object = None) -> None:
        """It was done."""
        del answer
        self.accept()
