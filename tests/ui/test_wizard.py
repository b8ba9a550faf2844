"""The first run: every step in every state, by keyboard, in both languages; nothing is done that was not asked for."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from app.bridge.acts import Trouble
from app.bridge.acts.running import Start, Unlock
from app.bridge.acts.setup import (
    AddKey,
    AutostartView,
    ChooseEndpoint,
    ChooseSecrets,
    EndSetup,
    FindSources,
    KeyAdded,
    LookAtAutostart,
    LookAtSecrets,
    ModelServer,
    SecretsPlace,
    SetAutostart,
    Sources,
    UseServers,
)
from app.bridge.news import Snapshot
from app.bridge.qt import Bridge
from app.rules.condition import Facts, Service
from app.ui.wizard import Wizard
from app.words import Language, Words, speak
from app.words.indonesian_setup import CATALOGUE
from contract.endpoint import OFF, EndpointKind, EndpointState, EndpointView
from tests.support.fake_agent import FakeAgent

KEPT = SecretsPlace("keyring", "keyring (Secret Service)", "open")
OLLAMA = ModelServer("ollama", "http://127.0.0.1:11434/v1", ("llama3.2", "qwen3"), configured=False)
NOTHING = Sources((), (), ())


def _answer(agent, kind, answer):
    """Give the oldest waiting act of a kind its answer."""
    act, answered = next(each for each in agent.waiting if type(each[0]) is kind)
    agent.waiting.remove((act, answered))
    answered(answer)


@pytest.fixture
def agent():
    return FakeAgent(
        {
            LookAtSecrets: KEPT,
            FindSources: Sources((OLLAMA,), (), ("files",)),
            LookAtAutostart: AutostartView("off", "somewhere"),
            EndSetup: None,
        }
    )


@pytest.fixture(params=[Language.ENGLISH, Language.INDONESIAN])
def say(request):
    return speak(Language.ENGLISH) if request.param is Language.ENGLISH else Words(Language.INDONESIAN, CATALOGUE)


@pytest.fixture
def english():
    return speak(Language.ENGLISH)


@pytest.fixture
def opened(qtbot, agent):
    def made(say):
        bridge = Bridge(agent)
        wizard = Wizard(bridge, say, lambda: QLabel("the panel"))
        wizard.bridge = bridge  # kept alive with it
        qtbot.addWidget(wizard)
        wizard.open()
        return wizard

    return made


def _at(wizard, step):
    while wizard.pages.index(wizard.page) < step:
        wizard._next.click()
    return wizard.page


def _news(wizard, **facts):
    endpoint = facts.pop("endpoint", OFF)
    wizard.bridge.changed.emit(Snapshot(facts=Facts(**facts), endpoint=endpoint))


def test_the_keyboard_alone_leads_through_all_steps(opened, agent, say, qtbot):
    wizard = opened(say)
    for _ in range(4):
        assert wizard._next.hasFocus() or not wizard.isActiveWindow()
        qtbot.keyClick(wizard, Qt.Key.Key_Return)
    assert wizard.page is wizard.pages[-1]
    with qtbot.waitSignal(wizard.accepted):
        qtbot.keyClick(wizard, Qt.Key.Key_Return)
    assert agent.of(EndSetup) == [EndSetup()]
    done = {ChooseSecrets, UseServers, AddKey, ChooseEndpoint, SetAutostart, Start, Unlock}
    assert not [act for act in agent.asked if type(act) in done], "passing a step does nothing"


@pytest.mark.parametrize("leave", ["reject", "close"])
def test_putting_it_off_is_remembered_once(opened, agent, english, leave):
    wizard = opened(english)
    getattr(wizard, leave)()
    assert agent.of(EndSetup) == [EndSetup()]


def test_no_step_goes_on_without_a_place_for_keys(opened, agent, english):
    del agent.answers[LookAtSecrets]
    wizard = opened(english)
    assert wizard.page.check.kind == "wait"
    assert not wizard._next.isEnabled()
    _answer(agent, LookAtSecrets, SecretsPlace("", "keyring (Secret Service)", "not chosen yet"))
    assert not wizard._next.isEnabled()
    agent.answers[ChooseSecrets] = KEPT
    wizard.page.keep.click()
    assert agent.of(ChooseSecrets) == [ChooseSecrets("keyring")]
    assert wizard._next.isEnabled()


def test_without_a_keyring_a_passphrase_is_asked_for_twice(opened, agent, english):
    agent.answers[LookAtSecrets] = SecretsPlace("", "", "unavailable", "There is no session bus here.")
    agent.answers[ChooseSecrets] = SecretsPlace("file", "passphrase file", "open")
    page = opened(english).page
    assert not page.keyring.isEnabled()
    assert page.file.isChecked()
    page.passphrase.setText("short")
    assert not page.keep.isEnabled()
    page.passphrase.setText("long enough to keep")
    page.repeated.setText("long enough to keep!")
    assert not page.keep.isEnabled()
    page.repeated.setText("long enough to keep")
    page.keep.click()
    assert agent.of(ChooseSecrets) == [ChooseSecrets("file", "long enough to keep")]
    assert "long enough" not in repr(agent.of(ChooseSecrets))
    assert page.passphrase.text() == ""
    assert page.ready


def test_keys_in_the_clear_need_a_word_of_consent(opened, agent, english):
    agent.answers[LookAtSecrets] = SecretsPlace("", "", "unavailable", "No keyring.")
    page = opened(english).page
    page.clear.setChecked(True)
    assert not page.keep.isEnabled()
    page.understood.setChecked(True)
    agent.answers[ChooseSecrets] = Trouble("Keys cannot be kept there", "The disk is full.")
    page.keep.click()
    assert page.check.kind == "bad"
    assert page.keep.isEnabled(), "one may try again"


def test_a_locked_keyring_offers_to_unlock_and_goes_on_by_itself(opened, agent, english):
    agent.answers[LookAtSecrets] = SecretsPlace("keyring", "keyring", "locked")
    wizard = opened(english)
    page = wizard.page
    assert page.unlock.isVisibleTo(wizard)
    assert not page.choice.isVisibleTo(wizard), "nothing else is offered in its stead"
    page.unlock.click()
    agent.answers[LookAtSecrets] = KEPT
    _answer(agent, Unlock, "open")
    assert page.ready


def test_found_servers_are_used_only_when_ticked_and_asked_for(opened, agent, english):
    page = _at(opened(english), 1)
    assert page.check.kind == "good"
    agent.answers[UseServers] = Sources((OLLAMA,), ("ollama",), ())
    page.boxes["ollama"].setChecked(False)
    assert not page.use.isEnabled()
    page.boxes["ollama"].setChecked(True)
    page.use.click()
    assert agent.of(UseServers) == [UseServers(("ollama",))]


def test_no_server_says_what_was_looked_for(opened, agent, english):
    agent.answers[FindSources] = NOTHING
    page = _at(opened(english), 1)
    assert page.check.kind == "warning"
    assert page.ready, "one may go on without models"


def test_a_key_is_tried_before_it_is_kept_and_its_text_is_forgotten(opened, agent, english):
    page = _at(opened(english), 1)
    assert not page.add.isEnabled()
    page.key.setText("sk-secret")
    page.add.click()
    assert "sk-secret" not in repr(agent.of(AddKey))
    _answer(agent, AddKey, Trouble("The provider did not take the key", "Nothing was kept."))
    assert page.key_check.kind == "bad"
    page.add.click()
    _answer(agent, AddKey, KeyAdded("anthropic", 7))
    assert page.key_check.kind == "good"
    assert page.key.text() == ""


def test_the_endpoint_page_shows_what_is_and_changes_only_on_request(opened, agent, english):
    wizard = opened(english)
    page = _at(wizard, 2)
    assert page.kind is EndpointKind.NONE
    assert not page.use.isEnabled()
    page.choices[EndpointKind.NAMED].setChecked(True)
    assert not page.use.isEnabled(), "it needs an address"
    page.origin.setText("https://flowork.example.org/")
    page.token.setText("tunnel-token")
    page.use.click()
    (asked,) = agent.of(ChooseEndpoint)
    assert (asked.kind, asked.origin, asked.token) == (EndpointKind.NAMED, "https://flowork.example.org", "tunnel-token")
    assert "tunnel-token" not in repr(asked)
    starting = EndpointView(kind=EndpointKind.NAMED, state=EndpointState.STARTING)
    _answer(agent, ChooseEndpoint, starting)
    assert page.check.kind == "wait"
    _news(wizard, endpoint=EndpointView(kind=EndpointKind.NAMED, state=EndpointState.READY, origin="https://flowork.example.org"))
    assert page.check.kind == "good"
    _news(wizard, endpoint=EndpointView(kind=EndpointKind.NAMED, state=EndpointState.FAILED, reason="The token is wrong."))
    assert page.check.kind == "warning"


def test_pairing_waits_for_a_gateway_and_offers_to_start_one(opened, agent, english):
    wizard = opened(english)
    page = _at(wizard, 3)
    assert page.panel is None
    page.start.click()
    assert agent.of(Start) == [Start()]
    _news(wizard, service=Service.RUNNING)
    assert page.panel.isVisibleTo(wizard)
    _news(wizard, service=Service.FAILED, failure="The port is taken.")
    assert not page.panel.isVisibleTo(wizard)
    assert page.check.kind == "bad"


def test_starting_at_sign_in_is_off_until_ticked(opened, agent, english, qtbot):
    wizard = opened(english)
    page = _at(wizard, 4)
    assert not page.start_at_login.isChecked()
    agent.answers[SetAutostart] = AutostartView("on", "somewhere")
    page.start_at_login.setChecked(True)
    with qtbot.waitSignal(wizard.accepted):
        wizard._next.click()
    assert agent.of(SetAutostart) == [SetAutostart(True)]


@pytest.mark.parametrize("state", ["foreign", "disabled_by_system"])
def test_what_somebody_else_decided_cannot_be_ticked(opened, agent, english, state, qtbot):
    agent.answers[LookAtAutostart] = AutostartView(state, "somewhere")
    wizard = opened(english)
    page = _at(wizard, 4)
    assert not page.start_at_login.isEnabled()
    assert page.check.kind == "warning"
    with qtbot.waitSignal(wizard.accepted):
        wizard._next.click()
    assert agent.of(SetAutostart) == []
