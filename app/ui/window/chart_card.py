"""A chart with its name and its twin: the same numbers as a table, to be read by keyboard and copied as CSV."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QFrame, QSizePolicy, QStackedLayout, QWidget

from app.ui.style import GAP, SPACE, role
from app.ui.window.chart import Chart, Line, steps
from app.ui.window.parts import button, column, copy, label, plain_table, put, row
from app.words import Words

Index = QModelIndex | QPersistentModelIndex


class SeriesModel(QAbstractTableModel):
    """The points of a chart, newest first."""

    def __init__(self, text: Callable[[float], str], say: Words) -> None:
        super().__init__()
        self._text = text
        self._say = say
        self._times: Sequence[float] = ()
        self._lines: tuple[Line, ...] = ()

    def fill(self, times: Sequence[float], lines: tuple[Line, ...]) -> None:
        """Show these."""
        self.beginResetModel()
        self._times, self._lines = times, lines
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        """Points."""
        return 0 if parent.isValid() else len(self._times)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        """The time, and each line."""
        return 0 if parent.isValid() else 1 + len(self._lines)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        at = len(self._times) - 1 - index.row()
        if index.column() == 0:
            return datetime.fromtimestamp(self._times[at]).astimezone().strftime("%H:%M:%S")
        value = self._lines[index.column() - 1].values[at]
        return "\N{EN DASH}" if value is None else self._text(value)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802 - Qt's name
        """The names of the columns."""
        if role != Qt.ItemDataRole.DisplayRole or orientation is Qt.Orientation.Vertical:
            return None
        return self._say("Time") if section == 0 else self._lines[section - 1].name

    def csv(self) -> str:
        """Everything, oldest first: times in RFC 3339, numbers as they were measured."""
        head = ",".join(["time", *(f'"{line.name}"' for line in self._lines)])
        rows = [
            ",".join(
                [
                    datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds"),
                    *("" if (value := line.values[number]) is None else f"{value:g}" for line in self._lines),
                ]
            )
            for number, at in enumerate(self._times)
        ]
        return "\n".join([head, *rows, ""])


class ChartCard(QFrame):
    """Draws only while it can be seen: what arrives meanwhile is kept."""

    def __init__(self, name: str, text: Callable[[float], str], say: Words) -> None:
        super().__init__()
        self._say = say
        self.chart = Chart(name, text, say)
        self.model = SeriesModel(text, say)
        self._table = plain_table(name)
        self._now = label("", "quiet")
        self._switch = button(say("Table"), self._turn, "flat")
        self._switch.setCheckable(True)
        self._switch.setAccessibleName(say("{name} as a table", name=name))
        self._copy = button(say("Copy as CSV"), lambda: copy(self.model.csv()), "flat")
        self._copy.hide()
        self._text = text
        self._given: tuple[Sequence[float], tuple[Line, ...]] = ((), ())
        self._stack = QStackedLayout()
        self._stack.addWidget(self.chart)
        inside = QWidget()
        inside.setLayout(self._stack)
        inside.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._stack.addWidget(self._table)
        self._table.setModel(self.model)
        role(self, "card")
        self._name = label(name, "name")
        head = row(self._name, self._now, 1, self._copy, self._switch)
        made = column(head, inside, gap=GAP)
        made.setContentsMargins(SPACE, 8, SPACE, 8)
        self.setLayout(made)
        self.setMinimumHeight(210)

    def plot(self, times: Sequence[float], lines: tuple[Line, ...], span: float) -> None:
        """Show lines over times."""
        self._given = (times, lines)
        self.chart.plot(times, lines, span, steps(times))
        latest = lines[0].values[-1] if lines and lines[0].values else None
        put(self._now, "" if latest is None else self._text(latest))
        if self._switch.isChecked():
            self._fill()

    def rename(self, name: str) -> None:
        """Call it something else."""
        put(self._name, name)
        for each in (self.chart, self._table):
            each.setAccessibleName(name)
        self._switch.setAccessibleName(self._say("{name} as a table", name=name))

    def _turn(self) -> None:
        table = self._switch.isChecked()
        if table:
            self._fill()
        self._switch.setText(self._say("Chart") if table else self._say("Table"))
        self._copy.setVisible(table)
        self._stack.setCurrentIndex(1 if table else 0)

    def _fill(self) -> None:
        """Anew, with the place in it kept: who reads the fifth row goes on reading the fifth row."""
        scroll, chosen = self._table.verticalScrollBar().value(), self._table.currentIndex().row()
        self.model.fill(*self._given)
        if chosen >= 0:
            self._table.selectRow(chosen)
        self._table.verticalScrollBar().setValue(scroll)
