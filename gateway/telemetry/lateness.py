"""How late the event loop runs what is due: the first sign that something holds it up."""

import asyncio
from collections.abc import Callable
from typing import Final

EVERY_S: Final = 1.0


async def watch(late: Callable[[float], None]) -> None:
    """Tell how late each second's call came (seconds), for ever."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + EVERY_S
        await asyncio.sleep(EVERY_S)
        late(max(0.0, loop.time() - due))
