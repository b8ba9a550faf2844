"""Pictures of the tray's menu and dialogs, and of the endpoint in each state; both themes and both languages. Part of `make screens`."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PySide6.QtWidgets import QApplication
from screens_windows import _save, settle, wear

from app.bridge.acts import Trouble
from app.bridge.acts.people import ListPeople, LookAtOffer, OfferPairing, People, Withdraw
from app.bridge.news import Snapshot
from app.rules.condition import Facts, Secrets, Service
from app.ui.leave import LeaveDialog
from app.ui.pair import PairDialog
from app.ui.tray import Tray
from app.ui.window.endpoint import EndpointTab
from app.words import Language, Words, speak
from contract.endpoint import EndpointKind, EndpointState, EndpointView
from contract.local import LocalView
from contract.pairing import Link
from contract.people import OfferMade, PairingOffer
from contract.words import PairingState, UserRole
from tests.support.fake_agent import agent

CODE = "7KQ2M9PD4TXFA1ZCB3NE8RGH5W"
LOCAL = LocalView(id="aaaa", name="home", slots=4, busy=2, automatic=True, slots_max=8, paused=None)
RUNNING = Snapshot(Facts(Service.RUNNING, running=2, p95_ms=3.1), local=LOCAL)
READY = EndpointView(
    kind=EndpointKind.NAMED,
    state=EndpointState.READY,
    origin="https://flowork.example.org",
    connections=4,
    probed_at="2026-11-27T09:30:00Z",
    probe_ms=48.0,
    program="/usr/bin/cloudflared",
    service="http://127.0.0.1:7719",
    secret_host="t-6169cbfc9eeaeda3262d068dd3dd6da7.flowork.internal",
)
DOWN = READY.model_copy(
    update={"state": EndpointState.DOWN, "reason": "cloudflared ended with status 1.", "next_try_s": 8.0, "connections": 0, "restarts": 3}
)


def draw(application: QApplication, out: Path) -> None:
    """All of them."""
    for theme in ("light", "dark"):
        wear(application, theme)
        for language in Language:
            say = speak(language)
            _menus(application, out, say, f"{theme}-{language}")
            _pairing(application, out, say, f"{theme}-{language}")
            _leaving(application, out, say, f"{theme}-{language}")
            _endpoint(application, out, say, f"{theme}-{language}")


def _menus(application: QApplication, out: Path, say: Words, suffix: str) -> None:
    states = {
        "busy": RUNNING,
        "stopped": Snapshot(),
        "warning": replace(RUNNING, facts=Facts(Service.RUNNING, secrets=Secrets.LOCKED)),
        "draining": replace(RUNNING, facts=Facts(Service.RUNNING, running=2, draining=True)),
    }
    for name, snapshot in states.items():
        tray = Tray(say, "colour")
        tray.show_snapshot(snapshot)
        tray.menu.popup(tray.menu.pos())
        settle(application)
        _save(tray.menu, out / f"tray-{name}-{suffix}.png")
        tray.menu.close()


def _pairing(application: QApplication, out: Path, say: Words, suffix: str) -> None:
    expires = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    link = Link("https://flowork.example.org", "offer", CODE, bytes(32), 1).text("https://flowork.example.org")
    made = OfferMade(
        offer="offer-1234567890",
        code=CODE,
        expires_at=expires,
        gateway="https://flowork.example.org",
        gateway_key="A" * 43,
        user="owner",
        link=link,
    )
    seen = PairingOffer(offer=made.offer, state=PairingState.OPEN, user="owner", role=UserRole.OWNER)
    signed = seen.model_copy(
        update={"state": PairingState.SIGNED, "device_name": "Firefox on Android", "address": "0x52908400098527886E0F7030069857D2E4169EE7"}
        | {"client": "203.0.113.7", "ingress": "tunnel"}
    )
    fake = agent({OfferPairing: made, ListPeople: People((), ()), LookAtOffer: seen, Withdraw: None})
    dialog = PairDialog(fake.bridge, say)
    dialog.show()
    settle(application)
    _save(dialog, out / f"pair-offered-{suffix}.png")
    fake.answers[LookAtOffer] = signed
    dialog.panel._look()  # noqa: SLF001 - what its timer does
    settle(application)
    _save(dialog, out / f"pair-digits-{suffix}.png")
    fake.answers[OfferPairing] = Trouble("The gateway does not answer", "Start it, then make a new code.")
    dialog.panel.begin()
    settle(application)
    _save(dialog, out / f"pair-error-{suffix}.png")
    dialog.close()


def _leaving(application: QApplication, out: Path, say: Words, suffix: str) -> None:
    dialog = LeaveDialog(say, RUNNING)
    dialog.show()
    settle(application)
    _save(dialog, out / f"leave-{suffix}.png")
    dialog.close()


def _endpoint(application: QApplication, out: Path, say: Words, suffix: str) -> None:
    for name, view in (("ready", READY), ("down", DOWN)):
        fake = agent()
        tab = EndpointTab(fake.bridge, say)
        tab.resize(820, 760)
        tab.show()
        tab.told(replace(RUNNING, endpoint=view))
        settle(application)
        _save(tab, out / f"endpoint-{name}-{suffix}.png")
        tab.close()
