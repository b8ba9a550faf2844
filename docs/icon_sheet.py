"""A sheet of every tray icon on light, middle and dark panels, as large as panels show them and enlarged: build/screens/icons.png."""

import os
from pathlib import Path

from assets.draw import BADGES, FOLDER, OFFLINE, SETS

PANELS = {"light": "#f3f4f6", "middle": "#7a8088", "dark": "#1d2127"}
CELL, ENLARGED = 34, 4


def draw(target: Path) -> None:
    """Write the sheet."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QRect, Qt
    from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter

    application = QGuiApplication.instance() or QGuiApplication([])
    names = [*BADGES, *(f"{state}-offline" for state in OFFLINE)]
    rows = [(panel, kind, size) for panel in PANELS for kind in SETS if kind != panel for size in (16, 22, 32)]
    wide = 16 * ENLARGED + 12
    sheet = QImage(len(names) * wide, len(rows) * CELL + sum(size == 16 for _, _, size in rows) * wide, QImage.Format.Format_RGB32)
    painter = QPainter(sheet)
    top = 0
    for panel, kind, size in rows:
        painter.fillRect(0, top, sheet.width(), CELL, QColor(PANELS[panel]))
        for at, name in enumerate(names):
            painter.drawImage(
                at * wide + (wide - size) // 2, top + (CELL - size) // 2, QImage(str(FOLDER / f"png/{kind}/{name}@{size}.png"))
            )
        top += CELL
        if size == 16:
            painter.fillRect(0, top, sheet.width(), wide, QColor(PANELS[panel]))
            for at, name in enumerate(names):
                small = QImage(str(FOLDER / f"png/{kind}/{name}@16.png"))
                big = small.scaled(
                    16 * ENLARGED, 16 * ENLARGED, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.FastTransformation
                )
                painter.drawImage(QRect(at * wide + 6, top + 6, big.width(), big.height()), big)
            top += wide
    painter.end()
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(str(target))
    del application
