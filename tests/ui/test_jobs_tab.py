"""The Jobs tab: pages merged by id, live, with selection and place kept; filters; what is done to a job."""

import pytest
from PySide6.QtCore import QModelIndex
from PySide6.QtWidgets import QMessageBox

from app.bridge.acts.jobs import CancelJob, DeleteJob, ListJobs, LookAtJob, RedriveJob
from app.ui.window.jobs import JobsTab
from app.ui.window.jobs_model import ROWS_MAX, JobsModel
from app.words import Words
from contract.admin_jobs import OwnedJob, OwnedJobPage
from contract.words import JobState
from tests.support import samples
from tests.support.fake_agent import FakeAgent, agent


class Gateway:
    """Jobs that the test changes."""

    def __init__(self, count: int) -> None:
        self.jobs = samples.jobs(count)
        self.newest = 100_000
        self.unavailable: list[str] = []

    def add(self, count: int, state: JobState = JobState.QUEUED) -> None:
        for _ in range(count):
            self.newest += 1
            self.jobs.insert(0, samples.job(self.newest, state))

    def change(self, job: str, **how) -> OwnedJob:
        at = next(place for place, each in enumerate(self.jobs) if each.id == job)
        self.jobs[at] = self.jobs[at].model_copy(update=how)
        return self.jobs[at]

    def page(self, act: ListJobs) -> OwnedJobPage:
        kept = [job for job in self.jobs if not act.states or job.state in act.states]
        kept = [job for job in kept if act.engine in {None, job.engine} and (act.text is None or act.text in job.kind)]
        return samples.page(kept, act.limit, act.before).model_copy(update={"unavailable": self.unavailable})


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(1000)


@pytest.fixture
def fake(qapp, gateway: Gateway) -> FakeAgent:
    made = agent(
        {
            ListJobs: gateway.page,
            LookAtJob: lambda act: samples.detail(next(job for job in gateway.jobs if job.id == act.job)),
        }
    )
    made.tell(samples.busy())
    return made


@pytest.fixture
def tab(qtbot, fake: FakeAgent, english: Words) -> JobsTab:
    made = JobsTab(fake.bridge, english)
    qtbot.addWidget(made)
    made.resize(1000, 700)
    made.show()
    made.wake()
    return made


def shown(tab: JobsTab) -> list[str]:
    return [tab.model.job(row).id for row in range(tab.model.rowCount())]


def press(tab: JobsTab, words: str) -> None:
    """A button of the question that is open."""
    box = next(box for box in tab.findChildren(QMessageBox) if box.isVisible())
    next(button for button in box.buttons() if button.text() == words).click()


class TestModel:
    @pytest.fixture
    def model(self, qtbot, english: Words, qtmodeltester) -> JobsModel:
        made = JobsModel(english)
        qtmodeltester.check(made)
        return made

    def test_pages_add_up_to_the_whole_list(self, model: JobsModel):
        jobs, before = samples.jobs(450), None
        while True:
            page = samples.page(jobs, 200, before)
            model.merge(page, before)
            before = page.next
            if before is None:
                break
        assert [model.job(row) for row in range(model.rowCount())] == jobs
        assert not model.canFetchMore(QModelIndex())

    def test_new_changed_and_deleted_jobs_change_only_their_rows(self, model: JobsModel):
        jobs = samples.jobs(50)
        model.merge(samples.page(jobs), None)
        inserted, removed, changed = [], [], []
        model.rowsInserted.connect(lambda _, first, last: inserted.append((first, last)))
        model.rowsRemoved.connect(lambda _, first, last: removed.append((first, last)))
        model.dataChanged.connect(lambda first, last: changed.append((first.row(), last.row())))
        later = [samples.job(100_002), samples.job(100_001), *jobs]
        del later[20:23]
        later[10] = later[10].model_copy(update={"state": JobState.CANCELLED})
        model.merge(samples.page(later), None)
        assert [model.job(row) for row in range(model.rowCount())] == later
        assert (inserted, removed, changed) == ([(0, 1)], [(18, 20)], [(8, 8)])  # what is known changes before more comes in above

    def test_a_job_that_comes_late_between_others_finds_its_place(self, model: JobsModel):
        jobs = samples.jobs(30)
        late = jobs.pop(7)
        model.merge(samples.page(jobs), None)
        model.merge(samples.page(sorted([*jobs, late], key=lambda job: job.id.partition("_")[2], reverse=True)), None)
        assert model.row_of(late.id) == 7

    def test_it_does_not_grow_without_bound(self, model: JobsModel):
        jobs = samples.jobs(ROWS_MAX + 10, newest=100_000)
        model.merge(samples.page(jobs, len(jobs)), None)
        assert model.rowCount() == ROWS_MAX
        assert model.job(0) == jobs[0]
        assert model.canFetchMore(QModelIndex())


