"""The windows' half of the self-test: Qt as it was frozen, every icon, and signals by the thousand."""

import sys
import time
from typing import Any, Final

from PySide6.QtCore import QSize, qVersion
from PySide6.QtWidgets import QApplication, QLabel

from app.bridge.news import Snapshot
from app.bridge.qt import Bridge
from app.rules.condition import State
from app.ui.icons import APP_SIZES, NEVER_OFFLINE, TRAY_SIZES, IconSet, app_icon, tray_icon

EMITS: Final = 2000
"""PySide6 6.12 aborts Python 3.11 after about 600."""


class _Nobody:
    """Does no acts."""

    def ask(self, act: Any, answered: Any) -> None:
        """Never answered."""

    def attend(self, attention: Any) -> None:
        """Nothing to look at."""


def windows(shown: bool) -> list[tuple[str, bool, str, float]]:
    """Name, verdict, what was seen, milliseconds, for each check. `shown`: on this desktop's screen; else without one."""
    application = QApplication([sys.argv[0], *([] if shown else ["-platform", "offscreen"])])
    done = [_timed("window", lambda: _window(application)), _timed("icons", _icons), _timed("signals", _signals)]
    application.quit()
    return done


def _timed(name: str, work: Any) -> tuple[str, bool, str, float]:
    began = time.perf_counter()
    try:
        ok, said = work()
    except Exception as error:  # noqa: BLE001 - whatever is broken here is what was asked for
        ok, said = False, f"{type(error).__name__}: {error}"
    return name, ok, said, (time.perf_counter() - began) * 1000


def _window(application: QApplication) -> tuple[bool, str]:
    label = QLabel("Flowork")
    label.show()
    application.processEvents()
    drawn = not label.grab().isNull()
    label.close()
    return drawn, f"Qt {qVersion()} on the platform {application.platformName()}"


def _icons() -> tuple[bool, str]:
    missing, count = [], 0
    for kind in IconSet:
        for state in State:
            for offline in (False, True):
                icon = tray_icon(state, offline=offline and state not in NEVER_OFFLINE, kind=kind)
                count += 1
                if {size.width() for size in icon.availableSizes()} != set(TRAY_SIZES) or icon.pixmap(QSize(16, 16)).isNull():
                    missing.append(f"{kind}/{state}")
    if {size.width() for size in app_icon().availableSizes()} != set(APP_SIZES):
        missing.append("flowork")
    return not missing, f"{count} tray icons in {len(TRAY_SIZES)} sizes" if not missing else f"missing: {', '.join(missing)}"


def _signals() -> tuple[bool, str]:
    seen: list[Snapshot] = []
    bridge = Bridge(_Nobody())
    bridge.changed.connect(seen.append)
    for _ in range(EMITS):
        bridge.changed.emit(Snapshot())
    return len(seen) == EMITS, f"{len(seen)} of {EMITS} emits arrived"
