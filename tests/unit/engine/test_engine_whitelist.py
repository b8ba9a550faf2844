"""`Whitelist`: whom the engine works for, and that nobody is refused by an old list."""

import asyncio

import pytest

from contract.engine_link import Whitelist as Told
from contract.errors import GatewayUnreachable
from engine.runtime.whitelist import Whitelist
from kit.backoff import Backoff
from tests.support.fake_link import FakeLink, lease


@pytest.fixture
def whitelist(link: FakeLink) -> Whitelist:
    return Whitelist(link, Backoff(0.2, 30.0), lambda: 0.0)


def told(version: int, *users: str) -> Told:
    return Told(version=version, users=list(users))


async def test_a_user_of_the_list_in_force_is_allowed_without_asking_again(whitelist: Whitelist, link: FakeLink):
    link.whitelists.then(told(5, "ann"))
    for number in (1, 2):
        assert await whitelist.allows(lease(number, whitelist_version=5))
    assert link.history == ["whitelist"]


async def test_a_lease_under_another_list_fetches_it_first(whitelist: Whitelist, link: FakeLink):
    link.whitelists.then(told(5, "ann"), told(6, "bob"))
    assert await whitelist.allows(lease(1, whitelist_version=5))
    assert not await whitelist.allows(lease(2, whitelist_version=6))
    assert whitelist.version == 6


async def test_a_stranger_is_refused_only_by_a_list_that_is_younger_than_the_lease(whitelist: Whitelist, link: FakeLink):
    link.whitelists.then(told(5, "bob"), told(5, "bob", "ann"))
    await whitelist.begin()
    assert await whitelist.allows(lease(1, whitelist_version=5))
    assert len(link.history) == 2


async def test_a_gateway_without_whitelists_has_everybody_allowed(whitelist: Whitelist, link: FakeLink):
    assert await whitelist.allows(lease(1))
    whitelist.told(0)
    assert not whitelist._news.is_set()
    assert link.history == []


async def test_jobs_that_begin_together_fetch_once(whitelist: Whitelist, link: FakeLink):
    link.whitelists.then(told(5, "ann"))
    assert all(await asyncio.gather(*(whitelist.allows(lease(number, whitelist_version=5)) for number in range(1, 6))))
    assert link.history == ["whitelist"]


async def test_a_gateway_that_is_away_is_asked_again_before_anybody_is_refused(whitelist: Whitelist, link: FakeLink, waits: list[float]):
    link.whitelists.then(GatewayUnreachable(), GatewayUnreachable(), told(5, "ann"))
    assert await whitelist.allows(lease(1, whitelist_version=5))
    assert len(waits) == 2


async def test_a_start_without_a_list_goes_on(whitelist: Whitelist, link: FakeLink):
    link.whitelists.then(GatewayUnreachable())
    await whitelist.begin()
    assert whitelist.version == 0


async def test_news_of_another_list_fetch_it_and_the_same_again_does_not(whitelist: Whitelist, link: FakeLink):
    link.whitelists.then(told(5, "ann"))
    task = asyncio.create_task(whitelist.run())
    whitelist.told(5)
    await link.whitelists.arrived(1)
    while whitelist.version != 5:
        await asyncio.sleep(0)
    whitelist.told(5)
    for _ in range(10):
        await asyncio.sleep(0)
    task.cancel()
    assert link.history == ["whitelist"]
