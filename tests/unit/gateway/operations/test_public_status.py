"""The public status: what the owner shows, at most once a second, and nobody in it."""

import pytest

from contract.drain import DrainTarget
from contract.engine_link import Announce
from contract.words import DrainState
from gateway.operations.public_status import PublicView

LAB, DEN = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"


@pytest.fixture
def public(rooms) -> PublicView:
    return PublicView(
        "1.2.3", rooms.sources, rooms.presence, rooms.directory, rooms.delays, rooms.attempts, rooms.drain, rooms.clock, 100, 900.0
    )


async def show(rooms, engine: str = LAB) -> None:
    await rooms.control.pauses.publish(engine, True)
    await rooms.sources.engines_changed()


async def test_nothing_is_shown_by_name_that_the_owner_did_not_publish(public: PublicView, rooms):
    await rooms.claim(1)
    told = await public.status()
    assert (told.gateway.version, told.gateway.state, told.engines) == ("1.2.3", "ok", [])
    assert told.others.model_dump() == {"engines": 2, "up": 1, "capacity": {"slots": 4, "busy": 0, "hint": "free"}}


async def test_a_public_engine_is_shown_as_it_is(public: PublicView, rooms):
    await show(rooms)
    await rooms.job()
    await rooms.job()
    await rooms.claim(1, announce=Announce(version="7", slots=1, kinds=["echo"]))
    rooms.presence.busy(f"{1:032x}", 1)
    (engine,) = (await public.status()).engines
    assert engine.model_dump() == {
        "name": "lab",
        "health": "up",
        "state": "run",
        "capacity": {"slots": 1, "busy": 1, "hint": "full"},
        "queue": {"depth_band": "low", "start_delay_p95_ms": 0.0},
        "instances": 1,
        "versions": ["7"],
    }


async def test_no_identity_is_in_it(public: PublicView, rooms):
    await show(rooms)
    job = await rooms.job(payload={"secret": "xyzzy"})
    await rooms.claim(1)
    text = (await public.status()).model_dump_json()
    assert not [word for word in (LAB, DEN, "den", "ann", f"{1:032x}", "first", job, "xyzzy", "token") if word in text]


async def test_it_is_gathered_once_a_second(public: PublicView, rooms):
    await public.status()
    await show(rooms)
    rooms.clock.advance(0.9)
    assert (await public.status()).engines == []
    rooms.clock.advance(0.1)
    assert len((await public.status()).engines) == 1


@pytest.mark.parametrize(("silent_s", "health", "instances"), [(0, "up", 1), (31, "stale", 0), (301, "down", 0)])
async def test_health_follows_the_latest_call(public: PublicView, rooms, silent_s: int, health: str, instances: int):
    await show(rooms)
    await rooms.claim(1)
    rooms.clock.advance(silent_s)
    (engine,) = (await public.status()).engines
    assert (engine.health, engine.instances) == (health, instances)


async def test_draining_shows(public: PublicView, rooms):
    await show(rooms)
    await rooms.drain.change(DrainTarget(engine="lab"), DrainState.DRAIN, "owner")
    told = await public.status()
    assert (told.gateway.state, told.engines[0].state) == ("ok", "drain")
    rooms.drain.shut()
    rooms.clock.advance(1)
    assert (await public.status()).gateway.state == "draining"


async def test_a_queue_that_cannot_be_opened_degrades_the_gateway_and_is_full(public: PublicView, rooms):
    await show(rooms)
    rooms.directory.refused[LAB] = "damaged"
    told = await public.status()
    assert (told.gateway.state, told.engines[0].queue.depth_band) == ("degraded", "high")
