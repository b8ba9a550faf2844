"""Engines on the Overview: health, workers, versions, and what the autoscaler last decided."""

from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QVBoxLayout, QWidget

from app.ui.style import GAP, SPACE, role
from app.ui.window.engine_words import decision, engine_state, instance_state, scaling, workers
from app.ui.window.parts import clear, column, label, put, recast, row, short_time, span
from app.words import Words
from contract.admin import EngineStatus, InstanceStatus

COLUMNS = 4


class EngineCard(QFrame):
    """One engine with its instances. Labels are made when instances come or go, not at every look."""

    def __init__(self, say: Words) -> None:
        super().__init__()
        self._say = say
        self._name = label("", "heading", select=True)
        self._state = label("")
        self._work = label("", "quiet")
        self._delay = label("", "quiet")
        self._reason = label("", "bad", wrap=True)
        self._instances = QGridLayout()
        self._instances.setHorizontalSpacing(SPACE)
        self._instances.setVerticalSpacing(4)
        self._instances.setColumnStretch(COLUMNS - 1, 1)
        self._known: tuple[str, ...] | None = None
        self._rows: list[tuple[list[QLabel], QLabel]] = []
        role(self, "card")
        head = row(self._name, self._state, 1, self._work)
        self.setLayout(column(head, self._delay, self._reason, self._instances, gap=GAP, margin=SPACE))

    def tell(self, engine: EngineStatus) -> None:
        """Show how it is."""
        say = self._say
        put(self._name, engine.name)
        words, kind = engine_state(engine, say)
        put(self._state, words)
        recast(self._state, kind)
        slots = sum(instance.slots for instance in engine.instances if instance.state != "silent")
        put(self._work, f"{workers(engine.running, slots, say)} · {_waiting(engine, say)}")
        put(self._delay, _delays(engine, say))
        put(self._reason, engine.reason or "")
        self._reason.setVisible(bool(engine.reason))
        self.setAccessibleName(f"{engine.name}. {words}. {self._work.text()}")
        ids = tuple(instance.instance for instance in engine.instances)
        if ids != self._known:
            self._known = ids
            self._lay_out(len(ids))
        for instance, (cells, below) in zip(engine.instances, self._rows, strict=True):
            self._tell_instance(instance, cells, below)

    def _lay_out(self, count: int) -> None:
        clear(self._instances)
        self._rows = []
        for number in range(count):
            cells = [label("", "mono", select=True), label(""), label("", "quiet"), label("", "quiet")]
            below = label("", "quiet", wrap=True)
            for at, cell in enumerate(cells):
                self._instances.addWidget(cell, 2 * number, at)
            self._instances.addWidget(below, 2 * number + 1, 0, 1, COLUMNS)
            self._rows.append((cells, below))
        if not count:
            self._instances.addWidget(label(self._say("No machine serves it just now."), "quiet"), 0, 0, 1, COLUMNS)

    def _tell_instance(self, instance: InstanceStatus, cells: list[QLabel], below: QLabel) -> None:
        say = self._say
        words, kind = instance_state(instance, say)
        version = say("Version {version}", version=instance.version)
        if instance.canary:
            version = say("Version {version}, canary", version=instance.version)
        heard = say("heard {time} ago", time=span(instance.seconds_since_seen, say))
        put(cells[0], instance.instance[:8])
        put(cells[1], words)
        recast(cells[1], kind)
        put(cells[2], version)
        put(cells[3], f"{workers(instance.busy, instance.slots, say)} · {heard}")
        told = instance.scaling
        text = ""
        if told is not None:
            at = short_time(told.change.at) if told.change is not None else ""
            text = "\n".join(part for part in (scaling(instance.slots, told, say), decision(told, say, at)) if part)
        put(below, text)
        below.setVisible(bool(text))


class EngineCards(QWidget):
    """All engines, below each other."""

    def __init__(self, say: Words) -> None:
        super().__init__()
        self._say = say
        self._cards: list[EngineCard] = []
        self._none = label(say("No engine yet. The gateway makes one when it starts."), "quiet", wrap=True)
        self._column = QVBoxLayout()
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(GAP)
        self._column.addWidget(self._none)
        self.setLayout(self._column)

    def tell(self, engines: list[EngineStatus]) -> None:
        """Show them."""
        while len(self._cards) > len(engines):
            gone = self._cards.pop()
            gone.hide()
            gone.deleteLater()
        while len(self._cards) < len(engines):
            made = EngineCard(self._say)
            self._cards.append(made)
            self._column.addWidget(made)
        self._none.setVisible(not engines)
        for card, engine in zip(self._cards, engines, strict=True):
            card.tell(engine)


def _waiting(engine: EngineStatus, say: Words) -> str:
    waiting = say.count("{number} job waits", "{number} jobs wait", engine.queued)
    if not engine.scheduled:
        return waiting
    return waiting + " · " + say.count("{number} scheduled", "{number} scheduled", engine.scheduled)


def _delays(engine: EngineStatus, say: Words) -> str:
    told = engine.start_delay_ms
    if told.p50 is None:
        return say("Start delay: no job in the last 15 minutes.")
    return say(
        "Start delay: p50 {p50} · p95 {p95} · p99 {p99}",
        p50=say.milliseconds(told.p50),
        p95=say.milliseconds(told.p95),
        p99=say.milliseconds(told.p99),
    )
