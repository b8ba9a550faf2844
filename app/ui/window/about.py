"""About Flowork: version and licence."""

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QWidget

from app.ui.style import MARGIN, SPACE
from app.ui.window.parts import button, column, copy, label, row
from app.words import Words
from contract.version import VERSION

LICENCE = "Apache License 2.0"


class AboutDialog(QDialog):
    """Says what this is."""

    def __init__(self, say: Words, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(say("About Flowork"))
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.NoButton)
        done = close.addButton(say("&Close"), QDialogButtonBox.ButtonRole.RejectRole)
        done.setDefault(True)
        close.rejected.connect(self.reject)
        version = say("Version {version}", version=VERSION)
        self.setLayout(
            column(
                label("Flowork", "title"),
                label(say("Your own job gateway and engines, at home."), wrap=True),
                row(label(version, select=True), 1, button(say("C&opy"), lambda: copy(f"Flowork {VERSION}"), "flat")),
                label(say("Free software under the {licence}.", licence=LICENCE), "quiet", wrap=True),
                1,
                close,
                gap=SPACE,
                margin=MARGIN,
            )
        )
        self.setMinimumWidth(400)
