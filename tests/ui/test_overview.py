"""The Overview: charts with their twins, promises, engines."""

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from app.bridge.news import Attention
from app.ui.window.chart import Chart, Line, steps
from app.ui.window.overview import Overview
from app.words import Words
from tests.support import samples
from tests.support.fake_agent import FakeAgent, agent


@pytest.fixture
def page(qtbot, english: Words) -> tuple[Overview, FakeAgent]:
    fake = agent(samples.answers())
    fake.tell(samples.busy())
    made = Overview(fake.bridge, english)
    qtbot.addWidget(made)
    made.resize(1000, 1400)
    made.show()
    made.wake()
    return made, fake


def test_a_promise_says_in_words_whether_it_is_kept(page):
    overview, _fake = page
    card = overview.levels.cards["start_delay"]
    assert (card._value.text(), card._state.text(), card._more.text()) == ("12.4 ms", "✓ As promised", "Target 250 ms · p50 3.1 ms")
    overview.told(samples.warning())
    assert (card._value.text(), card._state.text()) == ("480 ms", "! Missed")
    overview.told(samples.fresh())
    assert (card._value.text(), card._state.text()) == ("–", "– Too little measured yet")


def test_a_charts_twin_holds_the_same_numbers_newest_first_and_is_copied_as_csv(qtbot, page):
    overview, _ = page
    card = overview.charts["workers"]
    qtbot.keyClick(card._switch, Qt.Key.Key_Space)
    assert card._table.isVisible()
    latest = samples.SECONDS[-1]
    assert card.model.rowCount() == 900
    assert card.model.data(card.model.index(0, 1)) == f"{latest.busy:.1f}"
    card._copy.click()
    lines = QGuiApplication.clipboard().text().strip().split("\n")
    assert lines[0] == 'time,"Busy","There are"'
    assert len(lines) == 901
    assert lines[-1].split(",")[1:] == [f"{latest.busy:g}", f"{latest.slots:g}"]
    qtbot.keyClick(card._switch, Qt.Key.Key_Space)
    assert card.chart.isVisible()


def test_the_place_in_a_table_stays_when_new_numbers_come(page):
    overview, _ = page
    card = overview.charts["depth"]
    card._switch.click()
    card._table.selectRow(40)
    card._table.verticalScrollBar().setValue(30)
    overview.told(replace(samples.busy(), seconds=samples.SECONDS[1:]))
    assert card._table.currentIndex().row() == 40
    assert card._table.verticalScrollBar().value() == 30


def test_a_chart_describes_itself_at_most_every_five_seconds(qtbot, english: Words):
    chart = Chart("Depth", str, english)
    qtbot.addWidget(chart)
    chart.plot([0.0, 1.0], (Line("Waiting", (1.0, 3.0)),), 900, 1)
    assert chart.accessibleName() == "Depth"
    assert chart.accessibleDescription() == "Waiting: now 3.0, highest 3.0."
    chart.plot([0.0, 1.0], (Line("Waiting", (1.0, 9.0)),), 900, 1)
    assert "now 3.0" in chart.accessibleDescription()


def test_the_arrow_keys_read_a_chart_point_by_point(qtbot, english: Words):
    chart = Chart("Depth", str, english)
    qtbot.addWidget(chart)
    chart.show()
    chart.plot([0.0, 1.0, 2.0], (Line("Waiting", (1.0, 2.0, 3.0)),), 900, 1)
    qtbot.keyClick(chart, Qt.Key.Key_Left)
    assert chart.accessibleDescription().endswith("2.0")
    qtbot.keyClick(chart, Qt.Key.Key_Home)
    assert chart.accessibleDescription().endswith("1.0")
    qtbot.keyClick(chart, Qt.Key.Key_Escape)
    assert chart._cursor is None


def test_where_nothing_was_measured_the_line_has_a_gap_and_no_peak_is_lost(qtbot, english: Words):
    chart = Chart("Delay", str, english)
    qtbot.addWidget(chart)
    chart.resize(300, 150)
    times = [float(at) for at in range(300)] + [float(at) for at in range(600, 900)]
    values = [1.0] * 600
    values[50] = 80.0
    chart.plot(times, (Line("p95", tuple(values)),), 900, 1)
    area = chart._area()
    pieces = chart._shape(chart._lines[0], area)
    assert len(pieces) == 2
    highest = min(point.y() for piece in pieces for point in piece.toList())
    assert highest == pytest.approx(area.bottom() - 80 / chart._top * area.height())


def test_the_usual_distance_of_points():
    assert steps([0.0, 1.0, 2.0, 60.0]) == 1.0
    assert steps([]) == 1.0


def test_the_day_is_asked_for_only_while_it_is_looked_at(page):
    overview, fake = page
    overview._whole_day.click()
    assert fake.attended[-1] == Attention(window=True, day=True)
    assert overview.charts["depth"].model.rowCount() == 0
    assert len(overview.charts["depth"]._given[0]) == 1440
    overview._quarter.click()
    assert fake.attended[-1] == Attention(window=True)


def test_the_same_points_are_not_drawn_again(page, monkeypatch):
    overview, _ = page
    drawn = []
    monkeypatch.setattr(overview, "_draw", drawn.append)
    overview.told(samples.busy())
    assert drawn == []


def test_an_engine_tells_its_workers_version_and_what_the_autoscaler_decided(page):
    overview, _ = page
    cells, below = overview.engines._cards[0]._rows[0]
    assert [cell.text() for cell in cells[1:3]] == ["✓ Up", "Version 1.4.0"]
    assert "from 5 to 8: 86 % busy and jobs wait 310 ms at p95" in below.text()
    assert "chosen between 1 and 16" in below.text()
    assert "canary" in overview.engines._cards[1]._rows[1][0][2].text()


def test_engines_and_instances_come_and_go(page):
    overview, _ = page
    overview.told(samples.warning())
    assert [card._state.text() for card in overview.engines._cards] == ["✓ Up", "! Down, and jobs wait"]
    overview.told(samples.STOPPED)
    assert overview.engines._cards == []
