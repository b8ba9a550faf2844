"""What this engine offers: told with every claim by its version, and whole when the gateway wants it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from contract.errors import FloworkError
from contract.offers import Offer, OfferedKind, OfferedModel, OfferedTool
from engine.rules.offer import make, version
from engine.runtime.seam import Link
from kit.logs import Log

log = Log("engine.offer")
AGAIN_S: Final = 1.0
"""The least time between two sendings: a gateway that never knows it must not be flooded."""


class Offering:
    """Kinds stay; models and tools come and go with their servers."""

    def __init__(
        self,
        link: Link,
        kinds: Sequence[OfferedKind],
        models: Callable[[], Sequence[OfferedModel]],
        tools: Callable[[], Sequence[OfferedTool]],
    ) -> None:
        self._link = link
        self._kinds = list(kinds)
        self._models = models
        self._tools = tools
        self._seen: tuple[list[OfferedModel], list[OfferedTool]] | None = None
        self._offer = Offer()
        self._version: str | None = None
        self._wanted = asyncio.Event()

    @property
    def version(self) -> str | None:
        """Of what is offered now; None while it is nothing beside the names of its kinds."""
        seen = (list(self._models()), list(self._tools()))
        if seen != self._seen:
            self._seen = seen
            self._offer = make(self._kinds, *seen)
            self._version = version(self._offer)
        return self._version

    def wanted(self) -> None:
        """The gateway does not know it."""
        self._wanted.set()

    async def run(self) -> None:
        """Send it whenever it is wanted. One that was not taken is wanted again by the next claim's answer."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            shown = self.version
            try:
                await self._link.offer(self._offer)
                log.info("engine.offered", version=shown, models=len(self._offer.models), tools=len(self._offer.tools))
            except FloworkError as error:
                log.warning("engine.offer_refused", code=error.code, detail=error.detail)
            await asyncio.sleep(AGAIN_S)
