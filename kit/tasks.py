"""Tasks with an owner and a name."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any


class Crew:
    """Named tasks that end with their owner."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run `work` beside everything else; if it fails, the owner's block fails."""
        task = self._group.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        """End all of them."""
        for task in self._tasks:
            task.cancel()


@contextlib.asynccontextmanager
async def crew() -> AsyncIterator[Crew]:
    """A crew for the length of the block; its tasks are cancelled at the end.

    Raises:
        ExceptionGroup: with what made a task fail.
    """
    async with asyncio.TaskGroup() as group:
        owned = Crew(group)
        try:
            yield owned
        finally:
            owned.cancel()


async def first_of(seconds: float | None, *works: Coroutine[Any, Any, Any]) -> None:
    """Return when one of the works is done, or the time is over; the others are cancelled and waited for.

    Raises:
        What a work raised.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in done:
        task.result()


async def all_of(*works: Coroutine[Any, Any, Any]) -> None:
    """Return when all of the works are done; when one fails, the others are cancelled and waited for.

    Raises:
        What that work raised.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
