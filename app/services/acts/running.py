"""Starting, stopping, draining, and how much this machine's engine does."""

import asyncio
from pathlib import Path

from app.bridge.acts.running import Drain, Resume, SetPaused, SetWorkers, Start, Stop, Stopped, Unlock
from app.client.admin import open_admin
from app.services import secrets
from app.services.acts import Handlers
from app.services.runner import Runner, Wish
from app.services.secrets import Around
from contract.drain import Drains, DrainTarget
from contract.local import LocalChange, LocalView
from contract.words import DrainState


def handlers(data: Path, runner: Runner) -> Handlers:
    """What these acts do."""

    async def start(_: Start) -> None:
        await asyncio.wrap_future(runner.start())

    async def stop(asked: Stop) -> Stopped:
        return Stopped(await asyncio.wrap_future(runner.stop(Wish.HURRY if asked.hurry else Wish.FINISH)))

    async def drain(asked: Drain) -> Drains:
        async with open_admin(data) as admin:
            return await admin.change_drain(DrainTarget(engine=asked.engine), DrainState.DRAIN)

    async def resume(asked: Resume) -> Drains:
        async with open_admin(data) as admin:
            return await admin.change_drain(DrainTarget(engine=asked.engine), DrainState.RUN)

    async def set_workers(asked: SetWorkers) -> LocalView:
        change = LocalChange(automatic=True) if asked.slots is None else LocalChange(slots=asked.slots)
        async with open_admin(data) as admin:
            return await admin.change_local(change)

    async def set_paused(asked: SetPaused) -> LocalView:
        async with open_admin(data) as admin:
            return await admin.change_local(LocalChange(paused=asked.paused))

    async def unlock(_: Unlock) -> str:
        return await asyncio.to_thread(secrets.unlock, data, Around())

    return {
        Start: start,
        Stop: stop,
        Drain: drain,
        Resume: resume,
        SetWorkers: set_workers,
        SetPaused: set_paused,
        Unlock: unlock,
    }
