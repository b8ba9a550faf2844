"""Drain: each target takes nothing new, is told so at once, is written down, and serves again when it is let."""

import asyncio

import pytest

from contract.drain import DrainTarget
from contract.engine_link import HeartbeatRequest, InstanceStats
from contract.errors import AuditUnavailable, EngineUnknown, FloworkError, InstanceUnknown, QueueDraining, ServerDraining
from contract.words import Directive, DrainState, EventName, Role
from gateway.operations.sources import Sources

LAB, DEN = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"
ONE, TWO, FAR = f"{1:032x}", f"{2:032x}", f"{0xF << 124:x}"
GATEWAY = DrainTarget()
LONG_MS = 25_000


@pytest.fixture
async def drain(rooms):
    """`ann` owns, `bob` runs jobs on `lab`, `cy` has nothing. Instances: 1 and 2 of lab, f0... of den."""
    rooms.owners = {"ann"}
    for user in ("ann", "bob", "cy"):
        await rooms.add_user(user, user.title())
    await rooms.sharing.load()
    await rooms.sharing.share("lab", "bob", Role.RUNNER, None, "owner")
    await rooms.claim(1)
    await rooms.claim(2)
    await rooms.claim(0xF << 124, engine=DEN)
    return rooms.drain


async def refused(rooms, engine: str) -> type[FloworkError] | None:
    try:
        await rooms.submit(engine=engine)
    except FloworkError as error:
        return type(error) if error.retry_after_s else None
    return None


def told(rooms, instance: str, engine: str = LAB) -> Directive:
    return rooms.drain.directive(rooms.caller(engine), instance)


@pytest.mark.parametrize(
    ("target", "lab", "den", "one", "two", "far"),
    [
        (GATEWAY, ServerDraining, ServerDraining, "drain", "drain", "drain"),
        (DrainTarget(engine="lab"), QueueDraining, None, "drain", "drain", "run"),
        (DrainTarget(engine=LAB), QueueDraining, None, "drain", "drain", "run"),
        (DrainTarget(instance=ONE), None, None, "drain", "run", "run"),
    ],
    ids=["gateway", "engine", "engine-id", "instance"],
)
class TestTargets:
    async def test_what_drains_and_nothing_else_takes_nothing_new(self, drain, rooms, target, lab, den, one, two, far):
        await drain.change(target, DrainState.DRAIN, "owner")
        assert (await refused(rooms, "lab"), await refused(rooms, "den")) == (lab, den)
        assert (told(rooms, ONE), told(rooms, TWO), told(rooms, FAR, DEN)) == (one, two, far)

    async def test_it_serves_again_when_it_is_let(self, drain, rooms, target, lab, den, one, two, far):
        for state in (DrainState.STOP, DrainState.RUN):
            await drain.change(target, state, "owner")
        assert (await refused(rooms, "lab"), await refused(rooms, "den")) == (None, None)
        assert {told(rooms, ONE), told(rooms, TWO), told(rooms, FAR, DEN)} == {Directive.RUN}

    async def test_those_who_wait_hear_at_once(self, drain, rooms, target, lab, den, one, two, far):
        claims = [
            asyncio.create_task(rooms.claiming.claim(rooms.caller(engine), rooms.request(n, wait_ms=LONG_MS), asyncio.Event()))
            for n, engine in ((1, LAB), (2, LAB), (0xF << 124, DEN))
        ]
        await rooms.waiters(2)
        await drain.change(target, DrainState.DRAIN, "owner")
        for claim, word in zip(claims, (one, two, far), strict=True):
            if word == "run":
                claim.cancel()
            else:
                assert (await claim).directive == word

    async def test_it_is_written_down_or_does_not_happen(self, drain, rooms, book, target, lab, den, one, two, far):
        book.break_it()
        with pytest.raises(AuditUnavailable):
            await drain.change(target, DrainState.DRAIN, "ann")
        assert (await refused(rooms, "lab"), told(rooms, ONE), rooms.told) == (None, Directive.RUN, [])


async def test_the_audit_log_says_who_drained_what(drain, book):
    await drain.change(GATEWAY, DrainState.DRAIN, "ann")
    await drain.change(DrainTarget(engine="lab"), DrainState.STOP, "owner")
    assert book.events()[-2:] == [("drain.change", "ann", "gateway"), ("drain.change", "owner", LAB)]


async def test_a_known_key_is_answered_while_draining_and_says_so(drain, rooms):
    first = await rooms.submit("bob", key="k")
    await drain.change(DrainTarget(engine="lab"), DrainState.DRAIN, "owner")
    again = await rooms.submit("bob", key="k")
    assert (again.job, again.replayed, again.draining, first.draining) == (first.job, True, True, False)


async def test_no_jobs_are_handed_out_while_draining_and_all_afterwards(drain, rooms):
    job = await rooms.job()
    await drain.change(DrainTarget(engine="lab"), DrainState.DRAIN, "owner")
    assert (await rooms.claim(1)).leases == []
    beat = HeartbeatRequest(instance=ONE, leases=[], stats=InstanceStats(slots=1, busy=0))
    assert (await rooms.reporting.heartbeat(rooms.caller(), beat)).directive == "drain"
    await drain.change(DrainTarget(engine="lab"), DrainState.RUN, "owner")
    assert [lease.job for lease in (await rooms.claim(1)).leases] == [job]


