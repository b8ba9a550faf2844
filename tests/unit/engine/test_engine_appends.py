"""`engine.runtime.appends`: words of many jobs go together, and no job suffers for another."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from contract.engine_link import Append, AppendAnswer, AppendRequest, OutputChunk
from contract.errors import GatewayUnreachable, RequestInvalid
from contract.words import AppendStatus
from engine.runtime.appends import AT_ONCE, LETTERS_MAX, Appends
from tests.support.fake_link import INSTANCE, FakeLink, appended, lease

TASKS: set[asyncio.Task[AppendAnswer]] = set()
"""Kept, so that they are not collected."""


def said(number: int, text: str = "x") -> AppendRequest:
    held = lease(number)
    item = Append(job=held.job, token=held.token, output=OutputChunk(offset=0, text=text))
    return AppendRequest(instance=INSTANCE, items=[item])


def taken(request: AppendRequest) -> AppendAnswer:
    results = [appended(item.job, AppendStatus.OK, number).results[0] for number, item in enumerate(request.items)]
    return AppendAnswer(results=results)


@pytest.fixture
async def appends(link: FakeLink) -> AsyncIterator[Appends]:
    link.appends._otherwise = taken
    made = Appends(link, INSTANCE)
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.wait({task})


async def busy(appends: Appends, link: FakeLink) -> asyncio.Event:
    """Hold every request that may be under way; the event lets them go."""
    gate = asyncio.Event()

    async def later(request: AppendRequest) -> AppendAnswer:
        await gate.wait()
        return taken(request)

    link.appends.then(*[later] * AT_ONCE)
    for number in range(AT_ONCE):
        TASKS.add(asyncio.create_task(appends.append(said(number))))
        await link.appends.arrived(number + 1)
    return gate


async def test_the_first_word_goes_at_once_and_alone(appends, link):
    assert (await appends.append(said(1))).results[0].job == lease(1).job
    assert len(link.appends.asked[0].items) == 1


async def test_what_gathers_meanwhile_goes_together_and_each_gets_its_own_answer(appends, link):
    gate = await busy(appends, link)
    asking = [asyncio.create_task(appends.append(said(number))) for number in range(10, 15)]
    await asyncio.sleep(0)
    gate.set()
    answers = await asyncio.gather(*asking)
    assert [answer.results[0].job for answer in answers] == [lease(number).job for number in range(10, 15)]
    assert [answer.results[0].output_offset for answer in answers] == [0, 1, 2, 3, 4]
    assert [len(request.items) for request in link.appends.asked] == [1] * AT_ONCE + [5]


async def test_one_that_is_refused_does_not_end_the_others(appends, link):
    gate = await busy(appends, link)

    def picky(request: AppendRequest) -> AppendAnswer | Exception:
        bad = any(item.job == lease(11).job for item in request.items)
        return RequestInvalid("no") if bad else taken(request)

    link.appends._otherwise = picky
    asking = [asyncio.create_task(appends.append(said(number))) for number in (10, 11, 12)]
    await asyncio.sleep(0)
    gate.set()
    first, second, third = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(second, RequestInvalid)
    assert isinstance(first, AppendAnswer)
    assert isinstance(third, AppendAnswer)


async def test_a_gateway_that_is_away_is_told_to_all(appends, link):
    gate = await busy(appends, link)
    link.appends.then(GatewayUnreachable("away"))
    asking = [asyncio.create_task(appends.append(said(number))) for number in (10, 11)]
    await asyncio.sleep(0)
    gate.set()
    assert all(isinstance(each, GatewayUnreachable) for each in await asyncio.gather(*asking, return_exceptions=True))


async def test_a_job_that_has_gone_is_left_out(appends, link):
    gate = await busy(appends, link)
    gone, stays = (asyncio.create_task(appends.append(said(number))) for number in (10, 11))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait({gone})
    gate.set()
    await stays
    assert [item.job for item in link.appends.asked[-1].items] == [lease(11).job]


async def test_large_words_do_not_make_a_request_too_large(appends, link):
    gate = await busy(appends, link)
    asking = [asyncio.create_task(appends.append(said(number, "x" * (LETTERS_MAX // 2)))) for number in range(10, 14)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*asking)
    assert max(len(request.items) for request in link.appends.asked) == 2