def test_scrolling_to_the_end_brings_older_jobs_until_there_are_none(tab: JobsTab, gateway: Gateway, qtbot):
    while tab.model.canFetchMore(QModelIndex()):
        before = tab.model.rowCount()
        tab.model.fetchMore(QModelIndex())
        assert tab.model.rowCount() > before
    assert shown(tab) == [job.id for job in gateway.jobs]


def test_new_jobs_come_in_above_while_selection_and_place_stay(qtbot, tab: JobsTab, gateway: Gateway):
    tab.table.selectRow(60)
    tab.table.scrollTo(tab.model.index(60, 0))
    top, chosen = tab.table.rowAt(0), tab.model.job(60).id
    assert top > 0
    gateway.add(7)
    tab._live()
    assert tab.model.rowCount() == 207
    qtbot.waitUntil(lambda: tab.table.rowAt(0) == top + 7)
    assert tab.model.job(tab.table.currentIndex().row()).id == chosen


def test_a_list_that_is_read_from_the_top_stays_at_the_top(qtbot, tab: JobsTab, gateway: Gateway):
    gateway.add(3)
    tab._live()
    assert tab.table.rowAt(0) == 0
    assert tab.model.job(0).id == gateway.jobs[0].id


def test_what_changes_far_below_is_seen_by_whoever_looks_there(qtbot, tab: JobsTab, gateway: Gateway):
    while tab.model.canFetchMore(QModelIndex()):
        tab.model.fetchMore(QModelIndex())
    qtbot.waitUntil(lambda: tab.table.verticalScrollBar().maximum() > 800)
    tab.table.scrollTo(tab.model.index(700, 0), tab.table.ScrollHint.PositionAtTop)
    gateway.jobs[705] = gateway.jobs[705].model_copy(update={"state": JobState.CANCELLED})
    del gateway.jobs[710]
    tab._live()
    assert tab.model.job(705).state is JobState.CANCELLED
    assert shown(tab) == [job.id for job in gateway.jobs]


@pytest.mark.parametrize(("new", "rows"), [(750, 950), (3000, 1200)])
def test_more_new_jobs_than_a_page_holds_are_followed_and_a_flood_begins_anew(tab: JobsTab, gateway: Gateway, new: int, rows: int):
    gateway.add(new)
    tab._live()
    assert tab.model.rowCount() == rows - (200 if new == 3000 else 0)
    assert shown(tab) == [job.id for job in gateway.jobs[: tab.model.rowCount()]]


def test_filters_are_asked_of_the_gateway(qtbot, tab: JobsTab, fake: FakeAgent, gateway: Gateway):
    tab.states.setCurrentIndex(tab.states.findText("Succeeded"))
    assert {tab.model.job(row).state for row in range(tab.model.rowCount())} == {JobState.SUCCEEDED}
    tab.engines.setCurrentIndex(tab.engines.findText("lab"))
    assert {tab.model.job(row).engine for row in range(tab.model.rowCount())} == {samples.LAB}
    tab.search.setText("chat")
    qtbot.waitUntil(lambda: fake.of(ListJobs)[-1] == ListJobs(samples.LAB, (JobState.SUCCEEDED,), "chat", None))
    tab.search.setText("nothing like that")
    qtbot.waitUntil(lambda: tab._notice.accessibleName() == "No job fits")
    tab._notice._button.click()
    assert not tab.filtered
    assert tab.model.rowCount() == 200


def test_an_answer_to_an_older_question_is_not_shown(qtbot, english: Words):
    fake = agent()
    fake.tell(samples.busy())
    tab = JobsTab(fake.bridge, english)
    qtbot.addWidget(tab)
    tab.show()
    tab.wake()
    tab.states.setCurrentIndex(1)
    first, second = [answered for _, answered in fake.waiting]
    second(samples.page(samples.jobs(2)))
    first(samples.page(samples.jobs(9)))
    assert tab.model.rowCount() == 2


