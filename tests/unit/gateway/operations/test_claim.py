"""Claim: the long poll by which all work changes hands."""

import asyncio
from typing import Any

import pytest

from contract import limits
from contract.engine_link import Announce, ClaimAnswer, Failure, FinishReport, Held, Lease
from contract.errors import AuditUnavailable, BodyTooLarge, EngineTokenRevoked, GatewayStopping, JobNotFound, ShardUnavailable
from contract.words import Directive, FinishStatus, JobState, Outcome
from kit.clock import SECOND
from tests.support.queue import GRACE_S, LEASE_S, TRACE

LAB, DEN = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"
PATIENCE_S = 10.0
LONG_MS = limits.CLAIM_WAIT_MAX_MS


def held(lease: Lease) -> Held:
    return Held(job=lease.job, token=lease.token)


def done(lease: Lease, result: Any = "done", **changes: Any) -> FinishReport:
    return FinishReport(**{"job": lease.job, "token": lease.token, "outcome": Outcome.SUCCEEDED, "result": result, **changes})


class Poll:
    """A claim that waits, and its caller's connection."""

    def __init__(self, rooms, instance: int = 1, engine: str = LAB, **changes: Any) -> None:
        self.gone = asyncio.Event()
        request = rooms.request(instance, **{"wait_ms": LONG_MS, **changes})
        self.task = asyncio.create_task(rooms.claiming.claim(rooms.caller(engine), request, self.gone))

    async def answer(self) -> ClaimAnswer | None:
        async with asyncio.timeout(PATIENCE_S):
            return await self.task


async def state(rooms, job: str, user: str = "ann") -> JobState:
    return (await rooms.watch.job(user, job))[1].job.state


async def test_a_job_that_waits_is_handed_out_at_once_with_all_it_needs(rooms):
    job = await rooms.job(payload={"b": [1], "a": "x"}, timeout_s=7)
    (lease,) = (await rooms.claim()).leases
    assert (lease.job, lease.kind, lease.payload, lease.user) == (job, "echo", {"b": [1], "a": "x"}, "ann")
    assert (lease.attempt, lease.epoch, lease.lease_ms, lease.timeout_s, lease.traceparent) == (1, 1, LEASE_S * 1000, 7, TRACE)
    assert (len(bytes.fromhex(lease.token)), lease.granted_after_ms) == (16, 0)
    assert await state(rooms, job) is JobState.RUNNING


async def test_the_grant_is_told_as_the_time_after_the_claim_came(rooms):
    """The engine counts its lease from the moment it sent the claim plus this."""
    poll = Poll(rooms)
    await rooms.waiters(1)
    rooms.clock.advance(3)
    await rooms.job()
    answer = await poll.answer()
    assert answer.leases[0].granted_after_ms == 3000


async def test_no_more_than_asked_for_are_handed_out(rooms):
    for _ in range(3):
        await rooms.job()
    assert len((await rooms.claim(max=2)).leases) == 2


async def test_a_claim_without_wait_looks_once_and_answers_with_nothing(rooms):
    answer = await rooms.claim(wait_ms=0)
    assert answer == ClaimAnswer(directive=Directive.RUN)


async def test_a_claim_whose_time_is_over_answers_with_nothing(rooms):
    poll = Poll(rooms, wait_ms=1)
    assert await poll.answer() == ClaimAnswer(directive=Directive.RUN)
    assert rooms.wake._waiters == {}


async def test_a_waiting_claim_gets_the_job_that_comes(rooms):
    poll = Poll(rooms)
    await rooms.waiters(1)
    job = await rooms.job()
    assert [lease.job for lease in (await poll.answer()).leases] == [job]


async def test_one_job_goes_to_one_of_many_waiting_claims_and_the_next_to_another(rooms):
    polls = [Poll(rooms, instance) for instance in (1, 2, 3)]
    await rooms.waiters(3)
    first = await rooms.job()
    assert (await polls[0].answer()).leases[0].job == first
    assert [poll.task.done() for poll in polls[1:]] == [False, False]
    second = await rooms.job()
    assert (await polls[1].answer()).leases[0].job == second
    polls[2].gone.set()
    assert await polls[2].answer() is None


