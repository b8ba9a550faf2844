"""The drawn icons: the application's, and the tray's for each state. Always pixmaps: a theme's name may be missing on a desktop."""

import sys
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QIcon, QPixmap

from app.rules.condition import State

TRAY_SIZES = (16, 22, 24, 32, 44, 48, 64, 96, 128)
APP_SIZES = (16, 22, 24, 32, 48, 64, 128, 256, 512)
NEVER_OFFLINE = frozenset({State.STOPPED, State.STARTING})
"""What does not run misses no endpoint."""


class IconSet(StrEnum):
    """Which colours."""

    COLOUR = "colour"
    """With an outline: shows on any panel."""
    LIGHT = "light"
    DARK = "dark"


def icon_set(wanted: str, scheme: Qt.ColorScheme, platform: str) -> IconSet:
    """The set for a setting (`auto`, `colour`, `light`, `dark`).

    On macOS `auto` is the dark set, shown as a mask that the menu bar colours. Windows' taskbar follows its theme. A Linux panel's
    colour cannot be asked for, so there it is the outlined set.
    """
    if wanted != "auto":
        return IconSet(wanted)
    if platform == "darwin":
        return IconSet.DARK
    if platform == "win32" and scheme is not Qt.ColorScheme.Unknown:
        return IconSet.LIGHT if scheme is Qt.ColorScheme.Dark else IconSet.DARK
    return IconSet.COLOUR


def tray_icon(state: State, *, offline: bool = False, kind: str = "auto") -> QIcon:
    """The icon of a state, in every size a panel asks for; `kind` as the setting `[desktop] icons` says it."""
    name = f"{state}-offline" if offline and state not in NEVER_OFFLINE else str(state)
    return _tray(
        name, icon_set(kind, QGuiApplication.styleHints().colorScheme(), sys.platform), kind == "auto" and sys.platform == "darwin"
    )


@lru_cache(maxsize=64)
def _tray(name: str, kind: IconSet, mask: bool) -> QIcon:
    made = _icon(f"{kind}/{name}", TRAY_SIZES)
    made.setIsMask(mask)
    return made


@lru_cache(maxsize=1)
def app_icon() -> QIcon:
    """The application's own."""
    return _icon("flowork", APP_SIZES)


def _icon(stem: str, sizes: tuple[int, ...]) -> QIcon:
    made, folder = QIcon(), files("assets").joinpath("png")
    for size in sizes:
        pixmap = QPixmap()
        pixmap.loadFromData(folder.joinpath(f"{stem}@{size}.png").read_bytes())
        made.addPixmap(pixmap)
    return made
