"""A QR code as a widget: whole pixels, a quiet zone, and always dark on white, also in a dark window (ISO/IEC 18004)."""

import segno
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

QUIET = 4
"""Modules of white around it."""
MODULE_PX = 5
"""The least size of a module that telephones read from an arm's length (device-independent pixels)."""


class QrCode(QWidget):
    """Shows one text; nothing before `show_text`."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[tuple[int, ...], ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_text(self, text: str | None) -> None:
        """Show this text; None shows an empty ground of the same size."""
        self._rows = () if text is None else tuple(tuple(row) for row in segno.make(text, error="m", micro=False).matrix)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """So large that each module has its least size."""
        side = (max(len(self._rows), 45) + 2 * QUIET) * MODULE_PX
        return QSize(side, side)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Whole device pixels for every module, or telephones see seams."""
        painter = QPainter(self)
        painter.fillRect(event.rect(), QColor("white"))
        if not self._rows:
            return
        ratio = self.devicePixelRatioF()
        painter.scale(1 / ratio, 1 / ratio)
        count = len(self._rows) + 2 * QUIET
        module = max(1, int(self.width() * ratio) // count)
        start = (int(self.width() * ratio) - module * len(self._rows)) // 2
        painter.setPen(Qt.PenStyle.NoPen)
        for y, row in enumerate(self._rows):
            for x, dark in enumerate(row):
                if dark:
                    painter.fillRect(QRect(start + x * module, start + y * module, module, module), QColor("black"))
