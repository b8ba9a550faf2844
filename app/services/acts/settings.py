"""Settings: what holds, where it comes from, and changes of the file."""

import asyncio

from app.bridge.acts.settings import ChangeSetting, ListSettings, SettingsFound
from app.services.acts import Handlers
from app.services.settings_file import SettingsFile


def handlers(file: SettingsFile) -> Handlers:
    """What these acts do; files are read and written on another thread."""

    async def found(_: ListSettings) -> SettingsFound:
        return await asyncio.to_thread(file.found)

    async def change(asked: ChangeSetting) -> SettingsFound:
        await asyncio.to_thread(file.change, asked.table, asked.name, asked.text)
        return await asyncio.to_thread(file.found)

    return {ListSettings: found, ChangeSetting: change}