async def test_a_paused_engine_stays_paused_after_a_restart_and_the_gateway_does_not(drain, rooms):
    await drain.change(DrainTarget(engine="lab"), DrainState.DRAIN, "owner")
    again = Sources(rooms.control)
    await again.load()
    assert [(row.name, row.paused) for row in again.engines()] == [("lab", True), ("den", False)]


async def test_of_an_engine_that_is_stopped_the_known_instances_stop_and_later_ones_drain(drain, rooms):
    await drain.change(DrainTarget(engine="lab"), DrainState.STOP, "owner")
    await rooms.claim(3)
    assert (told(rooms, ONE), told(rooms, TWO), told(rooms, f"{3:032x}"), told(rooms, FAR, DEN)) == ("stop", "stop", "drain", "run")
    await drain.change(DrainTarget(engine="lab"), DrainState.DRAIN, "owner")
    assert told(rooms, ONE) == "drain"


async def test_the_strictest_of_what_is_wanted_is_told(drain, rooms):
    rooms.directive = Directive.ROTATE
    assert told(rooms, ONE) == "rotate"
    await drain.change(GATEWAY, DrainState.DRAIN, "owner")
    assert told(rooms, ONE) == "drain"
    await drain.change(DrainTarget(instance=ONE), DrainState.STOP, "owner")
    assert (told(rooms, ONE), told(rooms, TWO)) == ("stop", "drain")
    await drain.change(GATEWAY, DrainState.RUN, "owner")
    assert (told(rooms, ONE), told(rooms, TWO)) == ("stop", "rotate")


class TestNames:
    @pytest.mark.parametrize("beginning", ["f000", FAR])
    async def test_the_beginning_of_an_id_is_enough(self, drain, rooms, beginning: str):
        await drain.change(DrainTarget(instance=beginning), DrainState.DRAIN, "owner")
        assert told(rooms, FAR, DEN) == "drain"

    @pytest.mark.parametrize("beginning", ["0000", "abcd", ONE + ""])
    async def test_one_that_fits_several_or_none_changes_nothing(self, drain, rooms, book, beginning: str):
        if beginning == ONE:
            rooms.presence._instances.pop(ONE)
        before = len(book.events())
        with pytest.raises(InstanceUnknown):
            await drain.change(DrainTarget(instance=beginning), DrainState.STOP, "owner")
        assert (told(rooms, TWO), len(book.events()), rooms.told) == ("run", before, [])

    async def test_an_engine_that_is_not_there_changes_nothing(self, drain, rooms, book):
        before = len(book.events())
        with pytest.raises(EngineUnknown):
            await drain.change(DrainTarget(engine="attic"), DrainState.DRAIN, "owner")
        assert (len(book.events()), rooms.told) == (before, [])


class TestEvents:
    async def test_everyone_who_may_use_it_is_told_and_can_read_it_later(self, drain, rooms):
        await drain.change(DrainTarget(engine="lab"), DrainState.DRAIN, "owner")
        assert sorted(event.user for event in rooms.told) == ["ann", "bob"]
        event = (await rooms.watch.events("bob", None, 0))[0][-1]
        assert (event.source, event.name) == ("control", EventName.DRAIN_CHANGED)
        assert event.data == {"engine": LAB, "name": "lab", "instance": None, "state": "drain"}
        assert [event.name for event in (await rooms.watch.events("cy", None, 0))[0]] == [EventName.DEVICE_ADDED]

    async def test_of_the_gateway_everyone_is_told(self, drain, rooms):
        await drain.change(GATEWAY, DrainState.DRAIN, "owner")
        assert sorted(event.user for event in rooms.told) == ["ann", "bob", "cy"]
        assert rooms.told[0].data == {"engine": None, "name": None, "instance": None, "state": "drain"}

    async def test_numbers_have_no_gaps_beside_those_of_devices(self, drain, rooms):
        before = await rooms.people.last_news("bob")
        for state in (DrainState.DRAIN, DrainState.RUN):
            await drain.change(DrainTarget(instance=ONE), state, "owner")
        assert [event.seq for event in rooms.told if event.user == "bob"] == [before + 1, before + 2]
        assert rooms.told[0].data["instance"] == ONE


class TestView:
    async def test_the_owner_sees_everything_and_what_still_runs(self, drain, rooms):
        await rooms.job()
        await rooms.claim(1)
        await drain.change(DrainTarget(instance=ONE), DrainState.STOP, "owner")
        view = await drain.view()
        lab, den = view.engines
        assert (view.gateway, view.running, lab.state, lab.running, den.running) == ("run", 1, "run", 1, 0)
        assert [(each.instance, each.state, each.running) for each in lab.instances] == [(ONE, "stop", 1), (TWO, "run", 0)]

    async def test_others_see_the_gateway_and_their_engines_without_instances(self, drain):
        await drain.change(GATEWAY, DrainState.DRAIN, "owner")
        view = await drain.view_for("bob")
        assert (view.gateway, [engine.name for engine in view.engines], view.engines[0].instances) == ("drain", ["lab"], [])
        assert (await drain.view_for("cy")).engines == []

    async def test_an_engine_whose_queue_cannot_be_opened_is_in_it(self, drain, rooms):
        rooms.directory.refused[LAB] = "damaged"
        assert [engine.running for engine in (await drain.view()).engines] == [0, 0]
