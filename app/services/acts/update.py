"""New versions: one look, and the update itself."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from app.bridge.acts.update import LookForUpdate, Update, Updating
from app.rules.condition import Service
from app.rules.update import View
from app.services.acts import Handlers
from app.services.acts.refusal import ActRefused
from app.services.runner import Runner, Wish
from app.services.update.failure import UpdateFailed
from app.services.update.updater import Updater
from app.services.update.watch import Watch


def handlers(updater: Updater, watch: Watch, runner: Runner, start: Callable[[Path], None]) -> Handlers:
    """What these acts do. `start` starts a setup."""

    async def look(_: LookForUpdate) -> View:
        try:
            await updater.check()
        except UpdateFailed as error:
            raise ActRefused(error.title, error.detail) from error
        finally:
            view = await watch.refresh()
        return view

    async def update(_: Update) -> Updating:
        try:
            view = await watch.refresh()
            if view.itself:
                return Updating(await _replace(updater, runner, start), started=True)
            await updater.download()
        except UpdateFailed as error:
            raise ActRefused(error.title, error.detail) from error
        view = await watch.refresh()
        return Updating(view.offered, started=False, command=view.command)

    return {LookForUpdate: look, Update: update}


async def _replace(updater: Updater, runner: Runner, start: Callable[[Path], None]) -> str:
    """Drain, then start the setup; serves again when that did not begin."""
    served = False

    async def drain() -> None:
        nonlocal served
        served = runner.now.service in {Service.RUNNING, Service.STARTING}
        await asyncio.wrap_future(runner.stop(Wish.FINISH))

    try:
        return await updater.install(drain, start)
    except Exception:
        if served:
            runner.start()
        raise
