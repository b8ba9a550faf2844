"""`engine: "any"`: one choice for each key, which is kept."""

import asyncio

import pytest

from contract import limits
from contract.engine_link import Announce
from contract.errors import EngineUnknown, KindUnserved, QueueFull, ShardUnavailable
from contract.words import Directive
from gateway.operations.submit import Taken
from tests.support.queue import TRACE

LAB, DEN = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"


async def up(rooms, engine: str, slots: int = 4, kinds: tuple[str, ...] = ("echo",)) -> None:
    announce = Announce(version="1", slots=slots, kinds=list(kinds))
    await rooms.claim(instance=int(engine[0], 16), engine=engine, announce=announce, max=0)


@pytest.fixture
async def both(rooms):
    await up(rooms, LAB)
    await up(rooms, DEN)
    return rooms


async def jobs(rooms) -> dict[str, int]:
    return {engine: (await store.load()).queued for engine, store in rooms.directory.stores.items()}


async def test_a_job_goes_where_a_slot_is_free(both):
    for _ in range(3):
        await both.submit(engine="lab")
    assert (await both.submit(engine="any")).engine == DEN


async def test_a_repetition_goes_where_the_first_one_went_whatever_changed(both):
    first = await both.submit(key="k", engine="any")
    for _ in range(9):
        await both.submit(engine={LAB: "lab", DEN: "den"}[first.engine])
    again = await both.submit(key="k", engine="any")
    assert (again.engine, again.replayed, again.job) == (first.engine, True, first.job)
    other = await both.submit(key="k2", engine="any")
    assert other.engine != first.engine
    assert (await both.submit(key="k", engine=first.engine)).replayed  # named, it is the same request


async def test_racing_repetitions_make_one_job(both):
    outcomes = await asyncio.gather(*(both.submit(key="k", engine="any") for _ in range(8)))
    assert len({outcome.job.uuid for outcome in outcomes}) == 1
    assert sum((await jobs(both)).values()) == 1


async def test_a_choice_whose_submit_never_came_through_is_kept_for_the_retry(both):
    """As after a crash between the choice and the insert, when the other engine has become the better one."""
    found = await both.submitting.choosing.engines("ann", [("k", "echo")])
    for _ in range(9):
        await both.submit(engine={LAB: "lab", DEN: "den"}[found["k"]])
    assert (await both.submit(key="k", engine="any")).engine == found["k"]


async def test_a_refused_submit_stays_with_its_engine(both):
    both.admission.hard_cap = 1
    await both.submit(engine="lab")
    await both.submit(engine="den")
    with pytest.raises(QueueFull):
        await both.submit(key="k", engine="any")
    (chosen,) = (await both.control.choices.known("ann", ["k"])).values()
    both.admission.hard_cap = 2
    assert (await both.submit(key="k", engine="any")).engine == chosen


async def test_a_batch_spreads_over_the_engines_and_keys_stay_each_users_own(both):
    items = [(f"k{n}", both.draft(engine="any")) for n in range(6)]
    outcomes = await both.submitting.many("ann", items, TRACE)
    assert [type(outcome) for outcome in outcomes] == [Taken] * 6
    assert await jobs(both) == {LAB: 3, DEN: 3}
    assert [outcome.job.uuid for outcome in await both.submitting.many("ann", items, TRACE)] == [o.job.uuid for o in outcomes]
    assert not (await both.submit("bob", key="k0", engine="any")).replayed


async def test_the_same_key_twice_in_a_batch_is_one_job(both):
    first, second = await both.submitting.many("ann", [("k", both.draft(engine="any"))] * 2, TRACE)
    assert (first.replayed, second.replayed) == (False, True)
    assert first.job == second.job


async def test_a_kind_that_no_engine_serves_is_refused_and_nothing_is_kept(both):
    served, unserved = await both.submitting.many(
        "ann", [("a", both.draft(engine="any")), ("b", both.draft(engine="any", kind="x"))], TRACE
    )
    assert isinstance(served, Taken)
    assert isinstance(unserved, KindUnserved)
    assert await both.control.choices.known("ann", ["a", "b"]) == {"a": served.engine}


async def test_only_engines_that_serve_the_kind_and_take_jobs_are_chosen(rooms):
    await up(rooms, LAB, kinds=("http",))
    await up(rooms, DEN, slots=1)
    for _ in range(3):
        assert (await rooms.submit(engine="any")).engine == DEN
    rooms.clock.advance(31)  # nobody is up any more; den is known to serve it
    assert (await rooms.submit(engine="any")).engine == DEN


async def test_right_after_a_start_a_job_waits_for_engines_to_come(rooms):
    assert (await rooms.submit(engine="any")).notice is not None


async def test_only_engines_on_which_the_user_may_start_jobs_are_chosen(both):
    both.owners = set()
    with pytest.raises(KindUnserved):
        await both.submit(engine="any")
    both.owners = {"ann"}
    taken = await both.submit(key="k", engine="any")
    both.owners = set()
    with pytest.raises(EngineUnknown):  # as for one that is named: it was unshared meanwhile
        await both.submit(key="k", engine="any")
    assert sum((await jobs(both)).values()) == 1
    assert taken.engine in {LAB, DEN}


async def test_a_queue_that_cannot_be_opened_is_passed_over(both):
    both.directory.refused[LAB] = "damaged"
    assert (await both.submit(engine="any")).engine == DEN
    both.directory.refused[DEN] = "damaged"
    with pytest.raises(ShardUnavailable):
        await both.submit(engine="any")


async def test_a_draining_engine_is_chosen_only_where_there_is_no_other(both):
    choosing = both.submitting.choosing
    choosing.draining = lambda engine: engine == LAB
    for n in range(6):
        assert (await both.submit(key=f"k{n}", engine="any")).engine == DEN
    both.directive = Directive.RUN


async def test_a_choice_is_forgotten_no_sooner_than_its_key(both):
    first = await both.submit(key="k", engine="any")
    both.clock.advance(limits.IDEMPOTENCY_KEEP_S - 1)
    assert (await both.submit(key="k", engine=first.engine)).replayed
    await both.submit(key="other", engine="den")
    assert await both.control.choices.known("ann", ["k"]) == {"k": first.engine}
    await both.submit(key="k", engine="any")  # in use again: it may be known there for two days from now
    both.clock.advance(limits.IDEMPOTENCY_KEEP_S - 1)
    await both.submit(key="next", engine="lab")
    assert await both.control.choices.known("ann", ["k"]) == {"k": first.engine}
    both.clock.advance(2)
    await up(both, DEN)
    await both.submit(key="new", engine="any")
    assert set(await both.control.choices.known("ann", ["k", "new"])) == {"new"}
