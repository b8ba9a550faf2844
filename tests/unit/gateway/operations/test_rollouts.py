"""Rollouts: one version at a time is tried, then everybody's or nobody's; a bad one goes by itself, with its reason."""

import pytest

from contract.drain import DrainTarget
from contract.engine_link import Announce, Failure, FinishRequest
from contract.errors import AuditUnavailable, RolloutConflict
from contract.words import Directive, DrainState, Outcome
from gateway.operations import rollout as operation
from gateway.rules.rollout import RolloutState

LAB = "aaaaaaaaaaaaaaaa"


@pytest.fixture
async def rollouts(rooms):
    """Instances 1 and 2 run version 1; 3 runs version 2; 4 runs version 1 and is flagged."""
    await hello(rooms)
    return rooms.rollouts


async def hello(rooms) -> None:
    for number, version, canary in ((1, "1", False), (2, "1", False), (3, "2", False), (4, "1", True)):
        await rooms.claim(number, max=0, announce=announce(version, canary))


def announce(version: str, canary: bool = False) -> Announce:
    return Announce(version=version, canary=canary, slots=4, kinds=["echo"])


def canaries(rooms) -> list[int]:
    return [int(found.id, 16) for found in rooms.presence.of(LAB) if rooms.rollouts.is_canary(found)]


def told(rooms) -> dict[int, str]:
    return {number: str(rooms.drain.directive(rooms.caller(), f"{number:032x}")) for number in (1, 2, 3, 4)}


async def attempt(rooms, number: int, version: str, *, failed: bool = False, took_s: float = 0.01) -> None:
    await rooms.job(max_attempts=1)
    (lease,) = (await rooms.claim(number, announce=announce(version))).leases
    rooms.clock.advance(took_s)
    ending = FinishRequest(token=lease.token, outcome=Outcome.SUCCEEDED, result=1)
    if failed:
        ending = FinishRequest(token=lease.token, outcome=Outcome.FAILED, error=Failure(code="test.bad", message="bad"))
    await rooms.reporting.finish(LAB, lease.job, ending)


async def test_instances_of_the_version_and_flagged_ones_are_canaries(rollouts, rooms):
    assert canaries(rooms) == [4]
    await rollouts.start("lab", "2", 30, "owner")
    assert (canaries(rooms), rollouts.percent(LAB), rollouts.percent("other")) == ([3, 4], 30, 10)


async def test_a_promoted_version_is_everybodys(rollouts, rooms):
    await rollouts.start("lab", "2", None, "owner")
    view = await rollouts.promote("lab", stop_old=False, actor="owner")
    assert (canaries(rooms), view.state, set(told(rooms).values())) == ([4], "promoted", {"run"})
    assert view.other_versions == {f"{number:032x}": "1" for number in (1, 2, 4)}


async def test_with_stop_old_the_instances_of_other_versions_stop(rollouts, rooms):
    await rollouts.start("lab", "2", None, "owner")
    await rollouts.promote("lab", stop_old=False, actor="owner")
    await rollouts.promote("lab", stop_old=True, actor="owner")
    assert told(rooms) == {1: "stop", 2: "stop", 3: "run", 4: "stop"}
    await rooms.claim(5, max=0, announce=announce("1"))
    assert rooms.drain.directive(rooms.caller(), f"{5:032x}") == "run"


async def test_after_a_rollback_canaries_stop_and_their_version_gets_nothing(rollouts, rooms):
    await rollouts.start("lab", "2", None, "owner")
    view = await rollouts.rollback("lab", "because", "owner")
    assert (view.state, view.reason, told(rooms)) == ("rolled_back", "because", {1: "run", 2: "run", 3: "stop", 4: "stop"})
    await rooms.claim(5, max=0, announce=announce("2"))
    assert rooms.drain.directive(rooms.caller(), f"{5:032x}") == "drain"
    await rooms.drain.change(DrainTarget(instance=f"{4:032x}"), DrainState.RUN, "owner")
    assert told(rooms)[4] == "run"


async def test_a_version_that_is_tried_anew_gets_jobs_again(rollouts, rooms):
    await rollouts.start("lab", "2", None, "owner")
    await rollouts.rollback("lab", "because", "owner")
    await rollouts.start("lab", "2", None, "owner")
    assert told(rooms)[3] == "run"


