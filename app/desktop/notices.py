"""Notices on the desktop, by `desktop-notifier`: the Notifications service on Linux, WinRT on Windows, the notification centre on macOS.

Imported when the first notice is shown. Used on one asyncio loop; what a person presses is called back on it.
"""

import asyncio
import logging
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from app.rules.condition import Fix
from app.rules.notices import Notice
from kit.logs import Log

log = Log("notices")
NAME: Final = "Flowork"
SHOWN_WITHIN_S: Final = 5.0
"""A service that hangs must not hold up who tells."""


class Notices:
    """Shows notices and takes them away. Never raises: without a service the tray icon and the window still tell."""

    def __init__(self, pressed: Callable[[Fix | None], None], make: Callable[[], Any] | None = None) -> None:
        """`pressed` is called with the fix whose button was pressed, or None when the notice itself was: open the window."""
        self._pressed = pressed
        self._make = _notifier if make is None else make
        self._notifier: Any = None
        self._shown: dict[str, str] = {}
        self._complained = False

    async def show(self, notice: Notice) -> bool:
        """Show it in the place of an earlier one on the same subject; False when nobody can."""
        await self.withdraw(notice.subject)
        try:
            async with asyncio.timeout(SHOWN_WITHIN_S):
                shown = await self._send(notice)
        except Exception as error:  # noqa: BLE001 - each system's library fails in its own way
            self._let_go()
            self._complain(type(error).__name__)
            return False
        if shown is None:
            self._let_go()  # the next one tries a new connection
            self._complain("no service")
            return False
        self._shown[notice.subject] = shown
        self._complained = False
        return True

    async def withdraw(self, subject: str) -> None:
        """Take away the notice on a subject, if one can be seen."""
        shown = self._shown.pop(subject, None)
        if shown is None or self._notifier is None:
            return
        try:
            async with asyncio.timeout(SHOWN_WITHIN_S):
                await self._notifier.clear(shown)
        except Exception as error:  # noqa: BLE001 - it was closed already, or the service has gone
            log.debug("notices.not_withdrawn", reason=type(error).__name__)

    async def close(self) -> None:
        """Take all away: nothing is left that no program answers for."""
        for subject in list(self._shown):
            await self.withdraw(subject)
        self._let_go()

    def _let_go(self) -> None:
        """The library has no word for it: its connection to the bus would stay open."""
        bus = getattr(getattr(self._notifier, "_backend", None), "bus", None)
        self._notifier = None
        if bus is not None:
            bus.disconnect()

    async def _send(self, notice: Notice) -> str | None:
        from desktop_notifier import Button, Urgency

        if self._notifier is None:
            self._notifier = self._make()
        arrived: list[bool] = []
        fix = notice.fix
        buttons = [] if fix is None else [Button(title=notice.fix_text, on_pressed=lambda: self._pressed(fix))]
        shown: str = await self._notifier.send(
            title=notice.title,
            message=notice.text,
            urgency=Urgency.Critical if notice.urgent else Urgency.Normal,
            buttons=buttons,
            on_clicked=lambda: self._pressed(None),
            on_dispatched=lambda: arrived.append(True),  # the library hides its failures; this tells
        )
        return shown if arrived else None

    def _complain(self, reason: str) -> None:
        if not self._complained:
            self._complained = True
            log.warning("notices.not_shown", reason=reason)


def _notifier() -> Any:
    from desktop_notifier import DesktopNotifier, Icon

    logging.getLogger("desktop_notifier").setLevel(logging.CRITICAL)  # it tells each failure with a traceback; we tell the first
    icon = Path(str(files("assets").joinpath("png/flowork@128.png")))
    return DesktopNotifier(NAME, Icon(path=icon) if icon.is_file() and sys.platform != "darwin" else None)
