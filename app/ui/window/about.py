"""About Flowork: version, licences, and whether there is a newer one."""

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QWidget

from app.bridge.acts import Trouble
from app.bridge.acts.update import LookForUpdate
from app.bridge.qt import Bridge
from app.rules.update import View
from app.ui.style import MARGIN, SPACE
from app.ui.window.licences import LicencesDialog
from app.ui.window.parts import button, column, copy, label, put, row
from app.words import Words
from contract.version import VERSION

LICENCE = "Apache License 2.0"


class AboutDialog(QDialog):
    """Says what this is."""

    def __init__(self, bridge: Bridge, say: Words, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge, self._say = bridge, say
        self.look = button(say("&Look for updates"), self._look)
        self.found = label("", "quiet", wrap=True, select=True)
        self.licences = button(say("L&icences"), self.read)
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
                row(self.look, self.licences, 1),
                self.found,
                label(say("Free software under the {licence}.", licence=LICENCE), "quiet", wrap=True),
                1,
                close,
                gap=SPACE,
                margin=MARGIN,
            )
        )
        self.setMinimumWidth(400)

    def read(self) -> LicencesDialog:
        """Open the texts of all licences."""
        dialog = LicencesDialog(self._bridge, self._say, self)
        dialog.open()
        return dialog

    def _look(self) -> None:
        """One request, because somebody asked for it."""
        self.look.setEnabled(False)
        put(self.found, self._say("Looking…"))
        self._bridge.ask(self, LookForUpdate(), self._found, self._not_found)

    def _found(self, view: View) -> None:
        self.look.setEnabled(True)
        there = self._say("Flowork {version} is there: see the menu of the tray.", version=view.offered)
        put(self.found, there if view.offered else self._say("This is the newest version."))

    def _not_found(self, trouble: Trouble) -> None:
        self.look.setEnabled(True)
        put(self.found, f"{self._say(trouble.title)}. {self._say(trouble.detail)}")
