"""The drawn icons."""

from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap

from app.rules.condition import State


def tray_icon(state: State, *, offline: bool = False, kind: str = "colour") -> QIcon:
    """Placeholder."""
    icon = QIcon()
    for size in (16, 22, 32, 64):
        pixmap = QPixmap(size, size)
        pixmap.fill(QColor(0, 0, 0, 0))
        painter = QPainter(pixmap)
        painter.setBrush(QColor("#0b5cad"))
        painter.drawEllipse(1, 1, size - 2, size - 2)
        painter.end()
        icon.addPixmap(pixmap)
    return icon


def app_icon() -> QIcon:
    """Placeholder."""
    return tray_icon(State.IDLE)
