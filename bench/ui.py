"""How long the window holds up its event loop: 10,000 jobs in the table while snapshots and pages of jobs arrive.

Without a screen, in one process: the window, the real bridge, and a thread that sends what a desk thread would send. A heartbeat in
Qt's loop measures every block; a callback that takes 50 ms delays it by as much.
"""

import argparse
import gc
import os
import sys
import threading
import time
from dataclasses import replace
from typing import Any

from bench.common import spread, surroundings

ROWS, UPDATES_PER_S, EMITS, BEAT_MS = 10_000, 4, 2000, 2
BAR_MS = 50.0


def options(parser: argparse.ArgumentParser) -> None:
    """Of the command line."""
    parser.add_argument("--seconds", type=float, default=15.0, help="for each of the two tabs (default: %(default)s)")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """`worst_block_ms`, `updates_per_s`, `rows`, and what is behind them."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from PySide6.QtWidgets import QApplication

    from app.ui.style import dress
    from app.ui.window.dashboard import Dashboard
    from app.words import Language, speak

    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    dress(application)
    feed = _Feed()
    heart = _Heart(application)
    window = Dashboard(feed.bridge, speak(Language.ENGLISH))
    window.show()
    page: Any = window.page("jobs")
    window.show_tab("jobs")
    loaded_s = heart.until(lambda: _load_all(page), 60.0)
    rows = page.model.rowCount()
    page.table.scrollTo(page.model.index(rows // 2, 0))
    page.table.selectRow(rows // 2)
    sys.setswitchinterval(0.001)  # as app/wiring.py does
    gc.freeze()  # as app/services/host.py does once everything is built
    heart.begin()
    feed.start()
    told, tabs = {}, {}
    for tab in ("jobs", "overview"):
        window.show_tab(tab)
        heart.begin()
        before, begun = feed.sent, time.monotonic()
        heart.run(arguments.seconds)
        told[tab] = (feed.sent - before) / (time.monotonic() - begun)
        tabs[tab] = heart.blocks()
    feed.stop()
    heart.run(0.3)
    emits = _emits(feed, heart)
    heart.begin()
    window.close()
    heart.run(1.0)
    worst = max(max(blocks) for blocks in tabs.values())
    return {
        "worst_block_ms": round(worst, 1),
        "updates_per_s": round(min(told.values()), 2),
        "rows": rows,
        "rows_after": page.model.rowCount(),
        "block_ms": {tab: {**spread(blocks), "max": round(max(blocks), 1)} for tab, blocks in tabs.items()},
        "load_s": round(loaded_s, 2),
        "emits": emits,
        "asked_while_closed": feed.asked_since_closed(),
        "bar_ms": BAR_MS,
        "within_bar": worst <= BAR_MS,
        "failed": emits["heard"] != EMITS or rows < ROWS,
        **surroundings({"seconds": arguments.seconds, "updates_per_s": UPDATES_PER_S}),
    }


def _load_all(page: Any) -> bool:
    """Scroll on until everything is there."""
    from PySide6.QtCore import QModelIndex

    page.model.fetchMore(QModelIndex())
    return bool(page.model.rowCount() >= ROWS)


def _emits(feed: "_Feed", heart: "_Heart") -> dict[str, Any]:
    """2,000 snapshots from another thread, as fast as they come: each is heard, and the program lives."""
    heard: list[object] = []
    feed.bridge.changed.connect(heard.append)
    sender = threading.Thread(target=feed.flood)
    begun = time.monotonic()
    sender.start()
    heart.until(lambda: len(heard) >= EMITS, 60.0)
    sender.join()
    return {"sent": EMITS, "heard": len(heard), "took_s": round(time.monotonic() - begun, 2)}


class _Heart:
    """A timer in Qt's loop, and how late each beat was."""

    def __init__(self, application: Any) -> None:
        from PySide6.QtCore import QTimer

        self._application = application
        self._late: list[float] = []
        self._last = 0.0
        self._timer = QTimer()
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def begin(self) -> None:
        self._late, self._last = [], 0.0

    def _beat(self) -> None:
        now = time.perf_counter()
        if self._last:
            self._late.append(max(0.0, 1000 * (now - self._last) - BEAT_MS))
        self._last = now

    def blocks(self) -> list[float]:
        return list(self._late)

    def run(self, seconds: float) -> None:
        """Let Qt's own loop run, as in the program."""
        from PySide6.QtCore import QTimer

        QTimer.singleShot(round(1000 * seconds), lambda: self._application.exit(0))  # quit() would close the window
        self._application.exec()

    def until(self, holds: Any, patience_s: float) -> float:
        begun = time.monotonic()
        while not holds():
            if time.monotonic() - begun > patience_s:
                raise TimeoutError
            self.run(0.02)
        return time.monotonic() - begun


class _Feed:
    """Answers as the desk thread does, from a thread of its own; jobs come in at the top and move on."""

    def __init__(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        from app.bridge.qt import Bridge
        from tests.support import samples

        self._samples = samples
        self._jobs = samples.jobs(ROWS)
        self._newest = 100_000
        self._answers = samples.answers(self._jobs)
        self._desk = ThreadPoolExecutor(1)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._lock = threading.Lock()
        self.sent = 0
        self._asked: list[Any] = []
        self._asked_until: int | None = None
        self.bridge = Bridge(self)
        self._snapshot = samples.busy()
        self.bridge.snapshot = self._snapshot
        self.send()

    def ask(self, act: Any, answered: Any) -> None:
        self._asked.append(act)
        self._desk.submit(self._answer, act, answered)

    def attend(self, attention: Any) -> None:
        self._asked_until = None if attention.window else len(self._asked)

    def asked_since_closed(self) -> int:
        return -1 if self._asked_until is None else len(self._asked) - self._asked_until

    def _answer(self, act: Any, answered: Any) -> None:
        with self._lock:
            answer = self._answers[type(act)]
            told = answer(act) if callable(answer) else answer
        answered(told)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(1 / UPDATES_PER_S):
            self._move_on()
            self.send()

    def flood(self) -> None:
        for _ in range(EMITS):
            self.send()

    def send(self) -> None:
        self.sent += 1
        points = self._snapshot.seconds[self.sent % 60 :]
        self.bridge.changed.emit(replace(self._snapshot, seconds=points))

    def _move_on(self) -> None:
        """Three new jobs, and every page a little different."""
        from contract.words import JobState

        with self._lock:
            for _ in range(3):
                self._newest += 1
                self._jobs.insert(0, self._samples.job(self._newest, JobState.RUNNING))
            for place in range(5, 5000, 97):
                changed = self._jobs[place].model_copy(update={"progress": self.sent % 100 / 100})
                self._jobs[place] = changed
