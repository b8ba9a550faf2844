"""One job: how it went, what went in and out, and what may be done about it."""

import json
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFormLayout, QLabel, QPlainTextEdit, QTabWidget, QWidget

from app.ui.style import GAP, SPACE, role
from app.ui.window.job_words import job_state, outcome, took
from app.ui.window.parts import button, column, copy, label, local_time, put, recast, row, short_time
from app.ui.window.rows import Rows
from app.words import Words
from contract.admin_jobs import OwnedJob, OwnedJobDetail
from contract.words import JobState

SHOWN_MAX = 64_000
"""Characters of a text that are laid out: a megabyte would hold up the window. Copying takes all of it."""


class Text(QWidget):
    """A text that grows; what is added is added, and who reads further up goes on reading there."""

    def __init__(self, name: str, nothing: str, say: Words) -> None:
        super().__init__()
        self._say = say
        self._whole = ""
        self._shown = ""
        self._box = QPlainTextEdit()
        self._box.setReadOnly(True)
        self._box.setAccessibleName(name)
        self._box.setPlaceholderText(nothing)
        self._box.setTabChangesFocus(True)
        role(self._box, "mono")
        self._cut = label("", "quiet", wrap=True)
        self._copy = button(say("C&opy"), lambda: copy(self._whole), "flat")
        self.setLayout(column(self._box, row(self._cut, 1, self._copy), gap=2))
        self.tell("")

    @property
    def shown(self) -> str:
        """What can be read."""
        return self._shown

    def tell(self, whole: str) -> None:
        """Show this, or its end."""
        self._whole = whole
        shown = whole[-SHOWN_MAX:]
        self._copy.setVisible(bool(whole))
        cut = len(whole) > SHOWN_MAX
        put(self._cut, self._say("Only the end is shown; Copy takes everything.") if cut else "")
        if shown == self._shown:
            return
        bar = self._box.verticalScrollBar()
        at, at_end = bar.value(), bar.value() == bar.maximum()
        if self._shown and shown.startswith(self._shown):
            cursor = self._box.textCursor()
            cursor.movePosition(cursor.MoveOperation.End)
            cursor.insertText(shown[len(self._shown) :])
        else:
            self._box.setPlainText(shown)
        self._shown = shown
        bar.setValue(bar.maximum() if at_end and at > 0 else at)


