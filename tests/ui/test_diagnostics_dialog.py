"""Diagnostics are shown before they go anywhere, and go only where the person puts them."""

import pytest
from PySide6.QtGui import QGuiApplication

from app.bridge.acts import Trouble
from app.bridge.acts.diagnostics import Diagnostics, GatherDiagnostics, SaveDiagnostics
from app.bridge.qt import Bridge
from app.ui.diagnostics import DiagnosticsDialog
from app.words import Language, Words, speak
from app.words.indonesian_setup import CATALOGUE
from tests.support.fake_agent import FakeAgent


def _answer(agent, kind, answer):
    """Give the oldest waiting act of a kind its answer."""
    act, answered = next(each for each in agent.waiting if type(each[0]) is kind)
    agent.waiting.remove((act, answered))
    answered(answer)


@pytest.fixture
def agent():
    return FakeAgent()


@pytest.fixture(params=[speak(Language.ENGLISH), Words(Language.INDONESIAN, CATALOGUE)], ids=["en", "id"])
def dialog(request, qtbot, agent):
    bridge = Bridge(agent)
    made = DiagnosticsDialog(bridge, request.param)
    made.bridge = bridge
    qtbot.addWidget(made)
    made.open()
    return made


def test_nothing_can_be_copied_before_it_can_be_read(dialog, agent):
    assert not dialog.copy.isEnabled()
    assert not dialog.save.isEnabled()
    _answer(agent, GatherDiagnostics, Diagnostics("all of it", "/logs"))
    assert dialog.text.toPlainText() == "all of it"
    QGuiApplication.clipboard().clear()
    dialog.copy.click()
    assert QGuiApplication.clipboard().text() == "all of it"


def test_what_is_shown_is_what_is_saved(dialog, agent):
    _answer(agent, GatherDiagnostics, Diagnostics("all of it", "/logs"))
    dialog.save_to("/tmp/x.txt")
    assert agent.of(SaveDiagnostics) == [SaveDiagnostics("/tmp/x.txt", "all of it")]
    _answer(agent, SaveDiagnostics, Trouble("It could not be written", "No space."))
    assert "No space." in dialog.said.text()
    assert dialog.copy.isEnabled()
    dialog.save_to("/tmp/x.txt")
    _answer(agent, SaveDiagnostics, "/tmp/x.txt")
    assert "/tmp/x.txt" in dialog.said.text()


def test_a_failure_is_told_and_can_be_tried_again(dialog, agent):
    _answer(agent, GatherDiagnostics, Trouble("Something failed", "Try again."))
    assert "Try again." in dialog.said.text()
    assert not dialog.copy.isEnabled()
    dialog.again.click()
    _answer(agent, GatherDiagnostics, Diagnostics("later", "/logs"))
    assert dialog.copy.isEnabled()
