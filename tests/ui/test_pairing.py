"""The pairing panel: one code at a time, six digits once, and nothing left open when nobody looks."""

from datetime import UTC, datetime, timedelta

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from app.bridge.acts import Trouble
from app.bridge.acts.people import Approve, ListPeople, LookAtOffer, OfferPairing, People, Withdraw
from app.bridge.qt import Bridge
from app.ui.pair import PairDialog, PairPanel
from app.words import Words
from contract.pairing import Link
from contract.people import Device, OfferMade, PairingOffer, User
from contract.words import PairingState, UserRole
from tests.support.fake_agent import FakeAgent

DEVICE = Device(id="d1", user="u1", name="Firefox on Android", address="0xabc", added_at="2026-11-27T10:00:00Z", in_use=True)
ANN = User(id="u2", name="Ann", role=UserRole.MEMBER, devices=1)

CODE = "ABCDEFGHJKMNPQRSTVWXYZ0123"


def made(number: int = 1, minutes: float = 5) -> OfferMade:
    return OfferMade(
        offer=f"offer-0000000000{number}"[:16],
        code=CODE,
        expires_at=(datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        gateway="https://home.example",
        gateway_key="A" * 43,
        user="owner",
        link=Link("https://home.example", "offer", CODE, bytes(32), 1).text("https://home.example"),
    )


def seen(offer: str, state: PairingState) -> PairingOffer:
    claimed = (
        {}
        if state is PairingState.OPEN
        else {"device_name": "Firefox on Android", "address": "0xabc", "ingress": "tunnel", "client": "203.0.113.9"}
    )
    return PairingOffer(offer=offer, state=state, user="owner", role=UserRole.OWNER, **claimed)


@pytest.fixture
def panel(bridge: Bridge, agent: FakeAgent, english: Words, qtbot) -> PairPanel:
    numbers = iter(range(1, 100))
    agent.answers |= {
        OfferPairing: lambda _: made(next(numbers)),
        ListPeople: People((ANN,), ()),
        LookAtOffer: lambda act: seen(act.offer, PairingState.OPEN),
        Withdraw: None,
        Approve: DEVICE,
    }
    shown = PairPanel(bridge, english, look_every_ms=1)
    qtbot.addWidget(shown)
    shown.show()
    qtbot.waitUntil(shown._copy.isEnabled)
    return shown


def shows(panel: PairPanel, state: PairingState, agent: FakeAgent, qtbot) -> None:
    agent.answers[LookAtOffer] = lambda act: seen(act.offer, state)
    qtbot.waitUntil(lambda: panel._state is state)


def test_it_shows_link_code_and_key_and_counts_down(panel: PairPanel, qtbot):
    assert panel._code.text() == "ABCDE-FGHJK-MNPQR-STVWX-YZ012-3"
    assert panel._address.text() == "https://home.example"
    assert len(panel._key.text().split()) == 6
    assert panel._left.text().startswith("Serves once, for another ")
    qtbot.mouseClick(panel._copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text().startswith("https://home.example/#/pair?")


def test_the_digits_are_asked_for_once_the_device_has_signed(panel: PairPanel, agent: FakeAgent, qtbot):
    shows(panel, PairingState.CLAIMED, agent, qtbot)
    assert panel._device.text() == "Firefox on Android"
    assert "203.0.113.9" in panel._place.text()
    assert not panel._digits.isEnabled()
    shows(panel, PairingState.SIGNED, agent, qtbot)
    assert not panel._let_in.isEnabled()
    qtbot.keyClicks(panel._digits, "12x3 45")
    assert not panel._let_in.isEnabled()
    qtbot.keyClicks(panel._digits, "6")
    with qtbot.waitSignal(panel.paired):
        qtbot.keyClick(panel._digits, Qt.Key.Key_Return)
    assert [act.digits for act in agent.of(Approve)] == ["123456"]
    assert panel._end_title.text() == "Firefox on Android is paired"
    panel.hide()
    assert not agent.of(Withdraw)


def test_wrong_digits_end_the_offer_and_offer_a_new_code(panel: PairPanel, agent: FakeAgent, qtbot):
    agent.answers[Approve] = Trouble("The digits are wrong", "The offer has ended. Make a new one.")
    shows(panel, PairingState.SIGNED, agent, qtbot)
    qtbot.keyClicks(panel._digits, "000000")
    qtbot.mouseClick(panel._let_in, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel._end_title.text() == "The digits are wrong")
    before = len(agent.of(OfferPairing))
    agent.answers[LookAtOffer] = lambda act: seen(act.offer, PairingState.OPEN)
    qtbot.mouseClick(panel._again, Qt.MouseButton.LeftButton)
    assert len(agent.of(OfferPairing)) == before + 1


def test_hiding_it_ends_the_offer(panel: PairPanel, agent: FakeAgent):
    panel.hide()
    assert [act.offer for act in agent.of(Withdraw)] == [agent.of(LookAtOffer)[-1].offer if agent.of(LookAtOffer) else made().offer]
    assert not panel._timer.isActive()


def test_an_offer_that_comes_after_it_was_hidden_is_ended_too(bridge: Bridge, agent: FakeAgent, english: Words, qtbot):
    agent.answers |= {ListPeople: People((), ()), Withdraw: None}
    panel = PairPanel(bridge, english)
    qtbot.addWidget(panel)
    panel.show()
    panel.hide()
    (answered,) = [answered for act, answered in agent.waiting if isinstance(act, OfferPairing)]
    answered(made())
    qtbot.waitUntil(lambda: bool(agent.of(Withdraw)))


def test_an_offer_that_ran_out_says_so(panel: PairPanel, agent: FakeAgent, qtbot):
    agent.answers[LookAtOffer] = None
    qtbot.waitUntil(lambda: panel._end_title.text() == "The code has ended")


def test_refusing_makes_a_new_code_and_ends_the_old_one(panel: PairPanel, agent: FakeAgent, qtbot):
    shows(panel, PairingState.SIGNED, agent, qtbot)
    agent.answers[LookAtOffer] = lambda act: seen(act.offer, PairingState.OPEN)
    qtbot.mouseClick(panel._refuse, Qt.MouseButton.LeftButton)
    assert len(agent.of(Withdraw)) == 1
    assert not agent.of(Approve)
    assert len(agent.of(OfferPairing)) == 2


def test_a_new_person_needs_a_name_and_another_device_does_not(panel: PairPanel, agent: FakeAgent, qtbot):
    qtbot.waitUntil(lambda: panel._who.count() == 3)
    panel._who.setCurrentIndex(2)
    assert agent.of(OfferPairing)[-1] == OfferPairing()
    assert panel._left.text().startswith("Type a name first")
    qtbot.keyClicks(panel._name, "Ben")
    qtbot.keyClick(panel._name, Qt.Key.Key_Return)
    assert agent.of(OfferPairing)[-1] == OfferPairing(new="Ben")
    panel._who.setCurrentIndex(1)
    assert agent.of(OfferPairing)[-1] == OfferPairing(user="u2")


def test_a_gateway_that_cannot_offer_says_why(bridge: Bridge, agent: FakeAgent, say: Words, qtbot):
    agent.answers |= {ListPeople: People((), ()), OfferPairing: Trouble("No gateway answers", "Start it.")}
    panel = PairPanel(bridge, say)
    qtbot.addWidget(panel)
    panel.show()
    qtbot.waitUntil(lambda: panel._end_title.text() == "No gateway answers")


def test_everything_can_be_reached_by_keyboard(bridge: Bridge, agent: FakeAgent, say: Words, qtbot):
    agent.answers |= {ListPeople: People((), ()), OfferPairing: made(), LookAtOffer: seen(made().offer, PairingState.OPEN), Withdraw: None}
    dialog = PairDialog(bridge, say)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(dialog.panel._copy.isEnabled)
    reached = set()
    for _ in range(12):
        dialog.focusNextChild()
        reached.add(dialog.focusWidget())
    assert {dialog.panel._who, dialog.panel._copy} <= reached
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    assert len(agent.of(Withdraw)) == 1
