"""The Engines tab: machines, members, versions; and every dialog of it, by keyboard."""

from typing import TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QLabel, QMessageBox

from app.bridge.acts.engines import (
    AddEngine,
    Enrolment,
    ListEngines,
    NewCode,
    PromoteRollout,
    PublishEngine,
    RevokeInstallation,
    RollBack,
    RotateInstallation,
    ShareEngine,
    StartRollout,
    UnshareEngine,
)
from app.bridge.acts.running import Drain, Resume
from app.ui.window.engine_dialogs import AddDialog, CodeDialog, PromoteDialog, RevokedDialog, RevokeDialog, RolloutDialog, ShareDialog
from app.ui.window.engines import EnginesTab
from app.words import Words
from contract.admin_engines import RevokeAnswer, Revoked
from contract.words import DrainState, Role
from tests.support import samples
from tests.support.fake_agent import FakeAgent, agent

D = TypeVar("D", bound=QDialog)


@pytest.fixture
def fake(qapp) -> FakeAgent:
    revoked = Revoked(installation="attic", last_used_at=None, instances=[], jobs_returned=2)
    done = {PublishEngine: None, UnshareEngine: None, RotateInstallation: None, ShareEngine: None, StartRollout: None, PromoteRollout: None}
    acts = {RevokeInstallation: RevokeAnswer(revoked=[revoked]), RollBack: None, Drain: None, Resume: None}
    made = agent({**samples.answers(), **done, **acts})
    made.tell(samples.busy())
    return made


@pytest.fixture
def tab(qtbot, fake: FakeAgent, english: Words) -> EnginesTab:
    made = EnginesTab(fake.bridge, english)
    qtbot.addWidget(made)
    made.resize(900, 900)
    made.show()
    made.wake()
    made.list.setCurrentRow(1)
    return made


def opened(tab: EnginesTab, kind: type[D]) -> D:
    return next(each for each in tab.findChildren(kind) if each.isVisible())


def test_an_engine_is_shown_with_machines_members_and_version(tab: EnginesTab):
    detail = tab.detail
    assert [detail.machines.item(row, 1).text() for row in range(3)] == ["↻ A new one is out", "! Does not take a new one", "✕ Revoked"]
    assert [detail.members.item(row, 1).text() for row in range(2)] == ["Runner", "Viewer"]
    assert detail._rollout.text().startswith("Version 1.5.0 is being tried with 10 % of the jobs")
    assert [detail._sides.item(row, 2).text() for row in range(2)] == ["22", "188"]


def test_nothing_can_be_done_to_a_machine_before_one_is_chosen(tab: EnginesTab):
    assert not tab.detail._revoke.isEnabled()
    assert not tab.detail._rotate.isEnabled()
    tab.detail.machines.selectRow(1)
    assert tab.detail._revoke.isEnabled()


def test_the_chosen_machine_stays_chosen_when_snapshots_come(tab: EnginesTab):
    tab.detail.machines.selectRow(1)
    tab.told(samples.busy())
    assert tab.detail.machines.chosen == "attic"


def test_tokens_are_rotated_of_one_machine_or_of_all(tab: EnginesTab, fake: FakeAgent):
    tab.detail.machines.selectRow(1)
    tab.detail._rotate.click()
    tab.detail._rotate_all.click()
    assert fake.of(RotateInstallation) == [RotateInstallation("lab", "attic"), RotateInstallation("lab", None)]
    assert len(fake.of(ListEngines)) == 3, "what is shown is asked for anew"


def test_drain_and_publish_turn_into_their_opposites(tab: EnginesTab, fake: FakeAgent):
    tab.detail._drain.click()
    tab.detail._publish.click()
    assert (fake.of(Drain), fake.of(PublishEngine)) == ([Drain("lab")], [PublishEngine("lab", public=False)])
    lab = samples.engine("lab", drain=DrainState.DRAIN)
    fake.tell(samples.busy().__class__(samples.busy().facts, samples.status(engines=[lab])))
    tab.told(fake.bridge.snapshot)
    assert tab.detail._drain.text() == "Take &jobs again"
    tab.detail._drain.click()
    assert fake.of(Resume) == [Resume("lab")]


def test_a_code_is_shown_once_with_the_command_to_type(qtbot, tab: EnginesTab, fake: FakeAgent):
    tab._add.click()
    form = opened(tab, AddDialog)
    qtbot.keyClick(form, Qt.Key.Key_Return)
    assert form.problem.text() == "Give it a name first."
    qtbot.keyClicks(form.name, "workbench")
    qtbot.keyClick(form.name, Qt.Key.Key_Return)
    assert fake.of(AddEngine) == [AddEngine("workbench", elsewhere=True)]
    shown = opened(tab, CodeDialog)
    words = [label.text() for label in shown.findChildren(QLabel)]
    assert "flowork engine --gateway https://flowork.example.org --enrol" in words
    assert "7KQ2-M9PD-4TXF-A1ZC" in words
    qtbot.keyClick(shown, Qt.Key.Key_Escape)
    assert not [label for label in tab.findChildren(QLabel) if "7KQ2" in label.text() and label.isVisible()]