def test_a_chosen_job_is_shown_with_everything_that_is_known(tab: JobsTab, gateway: Gateway):
    row = next(row for row in range(100) if tab.model.job(row).state is JobState.DEAD)
    tab.table.selectRow(row)
    job, detail = tab.model.job(row), tab.detail
    assert detail.isVisible()
    assert detail._trace.toolTip() == job.trace_id
    assert detail._error.text() == "provider.unreachable: The model server at 127.0.0.1:11434 did not answer."
    assert detail._attempts.rowCount() == 3
    assert "Selamat pagi!" in detail._output.shown
    assert "asked qwen3:8b" in detail._log.shown
    assert '"temperature": 0.2' in detail._payload.shown
    assert (detail._redrive.isVisible(), detail._delete.isVisible(), detail._cancel.isVisible()) == (True, True, False)


def test_output_that_grows_is_added_and_what_is_very_long_is_cut(qtbot, tab: JobsTab):
    text = tab.detail._output
    text.tell("one\n")
    text.tell("one\ntwo\n")
    assert text._box.toPlainText() == "one\ntwo\n"
    text.tell("x" * 1_000_000)
    assert len(text._box.toPlainText()) == 64_000
    assert text._cut.text()


def test_a_job_is_cancelled_only_after_a_question(tab: JobsTab, fake: FakeAgent, gateway: Gateway):
    fake.answers[CancelJob] = lambda act: gateway.change(act.job, cancel_requested=True)
    row = next(row for row in range(20) if tab.model.job(row).state is JobState.RUNNING)
    tab.table.selectRow(row)
    tab.detail._cancel.click()
    press(tab, "&Cancel")
    assert fake.of(CancelJob) == []
    tab.detail._cancel.click()
    press(tab, "&Cancel the job")
    assert fake.of(CancelJob) == [CancelJob(tab.model.job(row).id)]
    assert tab.model.data(tab.model.index(row, 0)).startswith("⤓ Cancelling")
    assert not tab.detail._cancel.isEnabled()


def test_a_dead_job_is_retried(tab: JobsTab, fake: FakeAgent, gateway: Gateway):
    fake.answers[RedriveJob] = lambda act: gateway.change(act.job, state=JobState.QUEUED, error=None)
    row = next(row for row in range(100) if tab.model.job(row).state is JobState.DEAD)
    tab.table.selectRow(row)
    tab.detail._redrive.click()
    press(tab, "&Retry")
    assert tab.model.job(row).state is JobState.QUEUED


def test_a_deleted_job_is_gone_from_the_list(tab: JobsTab, fake: FakeAgent):
    fake.answers[DeleteJob] = None
    tab.table.selectRow(30)
    job = tab.model.job(30).id
    tab.detail._delete.click()
    press(tab, "&Delete")
    assert tab.model.row_of(job) is None
    assert not tab.detail.isVisible()


def test_what_was_not_done_is_said(tab: JobsTab, fake: FakeAgent):
    fake.refuse(DeleteJob, "The job is running", "Cancel it first.")
    tab.table.selectRow(30)
    tab.detail._delete.click()
    press(tab, "&Delete")
    assert [box.text() for box in tab.findChildren(QMessageBox) if box.isVisible()] == ["The job is running"]


def test_a_queue_that_cannot_be_opened_is_named(tab: JobsTab, gateway: Gateway):
    gateway.unavailable = [samples.LAB]
    tab._live()
    assert tab._missing.text() == "The queue of lab cannot be opened; its jobs are not shown."


def test_when_the_gateway_starts_the_list_fills_by_itself(qtbot, gateway: Gateway, english: Words):
    fake = agent({ListJobs: gateway.page})
    fake.tell(samples.STOPPED)
    tab = JobsTab(fake.bridge, english)
    qtbot.addWidget(tab)
    tab.show()
    tab.wake()
    assert fake.asked == []
    tab.told(samples.busy())
    fake.tell(samples.busy())
    tab.told(fake.bridge.snapshot)
    tab.look()
    assert tab.model.rowCount() == 200
