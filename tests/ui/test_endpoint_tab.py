"""The Endpoint tab: every state has words, a choice is applied once, a token is never shown."""

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit

from app.bridge.acts import Trouble
from app.bridge.acts.endpoint import ChangeEndpoint, LookAtEndpoint, RestartEndpoint
from app.bridge.news import Snapshot
from app.rules.condition import Facts, Service
from app.ui.window.endpoint import EndpointTab, state_words
from app.words import Words
from contract.endpoint import EndpointKind, EndpointState, EndpointView
from tests.support.fake_agent import FakeAgent

RUNNING = Snapshot(Facts(Service.RUNNING))
READY = EndpointView(
    kind=EndpointKind.QUICK,
    state=EndpointState.READY,
    origin="https://a-b.trycloudflare.com",
    connections=1,
    restarts=2,
    probed_at="2026-11-27T10:00:00Z",
    probe_ms=42.0,
    program="/usr/bin/cloudflared",
)


@pytest.fixture
def tab(fake: FakeAgent, say: Words, qtbot) -> EndpointTab:
    fake.tell(RUNNING)
    made = EndpointTab(fake.bridge, say)
    qtbot.addWidget(made)
    made.show()
    made.told(RUNNING)
    return made


@pytest.mark.parametrize("state", list(EndpointState))
def test_every_state_has_words(say: Words, state: EndpointState):
    assert state_words(EndpointView(state=state, next_try_s=3), say)


def test_it_shows_what_was_measured(tab: EndpointTab, qtbot):
    tab.told(replace(RUNNING, endpoint=READY))
    assert tab._origin.text() == READY.origin
    assert "42" in tab._facts.text()
    assert "cloudflared" in tab._facts.text()
    qtbot.mouseClick(tab.copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == READY.origin


def test_a_choice_is_applied_by_keyboard_and_once(tab: EndpointTab, fake: FakeAgent, qtbot):
    assert not tab.apply.isEnabled()
    tab.choices[EndpointKind.NAMED].setChecked(True)
    assert tab.origin.isVisible()
    assert tab.token.isVisible()
    assert not tab.apply.isEnabled()
    qtbot.keyClicks(tab.origin, "https://flowork.example.org")
    qtbot.keyClicks(tab.token, "eyJ-token")
    assert tab.token.echoMode() is QLineEdit.EchoMode.Password
    qtbot.keyClick(tab.token, Qt.Key.Key_Return)
    qtbot.keyClick(tab.token, Qt.Key.Key_Return)
    assert fake.of(ChangeEndpoint) == [ChangeEndpoint(EndpointKind.NAMED, "https://flowork.example.org", "eyJ-token")]
    fake.answer(ChangeEndpoint, EndpointView())
    assert tab.token.text() == ""
    assert "eyJ-token" not in repr(fake.of(ChangeEndpoint))


def test_snapshots_do_not_take_a_choice_away_that_is_being_made(tab: EndpointTab):
    tab.choices[EndpointKind.URL].setChecked(True)
    tab.origin.setText("https://mine.example")
    tab.told(replace(RUNNING, endpoint=READY))
    assert tab.picked is EndpointKind.URL
    assert tab.origin.text() == "https://mine.example"


def test_a_refusal_says_why_and_keeps_what_was_typed(tab: EndpointTab, fake: FakeAgent):
    fake.answers[ChangeEndpoint] = Trouble("The secrets are locked", "Unlock the keyring.")
    tab.choices[EndpointKind.URL].setChecked(True)
    tab.origin.setText("https://mine.example")
    tab.apply.click()
    assert tab._problem.isVisible()
    assert "Unlock the keyring." in tab._problem.text()
    assert tab.origin.text() == "https://mine.example"


def test_restart_and_look_are_asked_for_only_where_there_is_something(tab: EndpointTab, fake: FakeAgent, qtbot):
    assert not tab.restart.isEnabled()
    assert not tab.look_outside.isEnabled()
    fake.answers |= {RestartEndpoint: READY, LookAtEndpoint: READY}
    tab.told(replace(RUNNING, endpoint=READY))
    qtbot.mouseClick(tab.restart, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(tab.look_outside, Qt.MouseButton.LeftButton)
    assert fake.asked[-2:] == [RestartEndpoint(), LookAtEndpoint()]


def test_what_a_proxy_must_know_is_shown_when_there_is_one(tab: EndpointTab):
    assert not tab._proxy.isVisible()
    view = EndpointView(
        kind=EndpointKind.URL,
        state=EndpointState.READY,
        origin="https://x.example",
        service="http://127.0.0.1:7719",
        secret_host="t-1.flowork.internal",
    )
    tab.told(replace(RUNNING, endpoint=view))
    assert tab._proxy.isVisible()
    assert (tab._service.text(), tab._host.text()) == ("http://127.0.0.1:7719", "t-1.flowork.internal")


def test_nothing_can_be_chosen_while_no_gateway_runs(tab: EndpointTab):
    tab.told(Snapshot())
    tab.choices[EndpointKind.QUICK].setChecked(True)
    assert not tab.apply.isEnabled()