async def test_a_job_of_another_kind_or_engine_leaves_a_claim_waiting(rooms):
    poll = Poll(rooms, kinds=["echo"])
    other = Poll(rooms, 2, kinds=["http"])
    await rooms.waiters(2)
    await rooms.job(engine="den")
    await rooms.job(kind="http")
    assert (await other.answer()).leases[0].kind == "http"
    assert not poll.task.done()
    await rooms.job()
    assert (await poll.answer()).leases[0].kind == "echo"


async def test_a_caller_that_hung_up_before_is_given_nothing(rooms):
    job = await rooms.job()
    poll = Poll(rooms)
    poll.gone.set()
    assert await poll.answer() is None
    assert await state(rooms, job) is JobState.QUEUED


async def test_a_caller_that_hangs_up_while_it_waits_is_given_nothing_later(rooms):
    poll = Poll(rooms)
    await rooms.waiters(1)
    poll.gone.set()
    assert await poll.answer() is None
    job = await rooms.job()
    assert await state(rooms, job) is JobState.QUEUED
    assert rooms.wake._waiters == {}


async def test_a_job_that_woke_a_caller_who_hung_up_goes_to_the_next_who_waits(rooms):
    leaving, staying = Poll(rooms, 1), Poll(rooms, 2)
    await rooms.waiters(2)
    leaving.gone.set()
    job = await rooms.job()
    assert await leaving.answer() is None
    assert [lease.job for lease in (await staying.answer()).leases] == [job]


async def test_a_cancelled_request_leaves_its_job_to_the_next_who_waits(rooms):
    leaving, staying = Poll(rooms, 1), Poll(rooms, 2)
    await rooms.waiters(2)
    rooms.wake.work(LAB, "echo")
    leaving.task.cancel()
    job = await rooms.job()
    assert [lease.job for lease in (await staying.answer()).leases] == [job]
    assert leaving.task.cancelled()


async def test_the_same_claim_again_gives_the_same_leases(rooms):
    """Its answer was lost: a second set of leases would leave the first ones to run out."""
    await rooms.job()
    await rooms.job()
    request = rooms.request()
    first = await rooms.claiming.claim(rooms.caller(LAB), request, asyncio.Event())
    rooms.clock.advance(1)
    again = await rooms.claiming.claim(rooms.caller(LAB), request, asyncio.Event())
    assert [(lease.job, lease.token) for lease in again.leases] == [(lease.job, lease.token) for lease in first.leases]
    assert len(again.leases) == 1
    assert again.leases[0].granted_after_ms == -1000


async def test_a_change_of_directive_ends_a_poll_and_is_told_once(rooms):
    poll = Poll(rooms)
    await rooms.waiters(1)
    rooms.directive = Directive.DRAIN
    rooms.wake.news(None)
    assert await poll.answer() == ClaimAnswer(directive=Directive.DRAIN)
    again = Poll(rooms)
    await rooms.waiters(1)
    assert not again.task.done()
    again.gone.set()
    await again.answer()


async def test_a_draining_gateway_hands_out_nothing(rooms):
    job = await rooms.job()
    rooms.directive = Directive.DRAIN
    assert (await rooms.claim()).leases == []
    assert await state(rooms, job) is JobState.QUEUED


async def test_news_without_anything_new_leaves_a_poll_waiting(rooms):
    poll = Poll(rooms)
    await rooms.waiters(1)
    rooms.wake.news(LAB)
    await rooms.waiters(1)
    assert not poll.task.done()
    await rooms.job()
    assert len((await poll.answer()).leases) == 1


async def test_a_stopping_gateway_sends_waiting_claims_home(rooms):
    poll = Poll(rooms)
    await rooms.waiters(1)
    rooms.wake.close()
    with pytest.raises(GatewayStopping):
        await poll.answer()
    with pytest.raises(GatewayStopping):
        await Poll(rooms).answer()


