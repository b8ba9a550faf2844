"""A grid that has as many columns as fit."""

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from app.ui.style import SPACE


class FlowGrid(QWidget):
    """Places widgets of one kind in rows; each is at least `least` wide."""

    def __init__(self, widgets: list[QWidget], least: int, most: int) -> None:
        super().__init__()
        self._widgets = widgets
        self._least, self._most = least, most
        self._columns = 0
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(SPACE)
        self.setLayout(self._grid)
        self._place(self._most)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """One column: it must be able to become narrow."""
        return QSize(self._least, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Another width may mean another number of columns."""
        super().resizeEvent(event)
        self._place(max(1, min(self._most, (event.size().width() + SPACE) // (self._least + SPACE))))

    def _place(self, columns: int) -> None:
        if columns == self._columns:
            return
        for column in range(self._most):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)
        for number, widget in enumerate(self._widgets):
            self._grid.addWidget(widget, number // columns, number % columns)
        self._columns = columns
