"""The Jobs tab: everybody's jobs, live, with filters and a detail."""

from typing import Final

from PySide6.QtCore import QModelIndex, Qt, QTimer
from PySide6.QtWidgets import QComboBox, QLineEdit, QSplitter, QStackedWidget, QWidget

from app.bridge.acts import Act, Trouble
from app.bridge.acts.jobs import CancelJob, DeleteJob, ListJobs, LookAtJob, RedriveJob
from app.bridge.news import Snapshot
from app.bridge.qt import Bridge
from app.ui.style import GAP, MARGIN, SPACE
from app.ui.window.job_detail import JobDetail
from app.ui.window.jobs_model import JobsModel, is_newer
from app.ui.window.parts import Notice, Page, column, confirm, label, plain_table, put, row
from app.words import Words
from contract.admin_jobs import OwnedJob, OwnedJobDetail, OwnedJobPage
from contract.words import JobState

LIVE_MS: Final = 1000
TYPED_MS: Final = 250
CATCH_UP_PAGES: Final = 5
"""So many pages of new jobs are followed at one look; beyond them the list begins anew with the newest."""
WIDTHS: Final = (122, 76, 88, 78, 82, 80, 72)


class JobsTab(Page):
    """Asks once a second while somebody looks: for the newest page, and for the page that is in view."""

    def __init__(self, bridge: Bridge, say: Words) -> None:
        super().__init__(bridge, say)
        self.model = JobsModel(say)
        self.model.older_wanted.connect(lambda before: self._ask(before, older=True))
        self._waits = False
        self._loaded = False
        self._asked = 0
        self._timer = QTimer(self)
        self._timer.setInterval(LIVE_MS)
        self._timer.timeout.connect(self._live)
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(TYPED_MS)
        self._typed.timeout.connect(self._begin_anew)
        self._make_filters()
        self.table = plain_table(say("Jobs"))
        self.table.setModel(self.model)
        for place, width in enumerate(WIDTHS):
            self.table.setColumnWidth(place, width)
        self.table.selectionModel().currentRowChanged.connect(self._choose)
        self.model.rowsInserted.connect(self._stay)
        self.detail = JobDetail(say)
        self.detail.hide()
        self.detail.closed.connect(self._close_detail)
        self.detail.cancel_wanted.connect(self._ask_cancel)
        self.detail.redrive_wanted.connect(self._ask_redrive)
        self.detail.delete_wanted.connect(self._ask_delete)
        self._notice = Notice()
        self._stack = QStackedWidget()
        self._stack.addWidget(self._notice)
        self._stack.addWidget(self.table)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(SPACE)
        self._split.addWidget(self._stack)
        self._split.addWidget(self.detail)
        self._split.setStretchFactor(0, 3)
        self._split.setStretchFactor(1, 2)
        self._missing = label("", "warning", wrap=True)
        self._missing.hide()
        made = column(row(label(say("Jobs"), "title"), 1, self._count), self._filters, self._missing, self._split, gap=GAP, margin=MARGIN)
        made.setStretch(3, 1)
        self.setLayout(made)

    def _make_filters(self) -> None:
        say = self.say
        self.search = QLineEdit()
        self.search.setPlaceholderText(say("Kind, id, trace id or user"))
        self.search.setAccessibleName(say("Find jobs by kind, id, trace id or user"))
        self.search.setClearButtonEnabled(True)
        self.search.setMaxLength(100)
        self.search.textChanged.connect(lambda _: self._typed.start())
        self.states = QComboBox()
        self.states.setAccessibleName(say("State"))
        for text, states in (
            (say("All states"), ()),
            (say("Waiting or scheduled"), (JobState.QUEUED, JobState.SCHEDULED)),
            (say("Running"), (JobState.RUNNING,)),
            (say("Succeeded"), (JobState.SUCCEEDED,)),
            (say("Failed"), (JobState.DEAD,)),
            (say("Cancelled"), (JobState.CANCELLED,)),
            (say("Expired"), (JobState.EXPIRED,)),
        ):
            self.states.addItem(text, states)
        self.engines = QComboBox()
        self.engines.setAccessibleName(say("Engine"))
        self.engines.addItem(say("All engines"), None)
        for each in (self.states, self.engines):
            each.currentIndexChanged.connect(lambda _: self._begin_anew())
        self._count = label("", "quiet")
        self._filters = QWidget()
        beside = row(self.search, self.states, self.engines)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setStretch(0, 1)
        self._filters.setLayout(beside)

    # -- seen or not ----------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Go on."""
        super().wake()
        self._timer.start()

    def rest(self) -> None:
        """Stop."""
        super().rest()
        self._timer.stop()
        self._typed.stop()

    def look(self) -> None:
        """Ask for the newest."""
        if self.serves:
            if not self._loaded:
                self._notice.loading(self.say)
            self._ask(None)

    def told(self, snapshot: Snapshot) -> None:
        """Know the engines; know whether there is anybody to ask."""
        if snapshot.status is not None:
            names = {engine.id: engine.name for engine in snapshot.status.engines}
            self.model.name_engines(names)
            self._name_engines(names)
        came = self.came(snapshot)
        if not self.serves and not self._loaded:
            self._notice.offline(self.say, snapshot)
            self._stack.setCurrentWidget(self._notice)
        elif came:
            self.look()

    def _name_engines(self, names: dict[str, str]) -> None:
        known = {self.engines.itemData(place): self.engines.itemText(place) for place in range(1, self.engines.count())}
        if known == names:
            return
        chosen = self.engines.currentData()
        self.engines.blockSignals(True)
        while self.engines.count() > 1:
            self.engines.removeItem(1)
        for engine, name in names.items():
            self.engines.addItem(name, engine)
        self.engines.setCurrentIndex(max(0, self.engines.findData(chosen)))
        self.engines.blockSignals(False)

    # -- asking ---------------------------------------------------------------------------------------------------

    def _filter(self, before: str | None) -> ListJobs:
        text = self.search.text().strip()
        return ListJobs(self.engines.currentData(), tuple(self.states.currentData()), text or None, before)

    @property
    def filtered(self) -> bool:
        """Not all jobs are asked for."""
        return self._filter(None) != ListJobs()

    def _begin_anew(self) -> None:
        self._asked += 1
        self._waits = False
        self._loaded = False
        self.model.clear()
        self._close_detail()
        self._stack.setCurrentWidget(self._notice)
        self.look()

    def _live(self) -> None:
        if not self.serves or self._waits or not self._loaded:
            return
        self._ask(None)
        top = self.table.rowAt(0)
        above = self.model.job(top - 1) if top > 100 else None
        if above is not None:
            self._ask(above.id)
        if self.detail.job is not None and not self.detail.job.state.final:
            self._ask_detail(self.detail.job.id)

    def _ask(self, before: str | None, *, older: bool = False) -> None:
        """Ask for a page: the newest, one in view, or an older one."""
        asked = self._asked
        if before is None:
            self._waits = True
        newest = self.model.job(0) if before is None else None
        meet = None if newest is None else newest.id

        def then(page: OwnedJobPage) -> None:
            if asked == self._asked:
                self._take(page, before)
                if before is None:
                    self._follow(page, meet, 1)

        def failed(trouble: Trouble) -> None:
            if asked == self._asked:
                self._refused(trouble, older=older)

        self.bridge.ask(self, self._filter(before), then, failed)

    def _take(self, page: OwnedJobPage, before: str | None) -> None:
        self.model.merge(page, before)
        self._loaded = True
        self._missing.setVisible(bool(page.unavailable))
        names = ", ".join(self.model.engine_name(engine) for engine in page.unavailable)
        put(self._missing, self.say("The queue of {names} cannot be opened; its jobs are not shown.", names=names) if names else "")
        self._show_whatever_there_is()
        self._renew_detail()

    def _follow(self, page: OwnedJobPage, meet: str | None, pages: int) -> None:
        """Between the newest page and what was known there may be more new jobs than a page holds: go on until they meet."""
        self._waits = False
        if page.next is None or meet is None or not is_newer(page.next, meet):
            return
        if pages >= CATCH_UP_PAGES:
            self.model.forget_older_than(page.next)
            return
        asked, before, self._waits = self._asked, page.next, True

        def then(following: OwnedJobPage) -> None:
            if asked == self._asked:
                self._take(following, before)
                self._follow(following, meet, pages + 1)

        def failed(trouble: Trouble) -> None:
            if asked == self._asked:
                self.model.forget_older_than(before)
                self._refused(trouble, older=False)

        self.bridge.ask(self, self._filter(before), then, failed)

    def _refused(self, trouble: Trouble, *, older: bool) -> None:
        self._waits = False
        if older:
            self.model.refused()
        if not self._loaded:
            self._notice.trouble(self.say, trouble, self._begin_anew)
            self._stack.setCurrentWidget(self._notice)

    def _show_whatever_there_is(self) -> None:
        say, count = self.say, self.model.rowCount()
        put(self._count, say.count("{number} job loaded", "{number} jobs loaded", count) if count else "")
        if count:
            self._stack.setCurrentWidget(self.table)
            return
        if self.filtered:
            self._notice.tell("○", say("No job fits"), say("Change the filter, or take it away."), say("&All jobs"), self._unfilter)
        else:
            detail = say("Jobs that browsers, programs or the command line submit appear here.")
            self._notice.tell("○", say("No jobs yet"), detail)
        self._stack.setCurrentWidget(self._notice)

    def _unfilter(self) -> None:
        for each in (self.states, self.engines):
            each.blockSignals(True)
            each.setCurrentIndex(0)
            each.blockSignals(False)
        self.search.clear()
        self._begin_anew()

    def _stay(self, _: QModelIndex, first: int, last: int) -> None:
        """What comes in above does not move what is being read."""
        bar = self.table.verticalScrollBar()
        if bar.value() > 0 and first <= bar.value():
            value = bar.value() + last - first + 1
            QTimer.singleShot(0, self, lambda: bar.setValue(value))

    # -- the detail -----------------------------------------------------------------------------------------------

    def _choose(self, current: QModelIndex, _: QModelIndex) -> None:
        job = self.model.job(current.row()) if current.isValid() else None
        if job is None:
            return
        self.detail.tell(job, self.model.engine_name(job.engine))
        self.detail.show()
        self._ask_detail(job.id)

    def _renew_detail(self) -> None:
        """The job that is shown may have moved on."""
        shown = self.detail.job
        at = None if shown is None else self.model.row_of(shown.id)
        job = None if at is None else self.model.job(at)
        if shown is not None and job is not None and job != shown:
            self.detail.tell(job, self.model.engine_name(job.engine))
            self._ask_detail(job.id)

    def _ask_detail(self, job: str) -> None:
        self.bridge.ask(self, LookAtJob(job), self._take_detail, lambda _: None)

    def _take_detail(self, detail: OwnedJobDetail) -> None:
        self.model.put(OwnedJob.model_validate({name: getattr(detail, name) for name in OwnedJob.model_fields}))
        self.detail.tell_detail(detail)

    def _close_detail(self) -> None:
        self.detail.hide()
        self.detail.job = None
        self.table.clearSelection()
        self.table.setCurrentIndex(QModelIndex())

    # -- acts -----------------------------------------------------------------------------------------------------

    def _ask_cancel(self, job: str) -> None:
        say = self.say
        text = say("A job that runs is asked to stop; what it has done so far stays done.")
        confirm(self, say, say("Cancel this job?"), text, say("&Cancel the job"), lambda: self._do(CancelJob(job)))

    def _ask_redrive(self, job: str) -> None:
        say = self.say
        text = say("It begins anew with all its attempts. What it did outside Flowork before may happen again.")
        confirm(self, say, say("Retry this job?"), text, say("&Retry"), lambda: self._do(RedriveJob(job)))

    def _ask_delete(self, job: str) -> None:
        say = self.say
        text = say("Payload, result, output and log go with it. This cannot be undone.")
        confirm(self, say, say("Delete this job?"), text, say("&Delete"), lambda: self._delete(job))

    def _do(self, act: Act[OwnedJob]) -> None:
        def then(job: OwnedJob) -> None:
            self.model.put(job)
            self._renew_detail()

        self.bridge.ask(self, act, then, self.failed)

    def _delete(self, job: str) -> None:
        def then(_: None) -> None:
            self.model.drop(job)
            self._close_detail()
            self._show_whatever_there_is()

        self.bridge.ask(self, DeleteJob(job), then, self.failed)
