"""`kit.tasks`: no task outlives its owner, and no failure is lost on the way."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from kit.tasks import crew, first_of


async def for_ever() -> None:
    await asyncio.Event().wait()


async def failures(owner: Coroutine[Any, Any, None]) -> list[type[BaseException]]:
    with pytest.raises(ExceptionGroup) as group:
        await owner
    return [type(error) for error in group.value.exceptions]


class Work:
    """Waits until released; remembers how it ended."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.release = asyncio.Event()
        self.ended: str | None = None

    async def run(self) -> None:
        try:
            self.began.set()
            await self.release.wait()
            self.ended = "done"
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise


class TestCrew:
    async def test_its_tasks_are_cancelled_at_the_end_of_the_block_and_waited_for(self):
        works = [Work(), Work()]
        async with crew() as tasks:
            for number, work in enumerate(works):
                tasks.start(work.run(), f"work-{number}")
                await work.began.wait()
        assert [work.ended for work in works] == ["cancelled", "cancelled"]

    async def test_the_end_waits_for_what_a_task_has_to_tidy_up(self):
        tidied = False

        async def tidy() -> None:
            nonlocal tidied
            try:
                await for_ever()
            finally:
                for _ in range(5):
                    await asyncio.sleep(0)
                tidied = True

        async with crew() as tasks:
            tasks.start(tidy(), "tidy")
            await asyncio.sleep(0)
        assert tidied

    async def test_a_task_that_had_no_turn_yet_is_cancelled_too(self):
        work = Work()
        async with crew() as tasks:
            tasks.start(work.run(), "work")
        assert not work.began.is_set()

    async def test_a_task_that_is_done_is_left_alone(self):
        work = Work()
        work.release.set()
        async with crew() as tasks:
            tasks.start(work.run(), "work")
            while work.ended is None:
                await asyncio.sleep(0)
        assert work.ended == "done"

    async def test_tasks_bear_their_names(self):
        async with crew() as tasks:
            tasks.start(for_ever(), "the-reaper")
            assert "the-reaper" in {task.get_name() for task in asyncio.all_tasks()}

    async def test_a_failure_ends_the_block_and_the_other_tasks(self):
        other = Work()

        async def fail() -> None:
            await other.began.wait()
            raise ZeroDivisionError

        async def owner() -> None:
            async with crew() as tasks:
                tasks.start(other.run(), "other")
                tasks.start(fail(), "fail")
                await for_ever()

        assert await failures(owner()) == [ZeroDivisionError]
        assert other.ended == "cancelled"

    async def test_a_failure_of_the_block_ends_the_tasks_and_is_told(self):
        work = Work()

        async def owner() -> None:
            async with crew() as tasks:
                tasks.start(work.run(), "work")
                await work.began.wait()
                raise ZeroDivisionError

        assert await failures(owner()) == [ZeroDivisionError]
        assert work.ended == "cancelled"

    async def test_a_failure_while_tidying_up_is_told(self):
        async def fail() -> None:
            try:
                await for_ever()
            finally:
                raise ZeroDivisionError

        async def owner() -> None:
            async with crew() as tasks:
                tasks.start(fail(), "fail")
                await asyncio.sleep(0)

        assert await failures(owner()) == [ZeroDivisionError]

    async def test_cancelling_the_owner_cancels_the_tasks(self):
        work = Work()

        async def owner() -> None:
            async with crew() as tasks:
                tasks.start(work.run(), "work")
                await for_ever()

        task = asyncio.create_task(owner())
        await work.began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert work.ended == "cancelled"

    async def test_cancel_ends_all_tasks_and_the_block_goes_on(self):
        works = [Work(), Work()]
        async with crew() as tasks:
            for work in works:
                tasks.start(work.run(), "work")
                await work.began.wait()
            tasks.cancel()
            while any(work.ended is None for work in works):
                await asyncio.sleep(0)
            tasks.start(for_ever(), "another")
        assert [work.ended for work in works] == ["cancelled", "cancelled"]


class TestFirstOf:
    @pytest.mark.parametrize("first", [0, 1, 2])
    async def test_the_first_that_is_done_ends_the_wait_and_the_others_are_cancelled(self, first: int):
        works = [Work() for _ in range(3)]
        works[first].release.set()
        await first_of(None, *(work.run() for work in works))
        await asyncio.sleep(0)
        assert [work.ended for work in works] == ["done" if number == first else "cancelled" for number in range(3)]

    async def test_when_the_time_is_over_all_are_cancelled(self):
        works = [Work(), Work()]
        await first_of(0, *(work.run() for work in works))
        await asyncio.sleep(0)
        assert all(work.ended != "done" for work in works)
        assert len(asyncio.all_tasks()) == 1

    async def test_cancelling_the_waiter_cancels_the_works(self):
        works = [Work(), Work()]
        task = asyncio.create_task(first_of(None, *(work.run() for work in works)))
        for work in works:
            await work.began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
        assert [work.ended for work in works] == ["cancelled", "cancelled"]

    async def test_works_that_are_done_together_are_all_fine(self):
        works = [Work(), Work()]
        for work in works:
            work.release.set()
        await first_of(None, *(work.run() for work in works))
        await asyncio.sleep(0)
        assert [work.ended for work in works] == ["done", "done"]

    async def test_no_task_is_left_behind(self):
        await first_of(None, asyncio.sleep(0), for_ever(), for_ever())
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1
