"""Hints to waiting claims: one for each job, to one who can take it, and none lost with a caller who leaves."""

import asyncio

import pytest

from gateway.operations.wake import Hint, LocalWakeBus, Waiter


@pytest.fixture
async def bus() -> LocalWakeBus:
    return LocalWakeBus()


def hint(waiter: Waiter) -> Hint | None:
    return waiter.hint.result() if waiter.hint.done() else None


async def test_one_job_wakes_one_waiter_the_longest_waiting(bus: LocalWakeBus):
    with (
        bus.waiting("e", ["echo"], wants_work=True) as first,
        bus.waiting("e", ["echo"], wants_work=True) as second,
        bus.waiting("e", ["echo"], wants_work=True) as third,
    ):
        bus.work("e", "echo")
        assert [hint(waiter) for waiter in (first, second, third)] == [Hint.WORK, None, None]
        bus.work("e", "echo")
        assert [hint(waiter) for waiter in (first, second, third)] == [Hint.WORK, Hint.WORK, None]


async def test_only_a_waiter_that_takes_the_kind_for_that_engine_is_woken(bus: LocalWakeBus):
    with (
        bus.waiting("e", ["http"], wants_work=True) as other_kind,
        bus.waiting("f", ["echo"], wants_work=True) as other_engine,
        bus.waiting("e", ["echo"], wants_work=False) as full,
        bus.waiting("e", ["http", "echo"], wants_work=True) as fitting,
    ):
        bus.work("e", "echo")
        assert [hint(waiter) for waiter in (other_kind, other_engine, full)] == [None, None, None]
        assert hint(fitting) is Hint.WORK


async def test_work_that_nobody_waits_for_is_no_mistake(bus: LocalWakeBus):
    bus.work("e", "echo")
    bus.news("e")
    with bus.waiting("e", ["echo"], wants_work=True) as waiter:
        assert hint(waiter) is None  # it looks at the queue by itself


async def test_a_waiter_that_leaves_without_looking_hands_the_job_on(bus: LocalWakeBus):
    leaving = bus.waiting("e", ["echo"], wants_work=True)
    leaving.__enter__()
    with bus.waiting("e", ["echo"], wants_work=True) as staying:
        bus.work("e", "echo")
        assert hint(staying) is None
        leaving.__exit__(None, None, None)
        assert hint(staying) is Hint.WORK


async def test_a_waiter_that_looked_hands_nothing_on(bus: LocalWakeBus):
    leaving = bus.waiting("e", ["echo"], wants_work=True)
    waiter = leaving.__enter__()
    with bus.waiting("e", ["echo"], wants_work=True) as staying:
        bus.work("e", "echo")
        waiter.rearm()
        leaving.__exit__(None, None, None)
        assert hint(staying) is None


async def test_a_waiter_that_fails_hands_the_job_on_too(bus: LocalWakeBus):
    failing = bus.waiting("e", ["echo"], wants_work=True)
    failing.__enter__()
    with bus.waiting("e", ["echo"], wants_work=True) as staying:
        bus.work("e", "echo")
        assert not failing.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
        assert hint(staying) is Hint.WORK


async def test_a_job_is_handed_on_to_one_who_takes_its_kind_only(bus: LocalWakeBus):
    leaving = bus.waiting("e", ["echo", "http"], wants_work=True)
    leaving.__enter__()
    with bus.waiting("e", ["echo"], wants_work=True) as other, bus.waiting("e", ["http"], wants_work=True) as fitting:
        bus.work("e", "http")
        leaving.__exit__(None, None, None)
        assert (hint(other), hint(fitting)) == (None, Hint.WORK)


async def test_after_looking_a_waiter_can_be_woken_again(bus: LocalWakeBus):
    with bus.waiting("e", ["echo"], wants_work=True) as waiter:
        for _ in range(3):
            bus.work("e", "echo")
            assert hint(waiter) is Hint.WORK
            waiter.rearm()
            assert (hint(waiter), waiter.owed) == (None, set())


