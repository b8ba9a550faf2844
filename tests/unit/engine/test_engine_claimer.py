"""`Claimer`: exactly one claim is outstanding, nothing granted is lost, nothing finished is forgotten."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from contract import limits
from contract.engine_link import ClaimAnswer, ClaimRequest, Finished
from contract.errors import EngineIdMismatch, EngineTokenInvalid, GatewayStopping, GatewayUnreachable, RequestInvalid
from contract.offers import OfferedKind, OfferedModel
from contract.version import VERSION
from contract.words import Directive, FinishStatus, Outcome
from engine.runtime.claimer import Claimer
from engine.runtime.offering import Offering
from engine.runtime.reporter import UNAUTHORISED_WAIT_S
from engine.runtime.slots import Slots
from kit.backoff import Backoff
from tests.support.fake_link import INSTANCE, job_id, lease

WAIT_MS = 25_000


@dataclass
class Claiming:
    """A claimer at work for a room."""

    room: Any
    claimer: Claimer
    slots: Slots
    gate: asyncio.Event
    """Jobs of the kind `wait` end when it is set."""

    async def asked(self, count: int) -> ClaimRequest:
        """The claim of that number, once it came."""
        return await self.room.link.claims.arrived(count)


@asynccontextmanager
async def claiming(room, count: int = 1, uniform: float = 0.0, offering: Offering | None = None) -> AsyncIterator[Claiming]:
    gate = asyncio.Event()

    async def wait(job, payload):
        await gate.wait()
        return payload

    async def work(job, payload):
        return payload

    room.serve("wait", wait)
    room.serve("work", work)
    numbers = itertools.count(1)
    claimer = Claimer(
        room.link,
        INSTANCE,
        room.book,
        room.reporter,
        room.clock,
        Backoff(0.2, 30.0),
        lambda: uniform,
        lambda: f"{next(numbers):032x}",
        WAIT_MS,
        offering=offering,
    )
    slots = room.slots(count, lambda: claimer.saturated)
    task = asyncio.create_task(claimer.run(slots))
    try:
        async with asyncio.timeout(20):
            yield Claiming(room, claimer, slots, gate)
    finally:
        task.cancel()
        await asyncio.wait({task})
        gate.set()
        await slots.idle.wait()
    assert task.cancelled()


def gives(*leases, **more) -> ClaimAnswer:
    return ClaimAnswer(leases=list(leases), **more)


def settles(request: ClaimRequest) -> ClaimAnswer:
    """Take every riding report."""
    return ClaimAnswer(finished=[Finished(job=ridden.job, status=FinishStatus.OK) for ridden in request.finished])


class TestAsking:
    async def test_a_claim_says_who_asks_for_how_many_jobs_of_which_kinds(self, room, link):
        link.claims.then(ClaimAnswer())
        async with claiming(room, 3) as it:
            first, request = await it.asked(1), await it.asked(2)
        assert first.wait_ms == 0  # that there is a gateway is known at once, also when there is no work
        assert (request.instance, request.max, request.wait_ms) == (INSTANCE, 3, WAIT_MS)
        assert (request.announce.version, request.announce.slots, request.announce.kinds) == (VERSION, 3, ["wait", "work"])
        assert (request.running, request.finished) == ([], [])

    async def test_a_claim_says_which_whitelist_is_known_and_heeds_which_is_in_force(self, room, link):
        link.claims.then(gives(whitelist_version=5))
        async with claiming(room) as it:
            it.slots.whitelist.version = 3
            assert (await it.asked(1)).announce.whitelist_version in {0, 3}
            assert (await it.asked(2)).announce.whitelist_version == 3
            assert it.slots.whitelist._news.is_set()

    async def test_granted_jobs_run(self, room, link):
        link.claims.then(gives(lease(1, "work", "p"), lease(2, "work", "q")))
        async with claiming(room, 3):
            assert {(await room.finished(number)).result for number in (1, 2)} == {"p", "q"}

    async def test_only_free_slots_are_asked_for(self, room, link):
        link.claims.then(gives(lease(1, "wait")))
        async with claiming(room, 3) as it:
            assert (await it.asked(2)).max == 2

    async def test_a_changed_number_of_slots_is_asked_for_and_announced_at_once(self, room):
        async with claiming(room, 2) as it:
            await it.asked(1)
            for number, count in ((2, 5), (3, 1)):
                it.slots.resize(count)
                request = await it.asked(number)
                assert (request.max, request.announce.slots) == (count, count)

    async def test_a_busy_engine_that_grows_asks_at_once(self, room, link):
        link.claims.then(gives(lease(1, "wait")))
        async with claiming(room, 1) as it:
            assert (await it.asked(2)).max == 0
            it.slots.resize(3)
            assert (await it.asked(3)).max == 2

    async def test_slots_above_a_lowered_number_are_not_filled_again_and_their_reports_do_not_wait(self, room, link):
        link.claims.then(gives(lease(1, "wait"), lease(2, "wait"), lease(3, "once")))
        once = asyncio.Event()

        async def end_once(job, payload):
            await once.wait()

        room.serve("once", end_once)
        async with claiming(room, 3) as it:
            assert (await it.asked(2)).max == 0
            it.slots.resize(1)
            assert ((await it.asked(3)).max, it.slots.busy, it.slots.free) == (0, 3, 0)
            once.set()
            request = await it.asked(4)
            assert (request.max, [ridden.job for ridden in request.finished]) == (0, [job_id(3)])

    async def test_no_claim_asks_for_more_than_the_protocol_allows(self, room):
        async with claiming(room, limits.CLAIM_MAX_JOBS + 1) as it:
            assert (await it.asked(1)).max == limits.CLAIM_MAX_JOBS

    async def test_one_claim_is_outstanding_at_a_time(self, room, link):
        outstanding, most = 0, 0

        async def answer(request: ClaimRequest) -> ClaimAnswer:
            nonlocal outstanding, most
            outstanding += 1
            most = max(most, outstanding)
            try:
                if len(link.claims.asked) > 20:
                    await asyncio.get_running_loop().create_future()
                await asyncio.sleep(0)
                return gives(lease(len(link.claims.asked), "work")) if request.max else settles(request)
            finally:
                outstanding -= 1

        link.claims.then(*[answer] * 30)
        async with claiming(room, 2) as it:
            await it.asked(21)
        assert most == 1

    async def test_a_claim_without_an_answer_worth_mentioning_is_followed_by_the_next(self, room, link):
        link.claims.then(ClaimAnswer(), ClaimAnswer())
        async with claiming(room) as it:
            assert (await it.asked(3)).max == 1

    async def test_the_engine_is_connected_once_a_claim_was_answered(self, room, link):
        answer = asyncio.get_running_loop().create_future()
        link.claims.then(answer)
        async with claiming(room) as it:
            await it.asked(1)
            assert not it.claimer.connected.is_set()
            answer.set_result(ClaimAnswer())
            await it.claimer.connected.wait()

    async def test_a_lease_counts_from_when_the_claim_was_sent(self, room, link, clock):
        answer = asyncio.get_running_loop().create_future()
        link.claims.then(answer)
        async with claiming(room) as it:
            await it.asked(1)
            clock.advance(20)
            answer.set_result(gives(lease(1, "wait", granted_after_ms=15_000)))
            await it.asked(2)
            clock.advance(24 - 5 - 0.001)
            assert room.book.lapsed(clock.now().steady) == []
            clock.advance(0.001)
            assert [held.job for held in room.book.lapsed(clock.now().steady)] == [job_id(1)]


class TestSaturated:
    async def test_a_full_engine_asks_for_nothing_but_still_asks(self, room, link):
        link.claims.then(gives(lease(1, "wait")))
        async with claiming(room) as it:
            request = await it.asked(2)
            assert request.max == 0
            assert [held.token for held in request.running] == [lease(1).token]

    async def test_such_a_claim_is_broken_off_when_a_slot_falls_free_and_the_report_rides_on_the_next(self, room, link):
        link.claims.then(gives(lease(1, "wait", "result")))
        async with claiming(room) as it:
            await it.asked(2)
            it.gate.set()
            request = await it.asked(3)
            assert link.claims.broken_off == 1
            assert request.max == 1
            assert [(ridden.job, ridden.result) for ridden in request.finished] == [(job_id(1), "result")]
        assert link.finishes.asked == []

    async def test_a_riding_report_is_settled_by_the_claims_answer(self, room, link):
        link.claims.then(gives(lease(1, "wait")), lambda _: asyncio.get_running_loop().create_future(), settles)
        async with claiming(room) as it:
            await it.asked(2)
            it.gate.set()
            request = await it.asked(4)
        assert request.finished == []
        assert request.running == []
        assert await room.reporter.all_settled(0)

    async def test_a_claim_that_asks_for_jobs_is_not_broken_off_when_one_more_slot_falls_free(self, room, link):
        link.claims.then(gives(lease(1, "wait")))
        async with claiming(room, 2) as it:
            await it.asked(2)
            it.gate.set()
            await room.finished()
            await it.slots.idle.wait()
            await asyncio.sleep(0)
            assert link.claims.broken_off == 0

    async def test_a_report_does_not_ride_when_no_claim_is_about_to_be_sent(self, room, link):
        link.claims.then(gives(lease(1, "wait")))
        async with claiming(room, 2) as it:
            await it.asked(2)
            it.gate.set()
            assert (await room.finished()).job == job_id(1)

    async def test_a_riding_report_that_the_gateway_cannot_read_does_not_stop_the_engine(self, room, link, waits):
        def picky(request: ClaimRequest):
            if request.finished:
                return RequestInvalid()
            return asyncio.get_running_loop().create_future()

        link.claims.then(gives(lease(1, "wait")), *[picky] * 60)
        async with claiming(room) as it:
            await it.asked(2)
            it.gate.set()
            await it.asked(4)
        assert [len(request.finished) for request in link.claims.asked] == [0, 0, 1, 0]
        assert len(link.finishes.asked) == 1


class TestAttempt:
    async def test_an_attempt_keeps_its_id_until_an_answer_came(self, room, link, waits):
        link.claims.then(GatewayUnreachable(), GatewayStopping(), ClaimAnswer(), ClaimAnswer())
        async with claiming(room) as it:
            await it.asked(5)
        ids = [request.attempt_id for request in link.claims.asked[:5]]
        assert ids[0] == ids[1] == ids[2]
        assert len({ids[2], ids[3], ids[4]}) == 3

    async def test_a_broken_off_attempt_keeps_its_id(self, room, link):
        link.claims.then(gives(lease(1, "wait")))
        async with claiming(room) as it:
            await it.asked(2)
            it.gate.set()
            await it.asked(3)
        ids = [request.attempt_id for request in link.claims.asked]
        assert ids[1] == ids[2] != ids[0]

    async def test_a_lease_that_comes_twice_runs_once(self, room, link):
        link.claims.then(gives(lease(1, "wait")), gives(lease(1, "wait")))
        async with claiming(room, 2) as it:
            await it.asked(3)
            assert it.slots.busy == 1
            it.gate.set()
            await it.slots.idle.wait()
        assert len(link.finishes.asked) == 1

    async def test_a_lost_answer_is_asked_for_again_with_what_is_held(self, room, link, waits):
        link.claims.then(gives(lease(1, "wait")), GatewayUnreachable())
        async with claiming(room, 2) as it:
            request = await it.asked(3)
        assert [held.token for held in request.running] == [lease(1).token]


class TestNews:
    async def test_a_cancel_reaches_the_job(self, room, link):
        link.claims.then(gives(lease(1, "wait")), ClaimAnswer(cancel=[job_id(1)]))
        async with claiming(room, 2):
            report = await room.finished()
        assert report.error is not None
        assert (report.job, report.error.code) == (job_id(1), "job.cancelled")

    async def test_a_lost_job_is_stopped_and_never_reported(self, room, link):
        link.claims.then(gives(lease(1, "wait")), ClaimAnswer(lost=[job_id(1)]))
        async with claiming(room) as it:
            await it.asked(3)
            await it.slots.idle.wait()
            assert room.book.held() == []
        assert link.finishes.asked == []
        assert all(request.finished == [] for request in link.claims.asked)

    async def test_a_job_that_is_lost_and_leased_anew_in_one_answer_runs_under_the_new_lease(self, room, link):
        link.claims.then(gives(lease(1, "wait", grant=1)), gives(lease(1, "wait", "new", grant=2), lost=[job_id(1)]))
        async with claiming(room, 2) as it:
            await it.asked(3)
            assert [held.token for held in room.book.held()] == [lease(1, grant=2).token]
            it.gate.set()
            assert (await room.finished()).token == lease(1, grant=2).token


class TestDraining:
    async def test_a_draining_gateway_is_asked_for_nothing_until_it_says_run(self, room, link):
        link.claims.then(ClaimAnswer(directive=Directive.DRAIN), ClaimAnswer(directive=Directive.DRAIN), ClaimAnswer())
        async with claiming(room, 2) as it:
            await it.asked(4)
        assert [request.max for request in link.claims.asked] == [2, 0, 0, 2]

    async def test_running_jobs_go_on_while_the_gateway_drains(self, room, link):
        link.claims.then(gives(lease(1, "wait", "kept"), directive=Directive.DRAIN))
        async with claiming(room, 2) as it:
            await it.asked(2)
            it.gate.set()
            report = await room.finished()
        assert (report.outcome, report.result) == (Outcome.SUCCEEDED, "kept")

    async def test_a_stop_is_passed_on(self, room, link):
        link.claims.then(ClaimAnswer(directive=Directive.STOP))
        async with claiming(room, 2) as it:
            await it.claimer.stopped.wait()
            assert (await it.asked(2)).max == 0

    async def test_an_outstanding_claim_for_jobs_is_broken_off_when_the_engine_drains(self, room, link):
        async with claiming(room, 2) as it:
            outstanding = await it.asked(2)
            it.claimer.accept(False, it.slots)
            request = await it.asked(3)
            assert (link.claims.broken_off, request.max, request.wait_ms) == (1, 0, 0)
            await it.claimer.settled.wait()
            assert (await it.asked(4)).wait_ms == WAIT_MS
        assert request.attempt_id == outstanding.attempt_id

    async def test_what_was_granted_to_a_claim_broken_off_by_a_drain_still_runs(self, room, link):
        async with claiming(room, 2) as it:
            await it.asked(1)
            link.claims.then(gives(lease(1, "work", "late")))
            it.claimer.accept(False, it.slots)
            assert (await room.finished()).result == "late"

    async def test_an_engine_that_accepts_again_asks_again(self, room, link):
        async with claiming(room, 2) as it:
            await it.asked(1)
            it.claimer.accept(False, it.slots)
            await it.asked(2)
            it.claimer.accept(True, it.slots)
            assert (await it.asked(3)).max == 2

    async def test_no_report_rides_while_the_engine_drains(self, room, link):
        link.claims.then(gives(lease(1, "wait")))
        async with claiming(room) as it:
            await it.asked(2)
            it.claimer.accept(False, it.slots)
            await asyncio.sleep(0)
            it.gate.set()
            assert (await room.finished()).job == job_id(1)


class TestFailing:
    async def test_failures_wait_longer_each_time_and_an_answer_resets(self, room, link, waits):
        link.claims.then(*[GatewayUnreachable()] * 3, ClaimAnswer(), GatewayUnreachable())
        async with claiming(room, uniform=1.0) as it:
            await it.asked(6)
        assert waits == [0.2, 0.4, 0.8, 0.2]

    async def test_a_gateway_that_asks_to_wait_is_waited_for(self, room, link, waits):
        link.claims.then(GatewayStopping(retry_after_s=9))
        async with claiming(room) as it:
            await it.asked(2)
        assert waits == [9]

    @pytest.mark.parametrize("refused", [EngineTokenInvalid(), EngineIdMismatch()])
    async def test_a_refused_token_is_not_tried_in_a_hurry(self, room, link, waits, refused):
        link.claims.then(refused)
        async with claiming(room) as it:
            await it.asked(2)
        assert waits == [UNAUTHORISED_WAIT_S]

    async def test_a_riding_report_survives_a_claim_that_failed(self, room, link, waits):
        link.claims.then(gives(lease(1, "wait")), lambda _: asyncio.get_running_loop().create_future(), GatewayUnreachable(), settles)
        async with claiming(room) as it:
            await it.asked(2)
            it.gate.set()
            await it.asked(5)
        assert [len(request.finished) for request in link.claims.asked] == [0, 0, 1, 1, 0]
        assert await room.reporter.all_settled(0)


class TestOffers:
    @staticmethod
    def model(name: str) -> OfferedModel:
        return OfferedModel(name=name, kinds=["chat"])

    async def test_the_offer_is_told_by_its_version_and_sent_when_it_is_wanted(self, room):
        offering = Offering(room.link, [OfferedKind(name="chat")], lambda: [self.model("a/b")], list)
        room.link.claims.then(ClaimAnswer(), ClaimAnswer(offer_wanted=True))
        room.tasks.start(offering.run(), "offer")
        async with claiming(room, offering=offering) as at_work:
            announced = [(await at_work.asked(number)).announce.offer for number in (1, 2)]
            offer = await room.link.offers.arrived(1)
        assert announced == [offering.version] * 2
        assert [model.name for model in offer.models] == ["a/b"]
        assert room.link.history.count("offer") == 1

    async def test_an_offer_that_changed_ends_the_claim_that_tells_the_old_one(self, room):
        models = [self.model("a/b")]
        offering = Offering(room.link, [], lambda: models, list)
        async with claiming(room, offering=offering) as at_work:
            before = (await at_work.asked(2)).announce.offer  # the first one does not wait
            models.append(self.model("a/c"))
            at_work.slots.changed.set()
            after = (await at_work.asked(3)).announce.offer
        assert room.link.claims.broken_off >= 1
        assert before != after == offering.version

    async def test_an_engine_without_models_and_tools_tells_no_version(self, room):
        offering = Offering(room.link, [OfferedKind(name="echo")], list, list)
        async with claiming(room, offering=offering) as at_work:
            assert (await at_work.asked(1)).announce.offer is None

    async def test_a_gateway_that_does_not_take_it_is_told_again_when_it_asks(self, room, waits):
        offering = Offering(room.link, [], lambda: [self.model("a/b")], list)
        room.tasks.start(offering.run(), "offer")
        room.link.offers.then(RequestInvalid("no"))
        offering.wanted()
        await room.link.offers.arrived(1)
        offering.wanted()
        await room.link.offers.arrived(2)
