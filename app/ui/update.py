"""Updating from the tray: asked first, told what happens, and what is left to do by hand."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QMessageBox, QWidget

from app.bridge.acts import Trouble
from app.bridge.acts.update import Update, Updating
from app.bridge.qt import Bridge
from app.rules.update import View
from app.words import Words


class Updates(QObject):
    """Asks, and does what was agreed to."""

    started = Signal()
    """A setup runs, and waits for this program to end."""

    def __init__(
        self,
        bridge: Bridge,
        say: Words,
        dialog: Callable[[str, Callable[[], QDialog]], None],
        parent: Callable[[], QWidget | None],
        tell: Callable[[str, str], None],
        failed: Callable[[Trouble], None],
    ) -> None:
        """`dialog` shows one under a name, once; `tell` and `failed` answer where somebody looks."""
        super().__init__()
        self._bridge, self._say = bridge, say
        self._dialog, self._parent, self._tell, self._failed = dialog, parent, tell, failed

    def ask(self) -> None:
        """Ask whether the version that is known should be installed."""
        view = self._bridge.snapshot.update
        if view is not None:
            self._dialog("update", lambda: question(self._parent(), self._say, view, self._agreed))

    def _agreed(self) -> None:
        self._tell(self._say("Fetching the update"), self._say("Flowork goes on meanwhile."))
        self._bridge.ask(self, Update(), self._done, self._not_done)

    def _done(self, updating: Updating) -> None:
        if updating.started:
            self.started.emit()
        else:
            self._dialog("by hand", lambda: by_hand(self._parent(), self._say, updating, QGuiApplication.clipboard().setText))

    def _not_done(self, trouble: Trouble) -> None:
        self._failed(Trouble(self._say(trouble.title), self._say(trouble.detail)))


def question(parent: QWidget | None, say: Words, view: View, agreed: Callable[[], object]) -> QMessageBox:
    """Update, after all that this does was said? `agreed` is called if so."""
    box = QMessageBox(parent)
    box.setWindowTitle("Flowork")
    box.setText(say("Update Flowork from {old} to {new}?", old=view.version, new=view.offered))
    if view.itself:
        text = say(
            "The new version is fetched and its signature verified. Running jobs finish, then Flowork ends, is replaced, and starts again."
            " If anything is wrong with it, nothing is replaced."
        )
        agree = say("&Update")
    elif view.kind == "source":
        text = say("This Flowork is a package of Python or a working copy: update it where you got it.")
        agree = ""
    else:
        text = say("The new version is fetched and its signature verified; then you see the command that installs it. Nothing is replaced.")
        agree = say("&Fetch it")
    box.setInformativeText("\n\n".join(part for part in (text, view.notes_url) if part))
    box.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
    box.addButton(say("&Not now"), QMessageBox.ButtonRole.RejectRole)
    if agree:
        button = box.addButton(agree, QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(button)
        box.buttonClicked.connect(lambda pressed: agreed() if pressed is button else None)
    return box


def by_hand(parent: QWidget | None, say: Words, updating: Updating, copy: Callable[[str], object]) -> QMessageBox:
    """The command with which a person installs what was fetched."""
    box = QMessageBox(parent)
    box.setWindowTitle("Flowork")
    box.setText(say("Flowork {version} is here, and it is the one that was signed", version=updating.version))
    box.setInformativeText(say("Quit Flowork, then run this in a terminal:") + f"\n\n{updating.command}")
    box.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
    button = box.addButton(say("C&opy"), QMessageBox.ButtonRole.AcceptRole)
    box.addButton(say("&Close"), QMessageBox.ButtonRole.RejectRole)
    box.buttonClicked.connect(lambda pressed: copy(updating.command) if pressed is button else None)
    return box
