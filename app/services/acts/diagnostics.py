"""Gathers diagnostics, and writes them where the person wants them."""

import asyncio
from pathlib import Path

from app.bridge.acts.diagnostics import Diagnostics, GatherDiagnostics, SaveDiagnostics
from app.services.acts import Handlers
from app.services.acts.refusal import ActRefused
from app.services.diagnostics import gather, this_machine
from kit.files import write_private


def handlers(data: Path) -> Handlers:
    """Of one data folder."""

    async def gather_diagnostics(_: GatherDiagnostics) -> Diagnostics:
        return Diagnostics(await gather(data, this_machine()), str(data / "logs"))

    async def save_diagnostics(act: SaveDiagnostics) -> str:
        try:
            await asyncio.to_thread(write_private, Path(act.path), act.text.encode())
        except OSError as error:
            raise ActRefused("It could not be written", f"{error.strerror}: {act.path}") from error
        return act.path

    return {GatherDiagnostics: gather_diagnostics, SaveDiagnostics: save_diagnostics}
