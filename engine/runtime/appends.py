"""What the running jobs of an engine say, sent together: streams of words are many small requests otherwise."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

from contract import limits
from contract.engine_link import Append, AppendAnswer, AppendRequest
from contract.errors import FloworkError
from engine.runtime.seam import TRY_AGAIN, Link

AT_ONCE: Final = 2
"""Requests under way: one may be slow, and the next words should not wait for it."""
ITEMS_MAX: Final = 64
LETTERS_MAX: Final = 256 * limits.KIB
"""Of several items; a larger one goes alone."""


class Appender(Protocol):
    """Takes what jobs say; a link, or what sends together over one."""

    async def append(self, request: AppendRequest) -> AppendAnswer:
        """See `engine.runtime.seam.Link`."""


@dataclass(frozen=True, slots=True)
class _Asked:
    item: Append
    answer: "asyncio.Future[AppendAnswer]"

    @property
    def letters(self) -> int:
        said = 0 if self.item.output is None else len(self.item.output.text)
        return said + sum(len(line.message) for line in (self.item.log.lines if self.item.log is not None else ()))


class Appends:
    """Whatever gathers while requests are under way goes with the next one. Bound to one event loop."""

    def __init__(self, link: Link, instance: str) -> None:
        self._link = link
        self._instance = instance
        self._waiting: deque[_Asked] = deque()
        self._some = asyncio.Event()

    async def append(self, request: AppendRequest) -> AppendAnswer:
        """Send one job's item, with others'; the answer is for it alone.

        Raises:
            FloworkError: as the link does. What another job said is never the reason.
        """
        (item,) = request.items
        asked = _Asked(item, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        self._some.set()
        return await asked.answer

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(AT_ONCE):
                group.create_task(self._send_all(), name=f"appends-{number}")

    async def _send_all(self) -> None:
        while True:
            await self._some.wait()
            batch = self._next()
            if batch:
                await self._send(batch)
            else:
                self._some.clear()

    def _next(self) -> list[_Asked]:
        """As many as one request may carry; who has gone is left out."""
        batch: list[_Asked] = []
        letters = 0
        while self._waiting and len(batch) < ITEMS_MAX:
            asked = self._waiting[0]
            if not asked.answer.done():
                letters += asked.letters
                if batch and letters > LETTERS_MAX:
                    break
                batch.append(asked)
            self._waiting.popleft()
        return batch

    async def _send(self, batch: list[_Asked]) -> None:
        try:
            answer = await self._link.append(AppendRequest(instance=self._instance, items=[asked.item for asked in batch]))
        except FloworkError as error:
            if len(batch) > 1 and error.status < 500 and error.status not in TRY_AGAIN:
                for asked in batch:  # one of them may be what it does not like
                    await self._send([asked])
                return
            for asked in batch:
                if not asked.answer.done():
                    asked.answer.set_exception(error)
            return
        for asked, result in zip(batch, answer.results, strict=True):
            if not asked.answer.done():
                asked.answer.set_result(AppendAnswer(results=[result]))
