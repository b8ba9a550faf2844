"""What the tray, the window and other starts ask for is asked of the agent once, and answered where somebody looks."""

from dataclasses import replace

import pytest
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QDialog, QMessageBox, QPushButton

from app.bridge.acts import Trouble
from app.bridge.acts.people import ListPeople
from app.bridge.acts.rotation import RotateSigningKeys, RotateTokens, Rotating
from app.bridge.acts.running import Drain, Resume, SetPaused, SetWorkers, Start, Stop, Stopped, Unlock
from app.bridge.acts.settings import ChangeSetting
from app.bridge.acts.setup import AutostartView, LookAtAutostart, NeedsSetup, SetAutostart
from app.bridge.acts.telling import Tell
from app.bridge.news import Question, Request, Snapshot
from app.rules.condition import Facts, Fix, Service
from app.ui.shell import Shell, Windows
from app.ui.tray import Tray, Want
from app.ui.window.dashboard import Dashboard
from app.words import Words
from contract.admin import SigningKeyList
from contract.local import LocalView
from tests.support.fake_agent import FakeAgent

LOCAL = LocalView(id="aaaa", name="home", slots=4, busy=0, automatic=True, slots_max=16, paused=None)
RUNNING = Snapshot(Facts(Service.RUNNING), local=LOCAL)
BUSY = replace(RUNNING, facts=Facts(Service.RUNNING, running=2))


class Host(QObject):
    """A place for tray icons that comes and goes."""

    appeared, gone = Signal(), Signal()

    def __init__(self, *, here: bool) -> None:
        super().__init__()
        self.here = here


@pytest.fixture
def shell(fake: FakeAgent, english: Words, qtbot) -> Shell:
    fake.answers |= {
        Tell: None,
        Start: None,
        Stop: Stopped(0),
        Drain: None,
        Resume: None,
        SetPaused: LOCAL,
        SetWorkers: LOCAL,
        RotateTokens: Rotating((("home", "local"),)),
        RotateSigningKeys: SigningKeyList(keys=[]),
        Unlock: "The keyring is open.",
        ListPeople: Trouble("No", ""),
        ChangeSetting: None,
    }
    windows = Windows(lambda: Dashboard(fake.bridge, english), QDialog, QDialog)
    made = Shell(fake.bridge, english, Tray(english, "colour", settle_ms=0), windows)
    yield made
    if made.window is not None:
        made._on_close = "keep"
        made.window.close()


def told(fake: FakeAgent) -> list[str]:
    return [act.title for act in fake.of(Tell)]


def press(dialog: QDialog, label: str, qtbot) -> None:
    button = next(each for each in dialog.findChildren(QPushButton) if each.text().replace("&", "") == label)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.mark.parametrize(
    ("want", "act", "says"),
    [
        (Want.START, Start(), "Flowork serves"),
        (Want.STOP, Stop(), "Stopped"),
        (Want.DRAIN, Drain(), "Draining"),
        (Want.RESUME, Resume(), "Resumed"),
        (Want.PAUSE, SetPaused(paused=True), "Paused"),
        (Want.UNPAUSE, SetPaused(paused=False), "Going on"),
        (Want.ROTATE_ALL, RotateTokens(), "Rotating tokens"),
    ],
)
def test_a_row_asks_once_and_says_what_it_did(shell: Shell, fake: FakeAgent, want: Want, act: object, says: str):
    shell.want(want)
    assert [asked for asked in fake.asked if not isinstance(asked, Tell)] == [act]
    assert told(fake) == [says]


def test_an_answer_is_told_in_the_window_while_somebody_looks_at_it(shell: Shell, fake: FakeAgent):
    window = shell.open()
    shell.want(Want.DRAIN)
    assert told(fake) == []
    assert window.statusBar().currentMessage().startswith("Draining.")


def test_what_was_not_done_says_why(shell: Shell, fake: FakeAgent):
    fake.refuse(Drain, "The gateway does not answer", "Start it.")
    shell.want(Want.DRAIN)
    box = shell._dialogs["trouble"]
    assert isinstance(box, QMessageBox)
    assert (box.text(), box.informativeText()) == ("The gateway does not answer", "Start it.")
    box.reject()


@pytest.mark.parametrize(("fix", "act"), [(Fix.UNLOCK, Unlock()), (Fix.START, Start()), (Fix.RESUME, Resume())])
def test_a_fix_is_done(shell: Shell, fake: FakeAgent, fix: Fix, act: object):
    shell.fix(fix)
    assert act in fake.asked


def test_a_fix_that_is_a_place_turns_the_window_there(shell: Shell):
    shell.fix(Fix.SHOW_AUDIT)
    assert shell.window is not None
    assert shell.window.current is shell.window.page("audit")


def test_other_starts_ask_by_requests(shell: Shell, fake: FakeAgent, qtbot):
    fake.bridge.requested.emit(Request("drain"))
    fake.bridge.requested.emit(Request("open"))
    assert Drain() in fake.asked
    assert shell.window is not None
    assert shell.window.isVisible()
    with qtbot.waitSignal(shell.ended):
        fake.bridge.requested.emit(Request("quit"))
    assert fake.of(Stop) == [Stop()]


def test_quitting_without_jobs_asks_nothing(shell: Shell, fake: FakeAgent, qtbot):
    fake.tell(RUNNING)
    with qtbot.waitSignal(shell.ended):
        shell.want(Want.QUIT)