async def test_news_wakes_everyone_of_an_engine_or_of_all(bus: LocalWakeBus):
    with (
        bus.waiting("e", ["echo"], wants_work=True) as one,
        bus.waiting("e", [], wants_work=False) as two,
        bus.waiting("f", ["echo"], wants_work=True) as other,
    ):
        bus.news("e")
        assert [hint(waiter) for waiter in (one, two, other)] == [Hint.NEWS, Hint.NEWS, None]
        bus.news(None)
        assert hint(other) is Hint.NEWS


async def test_a_job_passes_over_a_waiter_that_was_woken_by_news(bus: LocalWakeBus):
    """It looks anyhow, and may find the job then; a second hint to it would be lost."""
    with bus.waiting("e", ["echo"], wants_work=True) as told, bus.waiting("e", ["echo"], wants_work=True) as free:
        told.wake(Hint.NEWS)
        bus.work("e", "echo")
        assert (hint(told), hint(free)) == (Hint.NEWS, Hint.WORK)


async def test_the_hint_wakes_who_awaits_it(bus: LocalWakeBus):
    with bus.waiting("e", ["echo"], wants_work=True) as waiter:
        asyncio.get_running_loop().call_soon(bus.work, "e", "echo")
        async with asyncio.timeout(10):
            assert await waiter.hint is Hint.WORK


async def test_closing_sends_home_who_waits_and_who_comes_later(bus: LocalWakeBus):
    with bus.waiting("e", ["echo"], wants_work=True) as one, bus.waiting("f", [], wants_work=False) as two:
        bus.close()
        assert (hint(one), hint(two)) == (Hint.CLOSED, Hint.CLOSED)
        one.rearm()
        assert hint(one) is Hint.CLOSED
    with bus.waiting("e", ["echo"], wants_work=True) as late:
        assert hint(late) is Hint.CLOSED


@pytest.mark.parametrize("before", [Hint.WORK, Hint.NEWS])
async def test_a_waiter_that_was_just_woken_learns_of_the_close_when_it_looks_again(bus: LocalWakeBus, before: Hint):
    with bus.waiting("e", ["echo"], wants_work=True) as waiter:
        waiter.wake(before)
        bus.close()
        waiter.rearm()
        assert hint(waiter) is Hint.CLOSED


async def test_who_has_left_is_forgotten(bus: LocalWakeBus):
    with bus.waiting("e", ["echo"], wants_work=True), bus.waiting("e", ["echo"], wants_work=True):
        pass
    assert bus._waiters == {}


async def test_a_side_keeps_the_kinds_that_its_waiters_would_take(bus: LocalWakeBus):
    with bus.waiting("e", ["echo", "http"], wants_work=True) as canary, bus.waiting("e", ["pay"], wants_work=True):
        canary.canary = True
        assert bus.kept("e", ["echo", "pay"], canary=True) == {"echo"}
        assert bus.kept("e", ["echo", "pay"], canary=False) == {"pay"}
        assert bus.kept("f", ["echo"], canary=True) == frozenset()
        canary.wake(Hint.NEWS)
        assert bus.kept("e", ["echo"], canary=True) == {"echo"}
        canary.wants_work = False
        assert bus.kept("e", ["echo"], canary=True) == frozenset()


async def test_a_job_is_handed_over_to_the_side_named_or_to_anyone_when_none_is_there(bus: LocalWakeBus):
    with bus.waiting("e", ["echo"], wants_work=True) as other, bus.waiting("e", ["echo"], wants_work=True) as canary:
        canary.canary = True
        bus.pass_on("e", "echo", canary=True)
        assert (hint(other), hint(canary)) == (None, Hint.WORK)
        canary.wants_work = False
        bus.pass_on("e", "echo", canary=True)
        assert hint(other) is Hint.WORK


async def test_a_job_that_is_handed_to_one_who_was_woken_and_leaves_goes_on(bus: LocalWakeBus):
    leaving = bus.waiting("e", ["echo"], wants_work=True)
    waiter = leaving.__enter__()
    waiter.canary = True
    with bus.waiting("e", ["echo"], wants_work=True) as staying:
        waiter.wake(Hint.NEWS)
        bus.pass_on("e", "echo", canary=True)
        assert hint(staying) is None
        leaving.__exit__(None, None, None)
        assert hint(staying) is Hint.WORK