async def test_a_cancel_ends_the_poll_of_the_instance_that_holds_the_job_and_is_told_once(rooms):
    job = await rooms.job()
    (lease,) = (await rooms.claim()).leases
    poll = Poll(rooms, running=[held(lease)])
    await rooms.waiters(1)
    await rooms.change.cancel("ann", job)
    assert (await poll.answer()).cancel == [job]
    again = Poll(rooms, running=[held(lease)])
    await rooms.waiters(1)
    assert not again.task.done()
    again.gone.set()
    await again.answer()


async def test_a_lease_that_is_no_longer_held_is_told_lost(rooms):
    job = await rooms.job()
    (lease,) = (await rooms.claim()).leases
    rooms.clock.advance(LEASE_S + GRACE_S)
    await rooms.directory.stores[LAB].reap()
    (taken,) = (await rooms.claim(2)).leases
    assert taken.job == job
    answer = await rooms.claim(1, running=[held(lease)])
    assert (answer.lost, answer.leases) == ([job], [])


async def test_a_finish_that_rides_along_is_answered_at_once_and_in_order(rooms):
    await rooms.job()
    await rooms.job()
    first, second = (await rooms.claim(max=2)).leases
    answer = await rooms.claim(finished=[done(second, 2), done(first, 1)], wait_ms=LONG_MS)
    assert [(told.job, told.status, told.code) for told in answer.finished] == [
        (second.job, FinishStatus.OK, None),
        (first.job, FinishStatus.OK, None),
    ]
    assert (await rooms.watch.job("ann", first.job))[1].result == b"1"


async def test_a_riding_finish_that_comes_again_is_ok_and_one_that_differs_is_a_conflict(rooms):
    await rooms.job()
    (lease,) = (await rooms.claim()).leases
    await rooms.claim(finished=[done(lease)])
    same = (await rooms.claim(finished=[done(lease)])).finished[0]
    other = (await rooms.claim(finished=[done(lease, "else")])).finished[0]
    lost = (await rooms.claim(finished=[done(lease, token="0" * 32)])).finished[0]
    assert (same.status, same.code) == (FinishStatus.OK, None)
    assert (other.status, other.code) == (FinishStatus.CONFLICT, "lease.conflict")
    assert (lost.status, lost.code) == (FinishStatus.LOST, "lease.lost")


async def test_a_job_given_back_wakes_another_who_waits(rooms):
    job = await rooms.job()
    (lease,) = (await rooms.claim(1)).leases
    poll = Poll(rooms, 2)
    await rooms.waiters(1)
    await rooms.claim(1, max=0, finished=[done(lease, None, outcome=Outcome.GIVEN_BACK)])
    assert [lease.job for lease in (await poll.answer()).leases] == [job]


async def test_a_full_instance_that_asks_for_none_does_not_swallow_the_wake_of_another(rooms):
    full, free = Poll(rooms, 1, max=0), Poll(rooms, 2)
    await rooms.waiters(2)
    await rooms.job()
    assert len((await free.answer()).leases) == 1
    assert not full.task.done()
    full.gone.set()
    await full.answer()


@pytest.mark.parametrize("field", ["running", "finished"])
async def test_a_job_of_another_engine_is_refused_and_nothing_is_done(rooms, field: str):
    await rooms.job(engine="den")
    (lease,) = (await rooms.claim(1, DEN)).leases
    job = await rooms.job()
    named = {"running": [held(lease)]} if field == "running" else {"finished": [done(lease)]}
    with pytest.raises(JobNotFound, match="another engine"):
        await rooms.claim(1, LAB, **named)
    assert await state(rooms, job) is JobState.QUEUED
    assert await state(rooms, lease.job) is JobState.RUNNING


