"""The Overview: how Flowork is, the promises, what happens just now, and the engines."""

from datetime import datetime

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QWidget

from app.bridge.news import Attention, Snapshot
from app.bridge.qt import Bridge
from app.ui.style import MARGIN, SPACE
from app.ui.window.banner import Banner
from app.ui.window.chart import Line
from app.ui.window.chart_card import ChartCard
from app.ui.window.engine_cards import EngineCards
from app.ui.window.flow_grid import FlowGrid
from app.ui.window.levels import LevelCards
from app.ui.window.parts import Page, button, column, label, row, scrolled
from app.words import Words
from contract.levels import PointView

QUARTER_S, DAY_S, MINUTE_S = 900.0, 86_400.0, 60.0


class Overview(Page):
    """The first tab."""

    fix_wanted = Signal(object)
    """A `Fix`."""

    def __init__(self, bridge: Bridge, say: Words) -> None:
        super().__init__(bridge, say)
        self.day = False
        self.banner = Banner(say)
        self.banner.fix_wanted.connect(self.fix_wanted)
        self.levels = LevelCards(say)
        self.engines = EngineCards(say)
        number = lambda value: say.number(value, 0 if value >= 10 or value == int(value) else 1)  # noqa: E731
        self.charts = {
            "depth": ChartCard(say("Jobs that wait"), number, say),
            "delay": ChartCard(say("Start delay"), say.milliseconds, say),
            "workers": ChartCard(say("Workers"), number, say),
            "ended": ChartCard(say("Jobs finished per second"), number, say),
            "errors": ChartCard(say("Errors"), number, say),
            "whole": ChartCard(say("From submit to end"), say.milliseconds, say),
        }
        self._drawn: tuple[PointView, ...] | None = None
        self._quarter = button(say("15 min"), lambda: self._over(day=False), "choice")
        self._whole_day = button(say("24 h"), lambda: self._over(day=True), "choice")
        spans = QButtonGroup(self)
        for each in (self._quarter, self._whole_day):
            each.setCheckable(True)
            spans.addButton(each)
        self._quarter.setChecked(True)
        self._quarter.setAccessibleName(say("Charts over the last 15 minutes"))
        self._whole_day.setAccessibleName(say("Charts over the last 24 hours"))
        inside = QWidget()
        inside.setLayout(
            column(
                self.banner,
                FlowGrid(list(self.levels.cards.values()), 210, 4),
                row(label(say("What happens"), "heading"), 1, self._quarter, self._whole_day),
                FlowGrid(list(self.charts.values()), 330, 3),
                label(say("Engines"), "heading"),
                self.engines,
                1,
                gap=SPACE,
                margin=MARGIN,
            )
        )
        self.setLayout(column(scrolled(inside), gap=0))

    def wake(self) -> None:
        """Show what is known."""
        self._drawn = None
        super().wake()

    def told(self, snapshot: Snapshot) -> None:
        """Show how everything is."""
        self.banner.tell(snapshot)
        status = snapshot.status
        self.levels.tell(None if status is None else status.levels)
        self.engines.tell([] if status is None else status.engines)
        points = snapshot.minutes if self.day else snapshot.seconds
        if points is not self._drawn:
            self._drawn = points
            self._draw(points)

    def attention(self) -> Attention:
        """What this page looks at."""
        return Attention(window=True, day=self.day)

    def _over(self, *, day: bool) -> None:
        self.day = day
        self._drawn = None
        self.charts["ended"].rename(self.say("Jobs finished per minute") if day else self.say("Jobs finished per second"))
        self.bridge.attend(self.attention())
        self.told(self.bridge.snapshot)

    def _draw(self, points: tuple[PointView, ...]) -> None:
        say, span = self.say, DAY_S if self.day else QUARTER_S
        times = [datetime.fromisoformat(point.at).timestamp() for point in points]
        lines = {
            "depth": (Line(say("Waiting"), tuple(float(point.depth) for point in points)),),
            "delay": (Line(say("p95"), tuple(point.start_delay_ms for point in points)),),
            "workers": (
                Line(say("Busy"), tuple(point.busy for point in points)),
                Line(say("There are"), tuple(point.slots for point in points)),
            ),
            "ended": (Line(say("Finished"), tuple(float(point.ended) for point in points)),),
            "errors": (Line(say("Errors"), tuple(float(point.errors) for point in points)),),
            "whole": (
                Line(say("p95"), tuple(point.end_to_end_ms for point in points)),
                Line(say("Expected wait"), tuple(point.wait_ms for point in points)),
            ),
        }
        for name, card in self.charts.items():
            card.plot(times, lines[name], span)
