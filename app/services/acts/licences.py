"""Reads the licences for the window."""

import asyncio

from app.bridge.acts.licences import ReadLicences
from app.services.acts import Handlers
from app.services.licences import licences


def handlers() -> Handlers:
    """Of this program."""

    async def read_licences(_: ReadLicences) -> str:
        return await asyncio.to_thread(licences)

    return {ReadLicences: read_licences}