async def test_a_result_that_is_too_large_is_refused_and_the_job_runs_on(rooms):
    job = await rooms.job()
    (lease,) = (await rooms.claim()).leases
    with pytest.raises(BodyTooLarge):
        await rooms.claim(finished=[done(lease, "x" * limits.RESULT_MAX_BYTES)])
    assert await state(rooms, job) is JobState.RUNNING


async def test_a_claim_makes_its_instance_known_with_what_it_holds(rooms):
    await rooms.job()
    (lease,) = (await rooms.claim(kinds=["echo", "http"])).leases
    await rooms.claim(kinds=["echo", "http"], running=[held(lease)])
    (instance,) = rooms.presence.up(LAB)
    assert (instance.announce.kinds, instance.busy, instance.seen) == (["echo", "http"], 1, rooms.clock.steady)


async def test_a_queue_that_cannot_be_opened_says_so(rooms):
    rooms.directory.refused[LAB] = "damaged"
    with pytest.raises(ShardUnavailable):
        await rooms.claim()
    assert rooms.wake._waiters == {}


async def test_a_lease_that_the_gateway_gave_and_nobody_took_up_is_given_back(rooms):
    """The answer never arrived and the engine claims anew: the job must not wait for its lease to run out."""
    job = await rooms.job()
    await rooms.claim(1)
    for _ in range(limits.UNREPORTED_TIMES):
        rooms.clock.advance(limits.UNREPORTED_AFTER_S + 1)
        answer = await rooms.claim(1)
    (lease,) = answer.leases
    assert (lease.job, lease.attempt) == (job, 1)
    assert rooms.clock.steady < 1_000 * SECOND + LEASE_S * SECOND


class TestThrownOut:
    async def test_a_claim_of_a_revoked_installation_gets_nothing(self, rooms):
        job = await rooms.job()
        rooms.thrown_out.add("first")
        with pytest.raises(EngineTokenRevoked):
            await rooms.claim()
        assert await state(rooms, job) is JobState.QUEUED

    async def test_one_that_waits_is_sent_away_at_the_next_news(self, rooms):
        poll = Poll(rooms)
        await rooms.waiters(1)
        rooms.thrown_out.add("first")
        rooms.wake.news(LAB)
        with pytest.raises(EngineTokenRevoked):
            await poll.answer()

    async def test_what_was_leased_to_it_while_it_was_thrown_out_is_taken_back(self, rooms, monkeypatch):
        job = await rooms.job()
        store = rooms.directory.stores[LAB]
        claim = store.claim

        async def slow(asked):
            rooms.thrown_out.add("first")
            return await claim(asked)

        monkeypatch.setattr(store, "claim", slow)
        with pytest.raises(EngineTokenRevoked):
            await rooms.claim()
        assert await state(rooms, job) is JobState.QUEUED


class TestRotateAndWhitelist:
    async def test_an_instance_that_is_to_rotate_is_told_once_and_goes_on_working(self, rooms):
        job = await rooms.job()
        rooms.directive = Directive.ROTATE
        answer = await rooms.claim()
        assert ([lease.job for lease in answer.leases], answer.directive) == ([job], Directive.ROTATE)
        poll = Poll(rooms, running=[held(answer.leases[0])])
        await rooms.waiters(1)
        poll.task.cancel()

    async def test_a_claim_that_waits_hears_of_a_rotation_at_once(self, rooms):
        poll = Poll(rooms, max=0)
        await rooms.waiters(1)
        rooms.directive = Directive.ROTATE
        rooms.wake.news(LAB)
        assert (await poll.answer()).directive is Directive.ROTATE

    @pytest.mark.parametrize("most", [0, 1])
    async def test_a_claim_that_waits_hears_of_another_whitelist_once(self, rooms, most: int):
        rooms.whitelist_version = 7
        announce = Announce(version="1", slots=4, kinds=["echo"], whitelist_version=7)
        poll = Poll(rooms, max=most, announce=announce)
        await rooms.waiters(1)
        rooms.whitelist_version = 8
        rooms.wake.news(LAB)
        assert (await poll.answer()).whitelist_version == 8
        again = Poll(rooms, max=most, announce=announce)
        await rooms.waiters(1)
        again.task.cancel()

    async def test_a_lease_carries_the_version_in_force_at_its_grant(self, rooms):
        rooms.whitelist_version = 9
        await rooms.job()
        (lease,) = (await rooms.claim()).leases
        assert lease.whitelist_version == 9

    async def test_one_that_knows_no_whitelists_waits_for_work_alone(self, rooms):
        rooms.whitelist_version = 9
        poll = Poll(rooms)
        await rooms.waiters(1)
        poll.task.cancel()


