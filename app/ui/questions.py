"""Short questions in boxes of their own; opened, never waited for."""

from collections.abc import Callable

from PySide6.QtWidgets import QCheckBox, QInputDialog, QLineEdit, QMessageBox, QWidget

from app.bridge.acts import Trouble
from app.bridge.news import Question
from app.words import Words


def about_keys(parent: QWidget | None, say: Words, chosen: Callable[[bool], object]) -> QMessageBox:
    """Rotate the signing keys? `chosen` is told whether every token is to end."""
    box = QMessageBox(parent)
    box.setWindowTitle(say("Rotate signing keys"))
    box.setText(say("Let a new key sign access tokens?"))
    box.setInformativeText(
        say("Browsers and programs stay signed in. If somebody may have had the old key, end every access token at once instead.")
    )
    rotate = box.addButton(say("&Rotate"), QMessageBox.ButtonRole.AcceptRole)
    compromised = box.addButton(say("&End every token"), QMessageBox.ButtonRole.DestructiveRole)
    box.addButton(say("&Cancel"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(rotate)
    box.buttonClicked.connect(lambda button: chosen(button is compromised) if button in {rotate, compromised} else None)
    return box


def about_closing(parent: QWidget | None, say: Words, chosen: Callable[[str, bool], object]) -> QMessageBox:
    """What is closing the window to mean? `chosen` is told `keep` or `quit`, and whether that holds from now on."""
    box = QMessageBox(parent)
    box.setWindowTitle("Flowork")
    box.setText(say("Keep Flowork running?"))
    box.setInformativeText(say("Jobs are taken and done without the window, too."))
    keep = box.addButton(say("&Keep running"), QMessageBox.ButtonRole.AcceptRole)
    leave = box.addButton(say("&Drain and quit"), QMessageBox.ButtonRole.DestructiveRole)
    box.addButton(say("&Cancel"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep)
    always = QCheckBox(say("Do this every time"))
    box.setCheckBox(always)
    box.buttonClicked.connect(
        lambda button: chosen("keep" if button is keep else "quit", always.isChecked()) if button in {keep, leave} else None
    )
    return box


def passphrase(parent: QWidget | None, question: Question) -> QInputDialog:
    """What is typed goes to whoever asked, and nowhere else."""
    dialog = QInputDialog(parent)
    dialog.setWindowTitle("Flowork")
    dialog.setLabelText(question.prompt)
    dialog.setTextEchoMode(QLineEdit.EchoMode.Password)
    dialog.textValueSelected.connect(question.answer)
    dialog.rejected.connect(lambda: question.answer(None))
    return dialog


def trouble_box(parent: QWidget | None, trouble: Trouble) -> QMessageBox:
    """Something that was asked for was not done."""
    box = QMessageBox(QMessageBox.Icon.Warning, "Flowork", trouble.title, QMessageBox.StandardButton.Close, parent)
    box.setInformativeText(trouble.detail)
    return box
