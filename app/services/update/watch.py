"""Looks for a newer version once a day, where the owner switched that on."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from app.rules.update import Offer, View, next_look
from app.services.update.failure import UpdateFailed
from app.services.update.updater import Updater
from app.settings import UpdateMode
from kit.clock import SECOND, Clock
from kit.logs import Log

log = Log("update")
NAP_S: Final = 3600.0
"""Clocks of sleeping tasks stand still while the machine sleeps: look at the wall clock at least so often."""


class Watch:
    """Runs in one loop. With `off` it does nothing at all."""

    def __init__(
        self,
        updater: Updater,
        mode: UpdateMode,
        clock: Clock,
        uniform: Callable[[], float],
        *,
        changed: Callable[[View], None] = lambda _: None,
        tell: Callable[[View], Awaitable[None]] | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`changed` hears how it is, whenever that is looked at; `tell` is called once for each newer version."""
        self._updater = updater
        self._mode = mode
        self._clock = clock
        self._uniform = uniform
        self._changed = changed
        self._tell = tell
        self._pause = pause

    async def run(self) -> None:
        """Look, for ever."""
        if self._mode is UpdateMode.OFF or not (await self.refresh()).checkable:
            return
        started, drawn = self._clock.now().wall, self._uniform()
        while True:
            kept = await asyncio.to_thread(self._updater.shelf.read)
            due = next_look(started, kept.tried, failed=kept.failed is not None, uniform=drawn)
            wait_s = (due - self._clock.now().wall) / SECOND
            if wait_s > 0:
                await self._pause(min(NAP_S, wait_s))
                continue
            await self._look()
            started, drawn = self._clock.now().wall, self._uniform()

    async def refresh(self) -> View:
        """How it is; asks nobody."""
        view = await asyncio.to_thread(self._updater.view, str(self._mode))
        self._changed(view)
        return view

    async def _look(self) -> None:
        with contextlib.suppress(UpdateFailed):  # the log says so, and so does the view
            found = await self._updater.check()
            if isinstance(found, Offer) and found.file is not None and self._mode is UpdateMode.INSTALL:
                await self._updater.download()
        view = await self.refresh()
        with contextlib.suppress(UpdateFailed):
            if not view.offered or not await asyncio.to_thread(self._updater.told, view.offered):
                return
        log.info("update.known", version=view.offered)
        if self._tell is not None:
            await self._tell(view)