class TestStartDelay:
    async def test_a_lease_says_how_long_its_job_had_been_claimable(self, rooms):
        await rooms.job()
        rooms.clock.advance(0.25)
        assert [lease.start_delay_ms for lease in (await rooms.claim()).leases] == [250]

    async def test_a_claim_that_is_asked_again_is_told_the_same(self, rooms):
        await rooms.job()
        rooms.clock.advance(0.25)
        for _ in range(2):
            answer = await rooms.claim(attempt_id="a" * 32)
            rooms.clock.advance(1)
        assert [lease.start_delay_ms for lease in answer.leases] == [250]

    async def test_a_job_that_was_leased_before_has_none(self, rooms):
        await rooms.job()
        (lease,) = (await rooms.claim()).leases
        await rooms.claim(finished=[done(lease, None, outcome=Outcome.GIVEN_BACK)], max=0)
        assert [again.start_delay_ms for again in (await rooms.claim()).leases] == [None]

    async def test_a_wall_clock_that_was_set_back_makes_it_no_less_than_nothing(self, rooms):
        await rooms.job()
        rooms.clock.step_wall(-3600)
        assert [lease.start_delay_ms for lease in (await rooms.claim()).leases] == [0]


class TestRefusedUsers:
    def refusal(self, lease: Lease, code: str = "engine.user_not_allowed") -> FinishReport:
        return done(lease, None, outcome=Outcome.REFUSED, error=Failure(code=code, message="no", retryable=False))

    async def test_a_job_whose_user_is_not_allowed_ends_and_that_is_written_down(self, rooms, book):
        job = await rooms.job()
        (lease,) = (await rooms.claim()).leases
        await rooms.claim(finished=[self.refusal(lease)])
        detail = (await rooms.watch.job("ann", job))[1].job
        assert (detail.state, detail.error_code) == (JobState.DEAD, "engine.user_not_allowed")
        assert book.events() == [("engine.user_refused", LAB, job)]

    async def test_what_cannot_be_written_down_does_not_happen(self, rooms, book):
        job = await rooms.job()
        (lease,) = (await rooms.claim()).leases
        book.break_it()
        with pytest.raises(AuditUnavailable):
            await rooms.claim(finished=[self.refusal(lease)])
        assert await state(rooms, job) is JobState.RUNNING

    async def test_other_refusals_are_no_matter_of_who_may_do_what(self, rooms, book):
        await rooms.job()
        (lease,) = (await rooms.claim()).leases
        await rooms.claim(finished=[self.refusal(lease, "job.kind_unserved")])
        assert book.events() == []


@pytest.mark.parametrize("directive", [Directive.DRAIN, Directive.RUN])
async def test_a_directive_whose_answer_was_lost_is_told_again_at_once(rooms, directive: Directive):
    """A claim that comes again with its attempt's id never heard the answer; it must not wait a whole poll for it."""
    await rooms.claim()
    rooms.directive = Directive.STOP
    await rooms.claim()
    rooms.directive = directive
    lost = rooms.request(max=0, wait_ms=LONG_MS)
    for _ in range(3):
        async with asyncio.timeout(PATIENCE_S):
            answer = await rooms.claiming.claim(rooms.caller(), lost, asyncio.Event())
        assert answer is not None
        assert answer.directive is directive
    poll = Poll(rooms, max=0)
    await rooms.waiters(1)
    assert not poll.task.done()
    poll.gone.set()
    await poll.answer()