def test_the_code_itself_is_in_no_repr():
    assert "7KQ2" not in repr(Enrolment("lab", "7KQ2-M9PD", "2026-11-27T09:45:00Z", None))


def test_one_more_machine_may_be_this_one(tab: EnginesTab, fake: FakeAgent):
    tab.detail.machine_wanted.emit()
    form = opened(tab, AddDialog)
    form.here.setChecked(True)
    form.yes.click()
    assert fake.of(NewCode) == [NewCode("lab", elsewhere=False)]


def test_what_the_gateway_refuses_is_said_in_the_form_and_can_be_mended(qtbot, tab: EnginesTab, fake: FakeAgent):
    fake.refuse(AddEngine, "The name is taken", "Choose another one.")
    tab._add.click()
    form = opened(tab, AddDialog)
    form.name.setText("lab")
    form.yes.click()
    assert form.isVisible()
    assert form.problem.text() == "The name is taken. Choose another one."
    assert form.yes.isEnabled()


def test_revoking_asks_whether_somebody_else_had_the_token_and_says_what_went(qtbot, tab: EnginesTab, fake: FakeAgent):
    tab.detail.machines.selectRow(1)
    tab.detail._revoke.click()
    form = opened(tab, RevokeDialog)
    form.compromised.setChecked(True)
    form.yes.click()
    assert fake.of(RevokeInstallation) == [RevokeInstallation("lab", "attic", compromised=True)]
    words = [label.text() for label in opened(tab, RevokedDialog).findChildren(QLabel)]
    assert "attic: its token is void; never used; 2 jobs went back to the queue." in words


def test_escape_leaves_everything_as_it_was(qtbot, tab: EnginesTab, fake: FakeAgent):
    tab.detail.machines.selectRow(1)
    tab.detail._revoke.click()
    form = opened(tab, RevokeDialog)
    qtbot.keyClick(form, Qt.Key.Key_Escape)
    assert fake.of(RevokeInstallation) == []


def test_an_engine_is_shared_with_a_user_who_is_not_the_owner(tab: EnginesTab, fake: FakeAgent):
    tab.detail.share_wanted.emit()
    form = opened(tab, ShareDialog)
    assert [form.users.itemText(place) for place in range(form.users.count())] == ["Budi", "Cho"]
    form.users.setCurrentIndex(1)
    form.ceiling.setValue(2)
    form.yes.click()
    assert fake.of(ShareEngine) == [ShareEngine("lab", "u-cho", Role.RUNNER, 2)]


def test_sharing_ends_after_a_question(tab: EnginesTab, fake: FakeAgent):
    tab.detail.members.selectRow(0)
    tab.detail._unshare.click()
    box = opened(tab, QMessageBox)
    assert box.text() == "Stop sharing lab with Budi?"
    next(button for button in box.buttons() if button.text() == "&Stop sharing").click()
    assert fake.of(UnshareEngine) == [UnshareEngine("lab", "u-budi")]


def test_a_version_is_tried_promoted_and_rolled_back(tab: EnginesTab, fake: FakeAgent):
    tab._rollout()
    form = opened(tab, RolloutDialog)
    form.version.setCurrentText("1.6.0")
    form.percent.setValue(25)
    form.yes.click()
    assert fake.of(StartRollout) == [StartRollout("lab", "1.6.0", 25)]
    tab.detail._promote.click()
    promote = opened(tab, PromoteDialog)
    promote.stop_old.setChecked(True)
    promote.yes.click()
    assert fake.of(PromoteRollout) == [PromoteRollout("lab", stop_old=True)]
    tab.detail._back.click()
    box = opened(tab, QMessageBox)
    next(button for button in box.buttons() if button.text() == "&Roll back").click()
    assert fake.of(RollBack) == [RollBack("lab")]


def test_a_code_can_be_copied(qtbot, tab: EnginesTab, english: Words):
    dialog = CodeDialog(tab, english, Enrolment("lab", "7KQ2", "2026-11-27T09:45:00Z", None))
    qtbot.addWidget(dialog)
    dialog.show()
    press = next(each for each in dialog.findChildren(type(tab._add)) if each.text() == "Copy co&de")
    press.click()
    assert QGuiApplication.clipboard().text() == "7KQ2"
