"""Updates on the screen: a row while there is one, a question before anything is done, and what is left to do by hand."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QMessageBox, QPushButton

from app.bridge.acts import Trouble
from app.bridge.acts.running import Stop, Stopped
from app.bridge.acts.telling import Tell
from app.bridge.acts.update import LookForUpdate, Update, Updating
from app.bridge.news import Request, Snapshot
from app.rules.condition import Facts, Fix, Service
from app.rules.update import REASONS, TITLES, Reason, View
from app.ui.shell import Shell, Windows
from app.ui.tray import Tray, Want
from app.ui.window.about import AboutDialog
from app.ui.window.dashboard import Dashboard
from app.words import Language, Words
from tests.support.fake_agent import FakeAgent

SETUP = View(
    "1.0.0",
    "windows-x64",
    "setup",
    "notify",
    "https://x.example",
    checkable=True,
    offered="9.0.0",
    notes_url="https://x.example/9",
    itself=True,
)
PACKAGE = replace(SETUP, kind="deb", itself=False, command="sudo apt install '/x/it'")
RUNNING = Snapshot(Facts(Service.RUNNING))


@pytest.fixture
def shell(fake: FakeAgent, say: Words, qtbot) -> Iterator[Shell]:
    fake.answers |= {Tell: None, Stop: Stopped(0)}
    made = Shell(fake.bridge, say, Tray(say, "colour", settle_ms=0), Windows(lambda: Dashboard(fake.bridge, say), QDialog, QDialog))
    yield made
    for dialog in list(made._dialogs.values()):
        dialog.reject()


def row(shell: Shell) -> str | None:
    """The row of the menu that updates; None when nobody sees one."""
    found = shell.tray._rows[Want.UPDATE]
    return found.text().replace("&", "") if found.isVisible() else None


def question(shell: Shell, fake: FakeAgent, view: View) -> QMessageBox:
    fake.tell(replace(RUNNING, update=view))
    shell.tray._rows[Want.UPDATE].trigger()
    box = shell._dialogs["update"]
    assert isinstance(box, QMessageBox)
    return box


def buttons(box: QMessageBox) -> dict[QMessageBox.ButtonRole, QPushButton]:
    return {box.buttonRole(each): each for each in box.buttons()}


AGREE, REFUSE = QMessageBox.ButtonRole.AcceptRole, QMessageBox.ButtonRole.RejectRole


def test_there_is_a_row_only_while_a_newer_version_is_known(shell: Shell, fake: FakeAgent):
    fake.tell(RUNNING)
    assert row(shell) is None
    fake.tell(replace(RUNNING, update=SETUP))
    assert "9.0.0" in (row(shell) or "")
    fake.tell(RUNNING)
    assert row(shell) is None


def test_nothing_is_done_before_somebody_agrees_and_what_happens_is_said_first(shell: Shell, fake: FakeAgent, say: Words, qtbot):
    box = question(shell, fake, SETUP)
    assert fake.of(Update) == []
    assert "1.0.0" in box.text()
    assert "9.0.0" in box.text()
    assert "https://x.example/9" in box.informativeText()
    assert ("Running jobs finish" in box.informativeText()) == (say.language is Language.ENGLISH)
    qtbot.mouseClick(buttons(box)[REFUSE], Qt.MouseButton.LeftButton)
    assert fake.of(Update) == []


def test_once_agreed_it_is_asked_for_once_and_the_program_ends_when_the_setup_waits_for_it(shell: Shell, fake: FakeAgent, qtbot):
    qtbot.mouseClick(buttons(question(shell, fake, SETUP))[AGREE], Qt.MouseButton.LeftButton)
    assert fake.of(Update) == [Update()]
    assert len(fake.of(Tell)) == 1
    with qtbot.waitSignals([shell.leaving, shell.ended]):
        fake.answer(Update, Updating("9.0.0", started=True))


def test_where_a_package_manager_installs_it_the_command_is_shown_and_copied(shell: Shell, fake: FakeAgent, qtbot):
    with qtbot.assertNotEmitted(shell.ended):
        qtbot.mouseClick(buttons(question(shell, fake, PACKAGE))[AGREE], Qt.MouseButton.LeftButton)
        fake.answer(Update, Updating("9.0.0", started=False, command=PACKAGE.command))
        box = shell._dialogs["by hand"]
        assert isinstance(box, QMessageBox)
        assert PACKAGE.command in box.informativeText()
        qtbot.mouseClick(buttons(box)[AGREE], Qt.MouseButton.LeftButton)
        assert QGuiApplication.clipboard().text() == PACKAGE.command


def test_a_working_copy_is_not_offered_what_cannot_be_done(shell: Shell, fake: FakeAgent):
    assert set(buttons(question(shell, fake, replace(PACKAGE, kind="source", command="")))) == {REFUSE}


def test_a_refused_update_is_told_in_the_persons_language_and_the_program_goes_on(shell: Shell, fake: FakeAgent, say: Words, qtbot):
    with qtbot.assertNotEmitted(shell.ended):
        qtbot.mouseClick(buttons(question(shell, fake, SETUP))[AGREE], Qt.MouseButton.LeftButton)
        fake.answer(Update, Trouble(TITLES[True], REASONS[Reason.OTHER_CONTENT]))
        box = shell._dialogs["trouble"]
        assert isinstance(box, QMessageBox)
        assert (box.text(), box.informativeText()) == (say(TITLES[True]), say(REASONS[Reason.OTHER_CONTENT]))


def test_the_button_of_the_notice_asks_too(shell: Shell, fake: FakeAgent):
    fake.tell(replace(RUNNING, update=SETUP))
    fake.bridge.requested.emit(Request("fix", Fix.UPDATE))
    assert isinstance(shell._dialogs["update"], QMessageBox)


def test_a_notice_that_is_pressed_when_the_update_is_gone_does_nothing(shell: Shell, fake: FakeAgent):
    fake.tell(RUNNING)
    fake.bridge.requested.emit(Request("fix", Fix.UPDATE))
    assert "update" not in shell._dialogs


def test_about_looks_only_when_somebody_asks_and_says_what_it_found(fake: FakeAgent, say: Words, qtbot):
    about = AboutDialog(fake.bridge, say)
    qtbot.addWidget(about)
    about.show()
    assert fake.of(LookForUpdate) == []
    about.look.click()
    assert not about.look.isEnabled()
    fake.answer(LookForUpdate, SETUP)
    assert "9.0.0" in about.found.text()
    about.look.click()
    fake.answer(LookForUpdate, replace(SETUP, offered=""))
    assert about.found.text() == say("This is the newest version.")
    about.look.click()
    fake.answer(LookForUpdate, Trouble(TITLES[False], REASONS[Reason.UNREACHABLE]))
    assert about.found.text() == f"{say(TITLES[False])}. {say(REASONS[Reason.UNREACHABLE])}"
    assert about.look.isEnabled()