def test_quitting_with_jobs_asks_first_and_cancel_stays(shell: Shell, fake: FakeAgent, qtbot):
    fake.tell(BUSY)
    shell.want(Want.QUIT)
    assert shell._leave is not None
    assert shell._leave._title.text() == "2 jobs are running"
    press(shell._leave, "Cancel", qtbot)
    assert not fake.of(Stop)
    assert not shell._leave.isVisible()


def test_finishing_shows_how_far_it_is_and_can_still_be_hurried(shell: Shell, fake: FakeAgent, qtbot):
    del fake.answers[Stop]
    fake.tell(BUSY)
    shell.want(Want.QUIT)
    press(shell._leave, "Finish, then quit", qtbot)
    fake.tell(replace(BUSY, facts=Facts(Service.STOPPING, running=1)))
    assert shell._leave._title.text() == "Finishing 1 job…"
    press(shell._leave, "Give back and quit now", qtbot)
    assert fake.of(Stop) == [Stop(), Stop(hurry=True)]
    with qtbot.waitSignal(shell.ended):
        fake.answer(Stop, Stopped(1))


def test_signals_finish_then_give_back_then_go(shell: Shell, fake: FakeAgent, qtbot):
    del fake.answers[Stop]
    shell.told_to_end()
    shell.told_to_end()
    assert fake.of(Stop) == [Stop(), Stop(hurry=True)]
    with qtbot.waitSignal(shell.given_up):
        shell.told_to_end()


def test_closing_the_window_asks_and_keeps_what_was_said(shell: Shell, fake: FakeAgent, qtbot):
    window = shell.open()
    window.close()
    assert window.isVisible()
    box = shell._dialogs["closing"]
    box.checkBox().setChecked(True)
    press(box, "Keep running", qtbot)
    assert not window.isVisible()
    assert fake.of(ChangeSetting) == [ChangeSetting("desktop", "on_close", "keep")]
    assert told(fake) == ["Flowork keeps running"]
    shell.open().close()
    assert told(fake) == ["Flowork keeps running"]
    assert not fake.of(Stop)


def test_closing_may_mean_quitting(shell: Shell, fake: FakeAgent, qtbot):
    shell._on_close = "quit"
    fake.tell(RUNNING)
    window = shell.open()
    with qtbot.waitSignal(shell.ended):
        window.close()


def test_signing_keys_are_rotated_only_when_it_is_confirmed(shell: Shell, fake: FakeAgent, qtbot):
    shell.want(Want.ROTATE_KEYS)
    press(shell._dialogs["keys"], "Cancel", qtbot)
    assert not fake.of(RotateSigningKeys)
    qtbot.waitUntil(lambda: "keys" not in shell._dialogs)
    shell.want(Want.ROTATE_KEYS)
    press(shell._dialogs["keys"], "End every token", qtbot)
    assert fake.of(RotateSigningKeys) == [RotateSigningKeys(compromised=True)]


def test_a_passphrase_goes_to_whoever_asked_and_cancel_says_so(shell: Shell, fake: FakeAgent):
    answers: list[str | None] = []
    fake.bridge.asked.emit(Question("Passphrase:", answers.append))
    dialog = shell._dialogs["question"]
    dialog.setTextValue("secret")
    dialog.accept()
    assert answers == ["secret"]
    fake.bridge.asked.emit(Question("Passphrase:", answers.append))
    shell._dialogs["question"].reject()
    assert answers == ["secret", None]


def test_without_a_place_for_icons_the_window_opens_and_says_why(shell: Shell, qtbot):
    host = Host(here=False)
    host.appeared.connect(shell.host_came)
    shell.expect_host(comes_ms=0)
    qtbot.waitUntil(lambda: shell.window is not None and shell.window.isVisible())
    assert "no tray icons" in shell.window.statusBar().currentMessage()
    host.appeared.emit()
    assert shell.tray.icon is not None


def test_a_place_for_icons_that_is_there_needs_no_window(shell: Shell, qtbot):
    host = Host(here=True)
    shell.look_after(host)
    first = shell.tray.icon
    assert first is not None
    host.gone.emit()
    host.appeared.emit()
    assert shell.tray.icon is not first
    assert shell.window is None


def test_the_first_run_leads_through_and_later_ones_do_not(shell: Shell, fake: FakeAgent):
    fake.answers[NeedsSetup] = False
    shell.first_run()
    assert "wizard" not in shell._dialogs
    fake.answers[NeedsSetup] = True
    shell.first_run()
    assert shell._dialogs["wizard"].isVisible()
    shell._dialogs["wizard"].reject()


def test_starting_at_login_is_shown_and_changed_in_the_menu(shell: Shell, fake: FakeAgent):
    fake.answers |= {LookAtAutostart: AutostartView("off", "x"), SetAutostart: lambda act: AutostartView("on" if act.on else "off", "x")}
    shell.follow_autostart()
    row = shell.tray._autostart
    assert (row.isChecked(), row.isEnabled()) == (False, True)
    row.trigger()
    assert fake.of(SetAutostart) == [SetAutostart(on=True)]
    assert row.isChecked()


def test_somebody_elses_entry_is_left_alone(shell: Shell, fake: FakeAgent):
    fake.answers[LookAtAutostart] = AutostartView("foreign", "x")
    shell.follow_autostart()
    assert not shell.tray._autostart.isEnabled()


def test_two_thousand_snapshots_do_no_harm(shell: Shell, fake: FakeAgent):
    """PySide6 6.12 on Python 3.11 ends the process after some 600 emits; the lock keeps it out, this would tell."""
    for number in range(2000):
        fake.tell(BUSY if number % 2 else RUNNING)
    assert shell.tray._shown is not None
