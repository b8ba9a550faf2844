"""A table of a few rows of text, filled anew as a whole; what was chosen stays chosen."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

KEY = Qt.ItemDataRole.UserRole


class Rows(QTableWidget):
    """For lists of up to some hundreds; each row has a key."""

    def __init__(self, name: str, heads: Sequence[str], widths: Sequence[int] = ()) -> None:
        super().__init__(0, len(heads))
        self.setAccessibleName(name)
        self.setHorizontalHeaderLabels(list(heads))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 12)
        self.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setStretchLastSection(True)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        for place, width in enumerate(widths):
            self.setColumnWidth(place, width)

    def fill(self, rows: Sequence[tuple[str, Sequence[str]]], ink: Sequence[str] = ()) -> None:
        """Show these: a key, and a text for each column; `ink` colours the first column, row by row."""
        chosen = self.chosen
        self.setRowCount(len(rows))
        for number, (key, texts) in enumerate(rows):
            for place, text in enumerate(texts):
                item = self.item(number, place)
                if item is None:
                    item = QTableWidgetItem()
                    self.setItem(number, place, item)
                if item.text() != text:
                    item.setText(text)
                    item.setToolTip(text)
                if place == 0:
                    item.setData(KEY, key)
                    if ink:
                        item.setForeground(QColor(ink[number]))
        keys = [key for key, _ in rows]
        if chosen in keys:
            self.selectRow(keys.index(chosen))
        elif chosen is not None:
            self.clearSelection()

    @property
    def chosen(self) -> str | None:
        """The key of the row that is chosen."""
        found = self.selectionModel().selectedRows()
        item = self.item(found[0].row(), 0) if found else None
        return None if item is None else str(item.data(KEY))

    def fit(self, rows_max: int = 8) -> None:
        """Be as high as the rows are, up to some."""
        line = self.verticalHeader().defaultSectionSize()
        height = self.horizontalHeader().sizeHint().height() + line * max(1, min(self.rowCount(), rows_max)) + 4
        self.setFixedHeight(height + (14 if self.rowCount() > rows_max else 0))