class JobDetail(QWidget):
    """Shows what is known from the list at once, and the rest when it has come."""

    cancel_wanted = Signal(str)
    redrive_wanted = Signal(str)
    delete_wanted = Signal(str)
    closed = Signal()

    def __init__(self, say: Words) -> None:
        super().__init__()
        self._say = say
        self.job: OwnedJob | None = None
        self._detail: OwnedJobDetail | None = None
        self._kind = label("", "heading", select=True)
        self._state = label("")
        self._error = label("", "bad", wrap=True, select=True)
        self._cancel = button(say("&Cancel job…"), lambda: self._want(self.cancel_wanted))
        self._redrive = button(say("&Retry…"), lambda: self._want(self.redrive_wanted))
        self._delete = button(say("&Delete…"), lambda: self._want(self.delete_wanted), "danger")
        self._close = button("✕", self.closed.emit, "flat")
        self._close.setAccessibleName(say("Close the detail"))
        self._facts = QFormLayout()
        self._facts.setHorizontalSpacing(SPACE)
        self._facts.setVerticalSpacing(4)
        self._facts.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        self._values: dict[str, QLabel] = {}
        for name, title in (
            ("engine", say("Engine")),
            ("user", say("User")),
            ("submitted", say("Submitted")),
            ("started", say("Started")),
            ("finished", say("Finished")),
            ("attempt", say("Attempts")),
            ("usage", say("Tokens")),
        ):
            self._fact(name, title)
        self._id = self._copied("id", say("Id"), say("Copy the job's id"))
        self._trace = self._copied("trace", say("Trace id"), say("Copy the trace id"))
        self._attempts = Rows(say("Attempts"), [say("Outcome"), say("Began"), say("Waited"), say("Took")], [132, 74, 74])
        self._output = Text(say("Output"), say("It wrote no output."), say)
        self._log = Text(say("Log"), say("It logged nothing."), say)
        self._payload = Text(say("Payload"), say("It has no payload."), say)
        self._result = Text(say("Result"), say("There is no result."), say)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self._attempts, say("Attempts"))
        self.tabs.addTab(self._output, say("Output"))
        self.tabs.addTab(self._log, say("Log"))
        self.tabs.addTab(self._payload, say("Payload"))
        self.tabs.addTab(self._result, say("Result"))
        head = row(self._kind, self._state, 1, self._close)
        made = column(head, self._error, self._facts, row(self._cancel, self._redrive, self._delete, 1), self.tabs, gap=GAP)
        made.setStretch(4, 1)
        self.setLayout(made)

    def _fact(self, name: str, title: str) -> None:
        value = label("", select=True, wrap=True)
        self._values[name] = value
        self._facts.addRow(label(title, "quiet"), value)

    def _copied(self, name: str, title: str, help_text: str) -> QLabel:
        value = label("", "mono", select=True)
        value.setMinimumWidth(60)
        press = button(self._say("Copy"), lambda: copy(value.toolTip()), "flat")
        press.setAccessibleName(help_text)
        beside = row(value, press)
        beside.setStretch(0, 1)
        holder = QWidget()
        beside.setContentsMargins(0, 0, 0, 0)
        holder.setLayout(beside)
        self._facts.addRow(label(title, "quiet"), holder)
        self._values[name] = value
        return value

    def tell(self, job: OwnedJob, engine: str) -> None:
        """Show what the list knows of a job; of another one, what only the detail knows is taken away first."""
        if self.job is None or self.job.id != job.id:
            self._detail = None
            self._bodies(None)
        self.job = job
        say = self._say
        words, kind = job_state(job.state, say, cancel_requested=job.cancel_requested)
        put(self._kind, job.kind)
        put(self._state, words)
        recast(self._state, kind if kind != "accent" else "")
        put(self._error, "" if job.error is None else f"{job.error.code}: {job.error.message}")
        self._error.setVisible(job.error is not None)
        for name, text in {
            "engine": engine,
            "user": job.user_name,
            "submitted": local_time(job.submitted_at),
            "started": local_time(job.started_at),
            "finished": f"{local_time(job.finished_at)} ({took(job, say)})" if job.finished_at else local_time(None),
            "attempt": say("{attempt} of {most}", attempt=job.attempt, most=job.max_attempts),
        }.items():
            put(self._values[name], text)
        for shown, whole in ((self._id, job.id), (self._trace, job.trace_id)):
            put(shown, f"{whole[:8]}…{whole[-12:]}")
            shown.setToolTip(whole)
        self._cancel.setVisible(not job.state.final)
        self._cancel.setEnabled(not job.cancel_requested)
        self._redrive.setVisible(job.state is JobState.DEAD)
        self._delete.setVisible(job.state.final)
        self.setAccessibleName(f"{job.kind}. {words}")

    def tell_detail(self, detail: OwnedJobDetail) -> None:
        """Show what only the detail knows."""
        if self.job is not None and self.job.id == detail.id:
            self._detail = detail
            self._bodies(detail)

    def _bodies(self, detail: OwnedJobDetail | None) -> None:
        say = self._say
        usage = None if detail is None else detail.usage
        put(
            self._values["usage"],
            "\N{EN DASH}" if usage is None else say("{taken} in, {given} out", taken=usage.input_tokens, given=usage.output_tokens),
        )
        self._facts.setRowVisible(self._values["usage"], usage is not None)
        self._output.tell("" if detail is None or detail.output is None else detail.output.text)
        lines = [] if detail is None else detail.log
        self._log.tell("\n".join(f"{short_time(line.at)}  {line.level:<7}  {line.message}" for line in lines))
        self._payload.tell("" if detail is None or detail.payload is None else _pretty(detail.payload))
        self._result.tell("" if detail is None or detail.result is None else _pretty(detail.result))
        attempts = [] if detail is None else detail.attempts
        rows = []
        for each in attempts:
            ended = outcome(each.outcome, say) + (f" ({each.code})" if each.code else "")
            times = (short_time(each.claimed_at), say.milliseconds(each.waited_ms), say.milliseconds(each.took_ms))
            rows.append((str(each.delivery), (ended, *times)))
        self._attempts.fill(rows)

    def _want(self, signal: Any) -> None:
        if self.job is not None:
            signal.emit(self.job.id)


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
