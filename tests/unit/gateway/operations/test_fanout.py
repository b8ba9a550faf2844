"""Fanout: committed events reach whoever listens, and wake whoever waits for that user."""

import asyncio

import pytest

from contract.events import Event
from contract.words import EventName
from gateway.operations.fanout import LocalFanout
from gateway.store.seam import StoredEvent
from kit.clock import SECOND


@pytest.fixture
async def fanout() -> LocalFanout:
    return LocalFanout()


def stored(user: str, seq: int = 1) -> StoredEvent:
    return StoredEvent(user, seq, EventName.JOB_UPDATED, 1_767_225_600 * SECOND, {"id": "j"})


async def test_every_listener_hears_every_event_with_its_user_and_source(fanout: LocalFanout):
    heard: list[tuple[str, Event]] = []
    fanout.listen(lambda user, event: heard.append((user, event)))
    fanout.listen(lambda user, event: heard.append((user, event)))
    fanout.publish("aaaa", stored("ann"))
    fanout.publish("bbbb", stored("bob", 7))
    wire = Event(source="aaaa", seq=1, name=EventName.JOB_UPDATED, at="2026-01-01T00:00:00.000000Z", data={"id": "j"})
    assert heard[:2] == [("ann", wire), ("ann", wire)]
    assert [(user, event.source, event.seq) for user, event in heard[2:]] == [("bob", "bbbb", 7)] * 2


async def test_an_event_wakes_everyone_who_waits_for_its_user_and_nobody_else(fanout: LocalFanout):
    with fanout.arrival("ann") as first, fanout.arrival("ann") as second, fanout.arrival("bob") as other:
        fanout.publish("aaaa", stored("ann"))
        assert [arrival.is_set() for arrival in (first, second, other)] == [True, True, False]


async def test_an_event_before_the_wait_does_not_count(fanout: LocalFanout):
    fanout.publish("aaaa", stored("ann"))
    with fanout.arrival("ann") as arrival:
        assert not arrival.is_set()


async def test_who_has_left_is_forgotten_whatever_the_order(fanout: LocalFanout):
    first, second = fanout.arrival("ann"), fanout.arrival("ann")
    first.__enter__()
    staying = second.__enter__()
    first.__exit__(None, None, None)
    fanout.publish("aaaa", stored("ann"))
    assert staying.is_set()
    second.__exit__(None, None, None)
    assert fanout._arrivals == {}


async def test_publishing_for_users_nobody_waits_for_leaves_nothing_behind(fanout: LocalFanout):
    fanout.publish("aaaa", stored("ann"))
    assert fanout._arrivals == {}


async def test_closing_wakes_everyone(fanout: LocalFanout):
    with fanout.arrival("ann") as ann, fanout.arrival("bob") as bob:
        fanout.close()
        async with asyncio.timeout(10):
            await asyncio.gather(ann.wait(), bob.wait())
