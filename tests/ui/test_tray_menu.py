"""The menu of the tray icon: which rows there are in which state, and what they ask for."""

from dataclasses import replace

import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from app.bridge.news import Snapshot
from app.rules.condition import Facts, Fix, Pause, Secrets, Service
from app.ui.tray import Tray, Want, endpoint_line
from app.words import Words
from contract.endpoint import EndpointKind, EndpointState, EndpointView
from contract.local import LocalView

LOCAL = LocalView(id="aaaa", name="home", slots=4, busy=0, automatic=True, slots_max=16, paused=None)
RUNNING = Snapshot(Facts(Service.RUNNING, p95_ms=3.0), local=LOCAL)


def rows(menu: QMenu) -> list[str]:
    """What a person sees."""
    return [row.text().replace("&", "") for row in menu.actions() if row.isVisible() and not row.isSeparator()]


def row(menu: QMenu, label: str) -> QAction:
    return next(row for row in menu.actions() if row.text().replace("&", "").startswith(label))


@pytest.fixture
def tray(qapp, english: Words) -> Tray:
    return Tray(english, "colour", settle_ms=0)


def test_the_first_row_opens_flowork_and_the_second_says_how_it_is(tray: Tray, qtbot):
    tray.show_snapshot(RUNNING)
    assert rows(tray.menu)[:2] == ["Open Flowork", "Ready · no jobs · p95 3.0 ms"]
    with qtbot.waitSignal(tray.wanted, check_params_cb=lambda want: want is Want.OPEN):
        row(tray.menu, "Open Flowork").trigger()


@pytest.mark.parametrize(
    ("facts", "there", "gone"),
    [
        (Facts(), {"Start"}, {"Stop", "Drain: take no new jobs", "Pause this machine's engine"}),
        (
            Facts(Service.RUNNING),
            {"Stop", "Drain: take no new jobs", "Pause this machine's engine"},
            {"Start", "Resume: take jobs again", "Go on"},
        ),
        (Facts(Service.RUNNING, draining=True), {"Resume: take jobs again"}, {"Drain: take no new jobs"}),
        (Facts(Service.RUNNING, paused=Pause.ASKED), {"Go on"}, {"Pause this machine's engine"}),
        (Facts(Service.FAILED, "It failed."), {"Start", "It failed."}, {"Stop"}),
        (Facts(Service.RUNNING, secrets=Secrets.LOCKED), {"Unlock…", "The keyring is locked"}, set()),
    ],
)
def test_rows_fit_the_state(tray: Tray, facts: Facts, there: set[str], gone: set[str]):
    tray.show_snapshot(replace(RUNNING, facts=facts))
    shown = set(rows(tray.menu))
    assert there <= shown
    assert not gone & shown


def test_a_warning_has_a_row_that_explains_it_and_one_that_mends_it(tray: Tray, qtbot):
    tray.show_snapshot(replace(RUNNING, facts=Facts(Service.RUNNING, engines_down=("lab",))))
    assert any(text.startswith("Jobs wait for lab") for text in rows(tray.menu))
    with qtbot.waitSignal(tray.fix_wanted, check_params_cb=lambda fix: fix is Fix.SHOW_ENGINES):
        row(tray.menu, "Show engines").trigger()


def test_workers_show_what_holds_and_ask_for_what_is_chosen(tray: Tray, qtbot):
    tray.show_snapshot(RUNNING)
    workers = row(tray.menu, "Workers").menu()
    assert rows(workers) == ["Automatic (now 4)", *map(str, range(1, 17))]
    assert row(workers, "Automatic").isChecked()
    with qtbot.waitSignal(tray.workers_wanted, check_params_cb=lambda number: number == 3):
        row(workers, "3").trigger()
    with qtbot.waitSignal(tray.workers_wanted, check_params_cb=lambda number: number is None):
        row(workers, "Automatic").trigger()
    tray.show_snapshot(replace(RUNNING, local=LOCAL.model_copy(update={"automatic": False, "slots": 2})))
    assert row(workers, "2").isChecked()


def test_many_workers_are_offered_in_steps(tray: Tray):
    tray.show_snapshot(replace(RUNNING, local=LOCAL.model_copy(update={"slots_max": 100})))
    assert rows(row(tray.menu, "Workers").menu())[1:] == ["1", "2", "4", "8", "16", "32", "64", "100"]


def test_an_ampersand_in_words_is_shown(tray: Tray):
    tray.show_snapshot(replace(RUNNING, facts=Facts(Service.FAILED, "R&D holds the port.")))
    assert any("R&&D" in action.text() for action in tray.menu.actions())


@pytest.mark.parametrize("state", list(EndpointState))
def test_every_state_of_the_endpoint_has_words(say: Words, state: EndpointState):
    view = EndpointView(kind=EndpointKind.QUICK, state=state, origin="https://a.example", next_try_s=3)
    assert endpoint_line(view, say)


def test_the_icon_does_not_flicker_between_idle_and_busy(qapp, english: Words, qtbot):
    tray = Tray(english, "colour", settle_ms=100)
    tray.show_snapshot(RUNNING)
    shown = tray._shown
    tray.show_snapshot(replace(RUNNING, facts=Facts(Service.RUNNING, running=1)))
    assert tray._shown == shown
    qtbot.waitUntil(lambda: tray._shown != shown)
    tray.show_snapshot(replace(RUNNING, facts=Facts(Service.FAILED, "x")))
    assert tray._shown[0].value == "error"


def test_a_row_is_touched_only_when_it_says_something_new(tray: Tray, qtbot):
    tray.show_snapshot(RUNNING)
    changed: list[str] = []
    for action in tray.menu.actions():
        action.changed.connect(lambda action=action: changed.append(action.text()))
    tray.show_snapshot(RUNNING)
    assert changed == []
