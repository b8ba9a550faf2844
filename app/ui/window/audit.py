"""The Audit tab: who did what; is the record of it whole; a signed copy of it."""

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFileDialog, QFrame, QLineEdit, QStackedWidget

from app.bridge.acts import Trouble
from app.bridge.acts.audit import ExportAudit, Found, SearchAudit, VerifyAudit
from app.bridge.news import Snapshot
from app.bridge.qt import Bridge
from app.ui.style import GAP, MARGIN, SPACE, role
from app.ui.window.parts import Notice, Page, button, column, label, local_time, put, recast, row
from app.ui.window.rows import Rows
from app.words import Words
from contract.admin import AuditRecord, AuditVerdict

TYPED_MS = 300


class AuditTab(Page):
    """Asks when it is looked at, and when somebody looks for something."""

    def __init__(self, bridge: Bridge, say: Words) -> None:
        super().__init__(bridge, say)
        self._records: list[AuditRecord] = []
        self._before: int | None = None
        self._asked = 0
        self._loaded = False
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(TYPED_MS)
        self._typed.timeout.connect(self._begin_anew)
        self.search = QLineEdit()
        self.search.setPlaceholderText(say("Event, who, or what it was about"))
        self.search.setAccessibleName(say("Find records"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(lambda _: self._typed.start())
        self.rows = Rows(
            say("Records"), [say("No."), say("When"), say("Event"), say("Who"), say("About"), say("Detail")], [64, 150, 140, 110, 190]
        )
        self.verify = button(say("&Verify"), self._verify)
        self.export = button(say("&Export…"), self._choose_file)
        self._older = button(say("Load &older records"), lambda: self._ask(self._before))
        self._verdict = QFrame()
        role(self._verdict, "card")
        self._words = label("", wrap=True, select=True)
        self._verdict.setLayout(column(self._words, margin=12))
        self._verdict.hide()
        self._alarms = label("", "warning", wrap=True)
        self._alarms.hide()
        self._notice = Notice()
        self._stack = QStackedWidget()
        self._stack.addWidget(self._notice)
        self._stack.addWidget(self.rows)
        head = row(label(say("Audit"), "title"), 1, self.verify, self.export)
        made = column(head, self._alarms, self._verdict, self.search, self._stack, row(self._older, 1), gap=GAP, margin=MARGIN)
        made.setStretch(4, 1)
        made.setSpacing(SPACE - 4)
        self.setLayout(made)

    def rest(self) -> None:
        """Stop."""
        super().rest()
        self._typed.stop()

    def look(self) -> None:
        """Ask for the newest records."""
        if self.serves:
            self._begin_anew()

    def told(self, snapshot: Snapshot) -> None:
        """Show alarms; know whether there is anybody to ask."""
        alarms = snapshot.facts.alarms
        put(self._alarms, "\n".join(f"! {alarm}" for alarm in alarms))
        self._alarms.setVisible(bool(alarms))
        came = self.came(snapshot)
        for each in (self.verify, self.export):
            each.setEnabled(self.serves and not each.property("waits"))
        if not self.serves and not self._loaded:
            self._notice.offline(self.say, snapshot)
            self._older.hide()
        elif came and not self._loaded:
            self.look()

    # -- records --------------------------------------------------------------------------------------------------

    def _begin_anew(self) -> None:
        self._asked += 1
        self._records = []
        self._before = None
        if not self._loaded:
            self._notice.loading(self.say)
            self._older.hide()
        self._ask(None)

    def _ask(self, before: int | None) -> None:
        asked = self._asked

        def then(found: Found) -> None:
            if asked == self._asked:
                self._take(found)

        def failed(trouble: Trouble) -> None:
            if asked == self._asked and not self._loaded:
                self._notice.trouble(self.say, trouble, self.look)
                self._stack.setCurrentIndex(0)

        self.bridge.ask(self, SearchAudit(self.search.text().strip(), before), then, failed)

    def _take(self, found: Found) -> None:
        say, self._loaded = self.say, True
        self._records += found.records
        self._before = found.before
        self.rows.fill([(str(each.seq), _texts(each)) for each in self._records])
        self._older.setVisible(found.before is not None)
        self._stack.setCurrentIndex(1 if self._records else 0)
        if not self._records:
            self._notice.tell("○", say("No record fits"), say("Look for fewer letters, or load older records."))

    # -- acts -----------------------------------------------------------------------------------------------------

    def _verify(self) -> None:
        self._begin(self.verify)
        self._tell(self.say("Reading the whole log…"), "card")
        self.bridge.ask(self, VerifyAudit(), self._judged, lambda trouble: self._ended(self.verify, trouble))

    def _judged(self, told: AuditVerdict) -> None:
        say = self.say
        self._end(self.verify)
        if told.intact:
            words = say("✓ The log is whole: records {first} to {last} are as they were written.", first=told.first, last=told.last)
            witnesses = ", ".join(each.name for each in told.witnesses if each.state == "read")
            beside = say("Held against what is kept outside the file: {witnesses}.", witnesses=witnesses) if witnesses else ""
            self._tell(" ".join(part for part in (words, beside) if part), "card")
        else:
            words = say(
                "✕ The log is NOT whole from record {seq} on: {reason}. Keep a copy of the data folder and of its .witness folder now.",
                seq=told.broken_at,
                reason=told.reason,
            )
            self._tell(words, "bad")

    def _choose_file(self) -> None:
        dialog = QFileDialog(self, self.say("Export the audit log"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("jsonl")
        dialog.selectFile("flowork-audit.jsonl")
        dialog.fileSelected.connect(self.export_to)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def export_to(self, file: str) -> None:
        """Write the log there."""
        self._begin(self.export)
        self._tell(self.say("Writing…"), "card")

        def then(count: int) -> None:
            self._end(self.export)
            self._tell(
                self.say("✓ {size} KB were written to {file}. The last line is signed.", size=self.say.number(count / 1024), file=file),
                "card",
            )

        self.bridge.ask(self, ExportAudit(file), then, lambda trouble: self._ended(self.export, trouble))

    def _begin(self, pressed: object) -> None:
        for each in (self.verify, self.export):
            each.setProperty("waits", each is pressed)
            each.setEnabled(False)

    def _end(self, pressed: object) -> None:
        del pressed
        for each in (self.verify, self.export):
            each.setProperty("waits", False)
            each.setEnabled(self.serves)

    def _ended(self, pressed: object, trouble: Trouble) -> None:
        self._end(pressed)
        self._tell(f"✕ {trouble.title}. {trouble.detail}", "bad")

    def _tell(self, words: str, kind: str) -> None:
        put(self._words, words)
        recast(self._verdict, kind)
        self._verdict.setAccessibleName(words)
        self._verdict.show()


def _texts(record: AuditRecord) -> tuple[str, ...]:
    detail = " ".join(f"{name}={value}" for name, value in record.detail.items() if value)
    return str(record.seq), local_time(record.at), record.event, record.actor, record.target, detail
