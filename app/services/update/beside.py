"""The daily look beside `flowork serve`, which has no desk thread: on a thread of its own, and only where it is switched on."""

import random
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from anyio.from_thread import start_blocking_portal

from app.settings import UpdateMode, UpdateSettings
from kit.clock import SystemClock
from kit.logs import Log

log = Log("update")


@contextmanager
def looking(data: Path, settings: UpdateSettings) -> Iterator[None]:
    """Look once a day for the length of the block. What is found is in the log, and in `flowork update status`."""
    if settings.mode is UpdateMode.OFF:
        yield
        return
    # Who switched nothing on does not wait for these at the start.
    from app.desktop.installed import installed, this_machine
    from app.services.update.updater import Updater
    from app.services.update.watch import Watch

    clock = SystemClock()
    updater = Updater(data, settings.url, installed(this_machine()), clock)
    watch = Watch(updater, settings.mode, clock, random.random)
    with start_blocking_portal("asyncio", name="flowork-update") as thread:
        task = thread.start_task_soon(watch.run)
        task.add_done_callback(_ended)
        try:
            yield
        finally:
            task.cancel()


def _ended(task: "Future[None]") -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("update.broke", exc_info=task.exception())