async def test_one_at_a_time_and_in_order(rollouts, book):
    with pytest.raises(RolloutConflict):
        await rollouts.promote("lab", stop_old=True, actor="owner")
    with pytest.raises(RolloutConflict):
        await rollouts.rollback("lab", "", "owner")
    await rollouts.start("lab", "2", None, "owner")
    with pytest.raises(RolloutConflict):
        await rollouts.start("lab", "3", None, "owner")
    await rollouts.promote("lab", stop_old=False, actor="owner")
    with pytest.raises(RolloutConflict):
        await rollouts.start("lab", "2", None, "owner")
    assert [event for event, *_ in book.events()] == ["rollout.start", "rollout.promote"]


async def test_what_cannot_be_written_down_does_not_happen(rollouts, rooms, book):
    await rollouts.start("lab", "2", None, "owner")
    book.break_it()
    for act in (rollouts.promote("lab", stop_old=True, actor="owner"), rollouts.rollback("lab", "", "owner")):
        with pytest.raises(AuditUnavailable):
            await act
    assert (rollouts.view(LAB).state, set(told(rooms).values())) == ("running", {"run"})


async def test_it_survives_a_restart(rollouts, rooms):
    await rollouts.start("lab", "2", 25, "owner")
    await rollouts.rollback("lab", "because", "owner")
    await rollouts.start("lab", "3", 30, "owner")
    await rollouts.promote("lab", stop_old=False, actor="owner")
    await rollouts.start("lab", "4", 35, "owner")
    await rollouts.promote("lab", stop_old=False, actor="owner")
    await rollouts.start("lab", "5", 40, "owner")
    again = operation.Rollouts(
        rooms.control.rollouts, rooms.sources, rooms.presence, rooms.attempts, rooms.shares, rooms.wake, rollouts.audit, rooms.clock, 10
    )
    await again.load()
    assert again._known == rollouts._known
    states = [(each.version, each.state) for each in again._known[LAB].values()]
    assert states == [
        ("2", RolloutState.ROLLED_BACK),
        ("3", RolloutState.REPLACED),
        ("4", RolloutState.PROMOTED),
        ("5", RolloutState.RUNNING),
    ]
    assert (again.percent(LAB), again._runs.is_set()) == (40, True)
    (found,) = [found for found in rooms.presence.of(LAB) if found.announce.version == "2"]
    assert again.directive(found) is Directive.DRAIN


class TestJudgement:
    async def test_a_bad_canary_is_rolled_back_with_its_reason(self, rollouts, rooms, book):
        await rollouts.start("lab", "2", None, "owner")
        for _ in range(20):
            await attempt(rooms, 1, "1")
            await attempt(rooms, 3, "2", failed=True)
        await rollouts.judge()
        view = rollouts.view(LAB)
        assert (view.state, view.reason) == ("rolled_back", "20 of 20 attempts failed (100%); of the others' 0 of 20 (0%)")
        assert book.events()[-1] == ("rollout.rollback", "gateway", LAB)
        assert told(rooms)[3] == "stop"

    async def test_a_slow_canary_is_rolled_back(self, rollouts, rooms):
        await rollouts.start("lab", "2", None, "owner")
        for _ in range(20):
            await attempt(rooms, 1, "1")
            await attempt(rooms, 3, "2", took_s=0.2)
        await rollouts.judge()
        assert rollouts.view(LAB).reason == "p95 of the service time is 200 ms; of the others 10 ms"

    async def test_a_good_one_goes_on_and_is_shown(self, rollouts, rooms):
        await rollouts.start("lab", "2", None, "owner")
        for _ in range(30):
            await attempt(rooms, 1, "1")
            await attempt(rooms, 3, "2")
        await rollouts.judge()
        view = rollouts.view(LAB)
        assert view.state == "running"
        assert (view.canary.attempts, view.canary.failed, view.rest.attempts) == (30, 0, 30)
        assert view.canary.p95_ms == pytest.approx(10)

    async def test_what_happened_before_the_start_does_not_count(self, rollouts, rooms):
        for _ in range(30):
            await attempt(rooms, 1, "1")
            await attempt(rooms, 3, "2", failed=True)
        rooms.clock.advance(1)
        await rollouts.start("lab", "2", None, "owner")
        await rollouts.judge()
        assert rollouts.view(LAB).state == "running"

    async def test_one_that_cannot_be_written_down_is_tried_again(self, rollouts, rooms, book):
        await rollouts.start("lab", "2", None, "owner")
        for _ in range(20):
            await attempt(rooms, 1, "1")
            await attempt(rooms, 3, "2", failed=True)
        book.break_it()
        await rollouts.judge()
        assert rollouts.view(LAB).state == "running"
        book.file._connection.execute("PRAGMA query_only = OFF")
        await rollouts.judge()
        assert rollouts.view(LAB).state == "rolled_back"
