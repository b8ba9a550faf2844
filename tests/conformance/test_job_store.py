"""One suite for every `JobStore`: what `gateway/store/seam.py` promises."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from contract.errors import JobStateConflict
from contract.kinds import Usage
from contract.words import AppendStatus, AttemptOutcome, EventName, FinishStatus, JobState, Outcome
from gateway.rules.admission import Admit, Load, Reject
from gateway.rules.spending import Taken, day_of
from gateway.rules.timeline import AttemptRecord, Phase
from gateway.store.seam import Accepted, Append, Claim, Filter, Granted, KeyReused, Replayed, StoreLimits
from kit.clock import SECOND
from tests.support.queue import GRACE_S, KEEP_FINAL_S, LEASE_S, Queue, admit, draft, failed, file_queue, held, limits, memory_queue, report

Make = Callable[[StoreLimits], Awaitable[Queue]]


@pytest.fixture(params=["sqlite", "memory"])
async def make(request: pytest.FixtureRequest, tmp_path) -> AsyncIterator[Make]:
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as stack:

        async def made(store_limits: StoreLimits) -> Queue:
            if request.param == "memory":
                return memory_queue(store_limits)
            return await stack.enter_async_context(file_queue(tmp_path / "shard.db", store_limits))

        yield made


@pytest.fixture
async def queue(make: Make) -> Queue:
    return await make(limits())


class TestSubmit:
    async def test_the_same_key_gives_the_same_job_and_no_second_one(self, queue: Queue):
        job = await queue.submit(key="k")
        (again,) = await queue.store.submit("ann", [draft("k")], admit)
        assert isinstance(again, Replayed)
        assert again.job == job
        assert (await queue.store.load()).queued == 1

    async def test_the_same_key_with_another_request_is_refused(self, queue: Queue):
        await queue.submit(key="k")
        (outcome,) = await queue.store.submit("ann", [draft("k", fingerprint=b"other")], admit)
        assert isinstance(outcome, KeyReused)

    async def test_a_key_belongs_to_one_user(self, queue: Queue):
        first, second = await queue.submit("ann", key="k"), await queue.submit("bob", key="k")
        assert first.uuid != second.uuid

    async def test_a_refused_job_leaves_no_trace_and_its_key_is_free(self, queue: Queue):
        (outcome,) = await queue.store.submit("ann", [draft("k")], lambda _: Reject("full", 3))
        assert outcome == Reject("full", 3)
        assert await queue.store.last_event("ann") == 0
        assert isinstance((await queue.store.submit("ann", [draft("k")], admit))[0], Accepted)

    async def test_the_judge_sees_the_items_before_it_in_the_same_batch(self, queue: Queue):
        def two(load: Load) -> Admit | Reject:
            return Admit() if load.queued < 2 else Reject("full", 1)

        outcomes = await queue.store.submit("ann", [draft(f"k{n}") for n in range(4)], two)
        assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted, Reject, Reject]

    async def test_a_replay_is_not_judged(self, queue: Queue):
        await queue.submit(key="k")
        (again,) = await queue.store.submit("ann", [draft("k")], lambda _: Reject("full", 1))
        assert isinstance(again, Replayed)

    async def test_a_known_key_answers_with_the_job_as_it_was_when_deleted(self, queue: Queue):
        await queue.submit(key="k")
        lease = await queue.lease()
        await queue.store.finish(report(lease))
        assert await queue.store.delete("ann", lease.job.uuid)
        (again,) = await queue.store.submit("ann", [draft("k")], admit)
        assert isinstance(again, Replayed)
        assert (again.job.uuid, again.job.state) == (lease.job.uuid, JobState.SUCCEEDED)

    async def test_a_key_is_forgotten_after_its_time(self, queue: Queue):
        job = await queue.submit(key="k")
        await queue.store.cancel("ann", job.uuid)
        queue.clock.advance(48 * 3600)
        await queue.store.reap()
        assert isinstance((await queue.store.submit("ann", [draft("k")], admit))[0], Accepted)


class TestLoad:
    async def seen(self, queue: Queue, user: str, **changes) -> Load:
        """What a judge is shown for one more job of a user, which it then keeps out."""
        loads: list[Load] = []
        await queue.store.submit(user, [draft("judged", **changes)], lambda load: loads.append(load) or Reject("full", 1))
        (load,) = loads
        return load

    async def test_a_judge_sees_all_jobs_by_state_and_the_users_own(self, queue: Queue):
        assert await self.seen(queue, "ann") == Load(0, 0, 0)
        for _ in range(3):
            await queue.submit("ann")
        await queue.submit("bob")
        await queue.submit("ann", run_at=queue.clock.wall + SECOND)
        await queue.lease()  # ann's: her name comes first
        everybody = Load(1, 3, 1, ready=3, users_ready=2)
        assert await self.seen(queue, "ann") == replace(everybody, own_waiting=3, own_ready=2)
        assert await self.seen(queue, "bob") == replace(everybody, own_waiting=1, own_ready=1)
        assert await self.seen(queue, "eve") == everybody == await queue.store.load()
        assert await queue.store.load("ann") == await self.seen(queue, "ann")

    async def test_a_job_that_waits_for_a_retry_waits_but_is_not_ready(self, queue: Queue):
        await queue.submit()
        await queue.store.finish(failed(await queue.lease()))
        assert await self.seen(queue, "ann") == Load(0, 1, 0, ready=0, users_ready=0, own_waiting=1, own_ready=0)
        queue.clock.advance(2)
        await queue.store.reap()
        assert await self.seen(queue, "ann") == Load(0, 1, 0, ready=1, users_ready=1, own_waiting=1, own_ready=1)

    async def test_what_ended_or_was_deleted_is_counted_no_more(self, queue: Queue):
        cancelled, expired = await queue.submit(), await queue.submit(expires_in_us=SECOND)
        await queue.store.cancel("ann", cancelled.uuid)
        queue.clock.advance(2)
        await queue.store.reap()
        assert (await queue.state(expired)).state is JobState.EXPIRED
        await queue.store.delete("ann", cancelled.uuid)
        assert await self.seen(queue, "ann") == Load(0, 0, 0)

    async def test_a_judge_knows_whether_the_job_is_for_later(self, queue: Queue):
        now = queue.clock.wall
        assert [(await self.seen(queue, "ann", run_at=at)).later for at in (None, now - 1, now, now + 1)] == [False, False, False, True]


class TestClaim:
    async def test_users_take_turns_and_priority_orders_one_users_own(self, queue: Queue):
        for n in range(3):
            await queue.submit("ann", payload=f'"a{n}"'.encode(), priority=5 - n)
        await queue.submit("bob", payload=b'"b0"')
        claimed = await queue.claim(4)
        assert [json.loads(lease.payload) for lease in claimed.leases] == ["a2", "b0", "a1", "a0"]

    async def test_who_comes_anew_or_back_is_next_and_then_waits_for_their_turn_like_all(self, queue: Queue):
        """A turn number that is old, or none, is worth one job: not every free slot until it has caught up."""
        await queue.submit("back")
        await queue.lease()
        for _ in range(20):
            await queue.submit("ann")
            await queue.submit("bob")
        for _ in range(20):
            await queue.lease()
        for _ in range(3):
            await queue.submit("back")
            await queue.submit("new")
        users = [lease.job.user for lease in (await queue.claim(8)).leases]
        assert sorted(users[:2]) == ["back", "new"]
        assert sorted(users[2:4]) == ["ann", "bob"]
        assert sorted(users[4:]) == ["ann", "back", "bob", "new"]

    async def test_equal_priority_is_first_come_first_served(self, queue: Queue):
        for n in range(5):
            await queue.submit(payload=str(n).encode())
        assert [lease.payload for lease in (await queue.claim(5)).leases] == [b"0", b"1", b"2", b"3", b"4"]

    async def test_only_asked_kinds_are_given(self, queue: Queue):
        await queue.submit(kind="http")
        assert (await queue.claim()).leases == ()
        assert len((await queue.claim(kinds=("echo", "http"))).leases) == 1

    async def test_a_user_without_fitting_jobs_does_not_block_the_others(self, queue: Queue):
        await queue.submit("ann", kind="http")
        await queue.submit("bob")
        assert [lease.job.user for lease in (await queue.claim(2)).leases] == ["bob"]

    async def test_a_job_goes_to_one_claimer_only(self, queue: Queue):
        await queue.submit()
        assert len((await queue.claim(5, "i-1")).leases) == 1
        assert (await queue.claim(5, "i-2")).leases == ()

    async def test_the_attempt_counts_from_the_claim(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        assert (lease.job.attempt, lease.job.state, lease.job.instance) == (1, JobState.RUNNING, "i-1")
        assert lease.job.lease_until == queue.clock.now().steady + LEASE_S * SECOND

    async def test_the_same_attempt_id_gives_the_same_leases(self, queue: Queue):
        for _ in range(3):
            await queue.submit()
        first = await queue.claim(2, attempt_id="lost-answer")
        again = await queue.claim(2, attempt_id="lost-answer")
        assert [held(lease) for lease in again.leases] == [held(lease) for lease in first.leases]
        assert (await queue.store.load()).queued == 1

    async def test_a_replay_leaves_out_what_was_lost_meanwhile(self, queue: Queue):
        await queue.submit()
        await queue.submit()
        first = await queue.claim(2, attempt_id="a")
        await queue.store.finish(report(first.leases[0]))
        again = await queue.claim(2, attempt_id="a")
        assert [held(lease) for lease in again.leases] == [held(first.leases[1])]

    async def test_the_attempt_id_of_another_instance_is_another_attempt(self, queue: Queue):
        await queue.submit()
        await queue.submit()
        first, other = await queue.claim(1, "i-1", attempt_id="a"), await queue.claim(1, "i-2", attempt_id="a")
        assert first.leases[0].job.uuid != other.leases[0].job.uuid

    async def test_an_answer_never_carries_more_than_it_may(self, make: Make):
        queue = await make(limits(answer_bytes=100))
        for _ in range(3):
            await queue.submit(payload=b'"' + b"x" * 90 + b'"')
        assert [len((await queue.claim(3, reconcile=False)).leases) for _ in range(2)] == [2, 1]

    async def test_a_finish_may_ride_and_frees_the_way_for_its_successor(self, queue: Queue):
        await queue.submit(payload=b"1")
        await queue.submit(payload=b"2")
        lease = await queue.lease()
        claimed = await queue.claim(1, reports=(report(lease),))
        assert claimed.finished == (FinishStatus.OK,)
        assert [lease.payload for lease in claimed.leases] == [b"2"]

    async def test_a_lost_answer_is_noticed_after_the_second_report_without_the_job(self, queue: Queue):
        job = await queue.submit()
        await queue.claim(1, attempt_id="its answer was lost")
        for after_s, state in [(1, JobState.RUNNING), (1.5, JobState.RUNNING), (0, JobState.QUEUED)]:
            queue.clock.advance(after_s)
            await queue.claim(0)
            assert (await queue.state(job)).state is state
        assert (await queue.state(job)).attempt == 0

    async def test_a_job_that_is_named_again_starts_counting_anew(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        queue.clock.advance(3)
        await queue.claim(0)
        await queue.claim(0, running=(held(lease),))
        await queue.claim(0)
        assert (await queue.state(lease.job)).state is JobState.RUNNING

    async def test_what_an_instance_names_but_does_not_hold_is_lost(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        await queue.store.finish(report(lease))
        assert (await queue.claim(0, running=(held(lease),))).lost == (lease.job.uuid,)

    async def test_a_cancelled_running_job_is_named_in_claims_and_renewals(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        await queue.store.cancel("ann", lease.job.uuid)
        assert (await queue.claim(0, running=(held(lease),))).cancel == (lease.job.uuid,)
        assert (await queue.store.renew("i-1", [held(lease)])).cancel == (lease.job.uuid,)


class TestLease:
    async def test_a_renewed_lease_outlives_its_first_end(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        queue.clock.advance(LEASE_S - 1)
        assert (await queue.store.renew("i-1", [held(lease)])).extended == (lease.job.uuid,)
        queue.clock.advance(LEASE_S - 1)
        assert (await queue.store.reap()).lost == 0

    async def test_a_lease_is_never_shortened(self, make: Make):
        queue = await make(limits(lease_us=30 * SECOND))
        await queue.submit()
        lease = await queue.lease()
        await queue.store.renew("i-1", [held(lease)])
        assert (await queue.state(lease.job)).lease_until == lease.job.lease_until

    async def test_an_unrenewed_lease_is_taken_back_on_time_and_not_before(self, queue: Queue):
        job = await queue.submit()
        await queue.lease()
        queue.clock.advance(LEASE_S - 0.001)
        reaped = await queue.store.reap()
        assert (reaped.lost, reaped.next_in_us) == (0, 1000)
        queue.clock.advance(0.001)
        assert (await queue.store.reap()).lost == 1
        assert (await queue.state(job)).state is JobState.QUEUED
        assert (await queue.state(job)).attempt == 1

    async def test_no_lease_is_taken_back_in_the_grace_after_opening(self, make: Make):
        queue = await make(limits(lease_us=SECOND))
        await queue.submit()
        await queue.lease()
        queue.clock.advance(GRACE_S - 1)
        reaped = await queue.store.reap()
        assert (reaped.lost, reaped.next_in_us) == (0, SECOND)

    async def test_the_holder_of_a_lapsed_lease_may_go_on_until_another_claims(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        queue.clock.advance(LEASE_S)
        await queue.store.reap()
        assert (await queue.store.renew("i-1", [held(lease)])).extended == (lease.job.uuid,)
        assert (await queue.state(lease.job)).state is JobState.RUNNING

    async def test_a_report_of_a_lapsed_lease_counts_while_nobody_else_has_the_job(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        queue.clock.advance(LEASE_S)
        await queue.store.reap()
        assert await queue.store.finish(report(lease)) is FinishStatus.OK
        assert (await queue.state(lease.job)).state is JobState.SUCCEEDED

    async def test_the_old_token_is_worth_nothing_once_another_has_the_job(self, queue: Queue):
        await queue.submit()
        old = await queue.lease("i-1")
        queue.clock.advance(LEASE_S)
        await queue.store.reap()
        new = await queue.lease("i-2")
        assert await queue.store.finish(report(old)) is FinishStatus.LOST
        assert (await queue.store.renew("i-1", [held(old)])).lost == (old.job.uuid,)
        assert await queue.store.finish(report(new)) is FinishStatus.OK

    async def test_a_job_that_kills_its_engines_is_given_up(self, queue: Queue):
        job = await queue.submit(max_attempts=1)
        for _ in range(4):
            await queue.lease()
            queue.clock.advance(LEASE_S)
            await queue.store.reap()
        dead = await queue.state(job)
        assert (dead.state, dead.error_code, dead.attempt) == (JobState.DEAD, "job.lease_lost", 4)


class TestTakeBack:
    async def test_what_thrown_out_instances_held_is_claimable_by_others_at_once(self, queue: Queue):
        for _ in range(3):
            await queue.submit()
        first, second = await queue.lease("i-1"), await queue.lease("i-2")
        kept = await queue.lease("i-3")
        assert await queue.store.take_back(["i-1", "i-2", "i-9"]) == 2
        again = await queue.claim(5, "i-4", reconcile=False)
        assert {lease.job.uuid for lease in again.leases} == {first.job.uuid, second.job.uuid}
        assert {lease.job.attempt for lease in again.leases} == {2}
        assert (await queue.state(kept.job)).state is JobState.RUNNING

    async def test_their_words_count_no_more_even_before_another_claims(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        await queue.store.take_back(["i-1"])
        assert await queue.store.finish(report(lease)) is FinishStatus.LOST
        assert (await queue.store.renew("i-1", [held(lease)])).lost == (lease.job.uuid,)
        assert (await queue.store.append([Append(lease.job.uuid, held(lease).token, output=(0, "x"))]))[0].status is AppendStatus.LOST
        assert (await queue.state(lease.job)).state is JobState.QUEUED

    async def test_an_instance_that_holds_nothing_changes_nothing(self, queue: Queue):
        await queue.submit()
        events = await queue.store.last_event("ann")
        assert await queue.store.take_back(["i-1"]) == 0
        assert await queue.store.take_back([]) == 0
        assert await queue.store.last_event("ann") == events


class TestFinish:
    async def test_success_keeps_the_result(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        assert await queue.store.finish(report(lease, result=b'{"answer":42}')) is FinishStatus.OK
        detail = await queue.store.job("ann", lease.job.uuid)
        assert detail is not None
        assert (detail.job.state, detail.result) == (JobState.SUCCEEDED, b'{"answer":42}')

    async def test_the_same_report_again_is_fine_and_changes_nothing(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        await queue.store.finish(report(lease))
        events = await queue.store.last_event("ann")
        assert await queue.store.finish(report(lease)) is FinishStatus.OK
        assert await queue.store.last_event("ann") == events

    @pytest.mark.parametrize("altered", [{"result": b'"other"'}, {"outcome": Outcome.GIVEN_BACK, "result": None}])
    async def test_another_report_of_the_same_attempt_is_a_conflict(self, queue: Queue, altered):
        await queue.submit()
        lease = await queue.lease()
        await queue.store.finish(report(lease))
        assert await queue.store.finish(replace(report(lease), **altered)) is FinishStatus.CONFLICT
        assert (await queue.state(lease.job)).state is JobState.SUCCEEDED

    async def test_a_wrong_token_finishes_nothing(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        assert await queue.store.finish(replace(report(lease), token=b"x" * 16)) is FinishStatus.LOST
        assert (await queue.state(lease.job)).state is JobState.RUNNING

    async def test_a_failure_waits_longer_each_time_and_then_is_dead(self, queue: Queue):
        job = await queue.submit(max_attempts=3)
        for wait_s in (1, 2):
            await queue.store.finish(failed(await queue.lease()))
            waiting = await queue.state(job)
            assert waiting.state is JobState.QUEUED
            assert waiting.due_at == queue.clock.now().wall + wait_s * SECOND
            assert (await queue.claim()).leases == ()
            queue.clock.advance(wait_s)
            assert (await queue.store.reap()).promoted == 1
        await queue.store.finish(failed(await queue.lease()))
        dead = await queue.state(job)
        assert (dead.state, dead.attempt, dead.error_code) == (JobState.DEAD, 3, "test.failed")

    async def test_a_provider_that_asks_to_wait_is_waited_for(self, queue: Queue):
        job = await queue.submit()
        await queue.store.finish(failed(await queue.lease(), retry_after_s=60))
        assert (await queue.state(job)).due_at == queue.clock.now().wall + 60 * SECOND

    @pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.REFUSED])
    async def test_what_cannot_be_retried_is_dead_at_once(self, queue: Queue, outcome: Outcome):
        job = await queue.submit()
        await queue.store.finish(replace(failed(await queue.lease(), retryable=False), outcome=outcome))
        assert (await queue.state(job)).state is JobState.DEAD

    async def test_a_give_back_costs_no_attempt(self, queue: Queue):
        job = await queue.submit(max_attempts=1)
        await queue.store.finish(report(await queue.lease(), Outcome.GIVEN_BACK))
        assert (await queue.state(job)).attempt == 0
        assert (await queue.lease("i-2")).job.uuid == job.uuid

    async def test_a_receipt_is_kept_for_its_time(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        await queue.store.finish(report(lease))
        queue.clock.advance(3599)
        await queue.store.reap()
        assert await queue.store.finish(report(lease)) is FinishStatus.OK
        queue.clock.advance(1)
        await queue.store.reap()
        assert await queue.store.finish(report(lease)) is FinishStatus.LOST


class TestAppend:
    async def test_output_and_log_arrive_as_events_and_in_the_job(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        item = Append(
            lease.job.uuid, lease.job.token or b"", output=(0, "héllo"), log=(0, ({"level": "info", "message": "hi"},)), progress=0.5
        )
        (told,) = await queue.store.append([item])
        assert (told.status, told.output_offset, told.log_offset) == (AppendStatus.OK, 6, 1)
        names = [event.name for event in await queue.store.events("ann", 2, 10)]
        assert names == [EventName.JOB_OUTPUT, EventName.JOB_LOG, EventName.JOB_UPDATED]
        detail = await queue.store.job("ann", lease.job.uuid)
        assert detail is not None
        assert (detail.output, detail.output_delivery, detail.job.progress) == ("héllo", 1, 0.5)

    async def test_a_repeated_chunk_is_refused_whole_and_tells_where_to_go_on(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        item = Append(lease.job.uuid, lease.job.token or b"", output=(0, "abc"))
        await queue.store.append([item])
        (told,) = await queue.store.append([replace(item, log=(0, ({"level": "info", "message": "x"},)), progress=0.9)])
        assert (told.status, told.output_offset, told.log_offset) == (AppendStatus.OFFSET, 3, 0)
        assert (await queue.state(lease.job)).progress is None

    async def test_each_delivery_writes_from_the_beginning(self, queue: Queue):
        await queue.submit()
        first = await queue.lease()
        await queue.store.append([Append(first.job.uuid, first.job.token or b"", output=(0, "first"))])
        await queue.store.finish(report(first, Outcome.GIVEN_BACK))
        second = await queue.lease()
        (told,) = await queue.store.append([Append(second.job.uuid, second.job.token or b"", output=(0, "again"))])
        assert told.status is AppendStatus.OK
        outputs = [event.data for event in await queue.store.events("ann", 0, 99) if event.name is EventName.JOB_OUTPUT]
        assert [(data["attempt"], data["delivery"], data["text"]) for data in outputs] == [(1, 1, "first"), (1, 2, "again")]
        detail = await queue.store.job("ann", first.job.uuid)
        assert detail is not None
        assert (detail.output_delivery, detail.output) == (2, "again")

    async def test_who_does_not_hold_the_job_cannot_write(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        (told,) = await queue.store.append([Append(lease.job.uuid, b"x" * 16, output=(0, "abc"))])
        assert told.status is AppendStatus.LOST

    async def test_old_log_lines_make_room_beyond_the_bound(self, make: Make):
        queue = await make(limits(events_per_job=2))
        await queue.submit()
        lease = await queue.lease()
        for n in range(4):
            queue.clock.advance(0.001)
            await queue.store.append([Append(lease.job.uuid, lease.job.token or b"", log=(n, ({"level": "info", "message": str(n)},)))])
        logs = [event.data["lines"][0]["message"] for event in await queue.store.events("ann", 0, 99) if event.name is EventName.JOB_LOG]
        assert logs == ["2", "3"]


class TestTime:
    async def test_a_scheduled_job_waits_for_its_time(self, queue: Queue):
        job = await queue.submit(run_at=queue.clock.now().wall + 5 * SECOND)
        assert job.state is JobState.SCHEDULED
        assert (await queue.claim()).leases == ()
        queue.clock.advance(5)
        assert (await queue.store.reap()).promoted == 1
        assert (await queue.lease()).job.uuid == job.uuid

    async def test_a_job_nobody_claimed_in_time_expires(self, queue: Queue):
        job = await queue.submit(expires_in_us=10 * SECOND)
        queue.clock.advance(10)
        assert (await queue.store.reap()).expired == 1
        assert (await queue.state(job)).state is JobState.EXPIRED

    async def test_a_job_that_was_claimed_once_never_expires(self, queue: Queue):
        job = await queue.submit(expires_in_us=10 * SECOND)
        await queue.store.finish(report(await queue.lease(), Outcome.GIVEN_BACK))
        queue.clock.advance(11)
        await queue.store.reap()
        assert (await queue.state(job)).state is JobState.QUEUED

    async def test_finished_jobs_go_when_their_time_is_over_and_say_so(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        await queue.store.finish(report(lease))
        queue.clock.advance(KEEP_FINAL_S)
        assert (await queue.store.reap()).deleted == 1
        assert await queue.store.job("ann", lease.job.uuid) is None
        (news,) = await queue.store.events("ann", 0, 10)
        assert news.data["deleted"] is True

    async def test_everything_due_is_done_in_bounded_batches(self, queue: Queue):
        at = queue.clock.now().wall + SECOND
        await queue.store.submit("ann", [draft(f"k{n}", run_at=at) for n in range(501)], admit)
        queue.clock.advance(1)
        first, second = await queue.store.reap(), await queue.store.reap()
        assert (first.promoted, first.more, second.promoted, second.more) == (500, True, 1, False)

    async def test_each_commit_names_the_next_deadline_it_made(self, queue: Queue):
        await queue.submit(run_at=queue.clock.now().wall + 5 * SECOND)
        assert queue.commits[-1].due_in_us == 5 * SECOND

    async def test_an_empty_queue_asks_for_nothing(self, queue: Queue):
        assert (await queue.store.reap()).next_in_us is None


class TestPeople:
    async def test_cancelling_what_waits_ends_it_at_once(self, queue: Queue):
        job = await queue.submit()
        cancelled = await queue.store.cancel("ann", job.uuid)
        assert cancelled is not None
        assert cancelled.state is JobState.CANCELLED
        assert (await queue.claim()).leases == ()

    async def test_a_running_job_ends_cancelled_when_its_engine_lets_go(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        asked = await queue.store.cancel("ann", lease.job.uuid)
        assert asked is not None
        assert (asked.state, asked.cancel_at) == (JobState.RUNNING, queue.clock.now().wall)
        await queue.store.finish(report(lease, Outcome.GIVEN_BACK))
        assert (await queue.state(lease.job)).state is JobState.CANCELLED

    async def test_work_that_was_done_before_the_cancel_arrived_counts(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        await queue.store.cancel("ann", lease.job.uuid)
        await queue.store.finish(report(lease))
        assert (await queue.state(lease.job)).state is JobState.SUCCEEDED

    async def test_a_cancelled_job_whose_engine_vanished_is_cancelled(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        await queue.store.cancel("ann", lease.job.uuid)
        queue.clock.advance(LEASE_S)
        await queue.store.reap()
        assert (await queue.state(lease.job)).state is JobState.CANCELLED

    async def test_cancelling_again_changes_nothing(self, queue: Queue):
        job = await queue.submit()
        first = await queue.store.cancel("ann", job.uuid)
        events = await queue.store.last_event("ann")
        assert await queue.store.cancel("ann", job.uuid) == first
        assert await queue.store.last_event("ann") == events

    async def test_a_dead_job_can_begin_anew_with_all_its_attempts(self, queue: Queue):
        job = await queue.submit(max_attempts=1)
        await queue.store.finish(failed(await queue.lease()))
        again = await queue.store.redrive("ann", job.uuid)
        assert again is not None
        assert (again.state, again.attempt, again.error_code) == (JobState.QUEUED, 0, None)
        assert (await queue.lease()).job.attempt == 1

    async def test_only_dead_jobs_can_be_redriven(self, queue: Queue):
        job = await queue.submit()
        with pytest.raises(JobStateConflict):
            await queue.store.redrive("ann", job.uuid)

    async def test_only_finished_jobs_can_be_deleted(self, queue: Queue):
        job = await queue.submit()
        with pytest.raises(JobStateConflict):
            await queue.store.delete("ann", job.uuid)

    async def test_a_strangers_job_looks_like_none(self, queue: Queue):
        job = await queue.submit("ann")
        assert await queue.store.job("bob", job.uuid) is None
        assert await queue.store.cancel("bob", job.uuid) is None
        assert await queue.store.redrive("bob", job.uuid) is None
        assert await queue.store.delete("bob", job.uuid) is False
        assert await queue.store.jobs("bob", None, 10, Filter()) == []

    async def test_purge_takes_only_ones_own_finished_jobs_of_the_asked_states(self, queue: Queue):
        for user in ("ann", "ann", "bob"):
            await queue.store.finish(report(await _lease_of(queue, user)))
        job = await queue.submit("ann")
        await queue.store.cancel("ann", job.uuid)
        assert await queue.store.purge("ann", ["succeeded"], None, 10) == 2
        assert [job.state for job in await queue.store.jobs("ann", None, 10, Filter())] == [JobState.CANCELLED]
        assert len(await queue.store.jobs("bob", None, 10, Filter())) == 1

    async def test_purge_can_spare_the_recent(self, queue: Queue):
        await queue.store.finish(report(await _lease_of(queue, "ann")))
        queue.clock.advance(10)
        border = queue.clock.now().wall
        await queue.store.finish(report(await _lease_of(queue, "ann")))
        assert await queue.store.purge("ann", ["succeeded"], border, 10) == 1

    async def test_listing_is_newest_first_and_pages(self, queue: Queue):
        jobs = []
        for _ in range(5):
            queue.clock.advance(0.01)
            jobs.append(await queue.submit())
        first = await queue.store.jobs("ann", None, 3, Filter())
        rest = await queue.store.jobs("ann", first[-1].uuid, 3, Filter())
        assert [job.uuid for job in first + rest] == [job.uuid for job in reversed(jobs)]

    async def test_listing_filters_by_state_and_kind(self, queue: Queue):
        await queue.submit(kind="http")
        await queue.submit()
        await queue.lease()
        assert [job.kind for job in await queue.store.jobs("ann", None, 9, Filter(states=("running",)))] == ["echo"]
        assert [job.kind for job in await queue.store.jobs("ann", None, 9, Filter(kind="http"))] == ["http"]


class TestEvents:
    async def test_every_change_is_numbered_without_gaps_per_user(self, queue: Queue):
        await queue.store.finish(report(await _lease_of(queue, "ann")))
        await queue.store.finish(report(await _lease_of(queue, "bob")))
        for user in ("ann", "bob"):
            events = await queue.store.events(user, 0, 10)
            assert [(event.seq, event.data["state"]) for event in events] == [(1, "queued"), (2, "running"), (3, "succeeded")]

    async def test_what_is_published_is_what_is_replayed(self, queue: Queue):
        lease = await _lease_of(queue, "ann")
        await queue.store.append([Append(lease.job.uuid, lease.job.token or b"", output=(0, "text"))])
        await queue.store.finish(report(lease))
        published = [event for commit in queue.commits for event in commit.events]
        assert await queue.store.events("ann", 0, 10) == published

    async def test_replay_goes_on_after_a_position(self, queue: Queue):
        await queue.store.finish(report(await _lease_of(queue, "ann")))
        assert [event.seq for event in await queue.store.events("ann", 1, 1)] == [2]
        assert await queue.store.last_event("ann") == 3

    async def test_a_deleted_job_leaves_only_its_last_news(self, queue: Queue):
        lease = await _lease_of(queue, "ann")
        await queue.store.finish(report(lease))
        await queue.store.delete("ann", lease.job.uuid)
        events = await queue.store.events("ann", 0, 10)
        assert [(event.seq, event.data.get("deleted")) for event in events] == [(4, True)]


async def test_a_claim_without_room_leases_nothing(queue: Queue):
    await queue.submit()
    claimed = await queue.store.claim(Claim("i", "a", ("echo",), 0, queue.clock.now().steady))
    assert claimed.leases == ()


async def _lease_of(queue: Queue, user: str):
    job = await queue.submit(user)
    lease = await queue.lease()
    assert lease.job.uuid == job.uuid
    return lease


class TestTimeline:
    async def attempts(self, queue: Queue, lease: Granted) -> list[tuple[int, AttemptOutcome, str | None]]:
        detail = await queue.store.job("ann", lease.job.uuid)
        assert detail is not None
        return [(attempt.attempt, attempt.outcome, attempt.code) for attempt in detail.attempts]

    async def test_each_attempt_is_kept_with_its_times_and_phases(self, queue: Queue):
        await queue.submit()
        submitted = queue.clock.wall
        queue.clock.advance(2)
        lease = await queue.lease("i-7")
        queue.clock.advance(3)
        phases = (Phase("run", 0.5, 2.25),)
        await queue.store.finish(replace(report(lease), phases=phases))
        detail = await queue.store.job("ann", lease.job.uuid)
        assert detail is not None
        (attempt,) = detail.attempts
        assert attempt == AttemptRecord(
            1, 1, "i-7", submitted, submitted + 2 * SECOND, submitted + 5 * SECOND, AttemptOutcome.SUCCEEDED, None, phases
        )

    async def test_a_retry_and_a_lost_lease_are_attempts_of_their_own(self, queue: Queue):
        await queue.submit()
        first = await queue.lease()
        await queue.store.finish(failed(first))
        queue.clock.advance(10)
        await queue.store.reap()
        await queue.lease()
        queue.clock.advance(LEASE_S + GRACE_S)
        await queue.store.reap()
        third = await queue.lease()
        await queue.store.finish(report(third))
        assert await self.attempts(queue, third) == [
            (1, AttemptOutcome.FAILED, "test.failed"),
            (2, AttemptOutcome.LOST, None),
            (3, AttemptOutcome.SUCCEEDED, None),
        ]

    async def test_the_same_report_with_other_phases_is_the_same_report(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        await queue.store.finish(replace(report(lease), phases=(Phase("run", 0.0, 1.0),)))
        assert await queue.store.finish(report(lease)) is FinishStatus.OK
        detail = await queue.store.job("ann", lease.job.uuid)
        assert detail is not None
        assert [phase.name for phase in detail.attempts[0].phases] == ["run"]

    async def test_a_lease_that_seemed_lost_and_ended_after_all_is_one_attempt_with_its_first_beginning(self, queue: Queue):
        await queue.submit()
        began = queue.clock.wall
        lease = await queue.lease("i-1")
        queue.clock.advance(LEASE_S + GRACE_S)
        await queue.store.reap()
        assert await self.attempts(queue, lease) == [(1, AttemptOutcome.LOST, None)]
        await queue.store.finish(report(lease))
        detail = await queue.store.job("ann", lease.job.uuid)
        assert detail is not None
        (attempt,) = detail.attempts
        assert (attempt.outcome, attempt.instance, attempt.ready_at) == (AttemptOutcome.SUCCEEDED, "i-1", began)

    async def test_of_a_job_that_is_given_back_for_ever_the_latest_100_are_kept(self, queue: Queue):
        await queue.submit()
        for _ in range(103):
            lease = await queue.lease()
            await queue.store.finish(report(lease, Outcome.GIVEN_BACK))
        detail = await queue.store.job("ann", lease.job.uuid)
        assert detail is not None
        assert [attempt.delivery for attempt in detail.attempts] == list(range(4, 104))


class TestUsage:
    async def took(self, queue: Queue, usage: Usage | None, outcome: Outcome = Outcome.SUCCEEDED, *, again: bool = False) -> Granted:
        lease = await queue.lease()
        told = failed(lease) if outcome is Outcome.FAILED else report(lease, outcome)
        for _ in range(2 if again else 1):
            assert await queue.store.finish(replace(told, usage=usage)) is FinishStatus.OK
        return lease

    async def test_what_all_attempts_took_is_summed_also_of_failed_ones(self, queue: Queue):
        job = await queue.submit()
        await self.took(queue, Usage(input_tokens=5, output_tokens=1, cost_micros=30), Outcome.FAILED)
        queue.clock.advance(2)
        await queue.store.reap()
        await self.took(queue, Usage(input_tokens=7, output_tokens=2))
        after = await queue.state(job)
        assert (after.input_tokens, after.output_tokens, after.cost_micros) == (12, 3, 30)
        assert await queue.store.spent("ann", day_of(queue.clock.wall)) == Taken(12, 3, 30)

    async def test_a_report_that_comes_twice_is_counted_once(self, queue: Queue):
        job = await queue.submit()
        await self.took(queue, Usage(input_tokens=5, cost_micros=30), again=True)
        assert (await queue.state(job)).input_tokens == 5
        assert await queue.store.spent("ann", day_of(queue.clock.wall)) == Taken(5, 0, 30)
        assert [usage.input_tokens for commit in queue.commits for usage in commit.usages] == [5]

    async def test_a_report_that_rides_on_a_claim_is_counted_too_and_one_that_lost_is_not(self, queue: Queue):
        await queue.submit()
        lease = await queue.lease()
        told = replace(report(lease), usage=Usage(output_tokens=4))
        await queue.claim(0, reports=(told,))
        await queue.claim(0, reports=(told, replace(told, token=b"x" * 16)))
        assert await queue.store.spent("ann", day_of(queue.clock.wall)) == Taken(0, 4)

    async def test_days_and_users_are_counted_apart(self, queue: Queue):
        for user, usage in (("ann", Usage(input_tokens=1)), ("bob", Usage(input_tokens=2)), ("ann", None), ("ann", Usage(cost_micros=0))):
            await queue.submit(user)
            await self.took(queue, usage)
        day = day_of(queue.clock.wall)
        assert [await queue.store.spent(user, day) for user in ("ann", "bob", "eve")] == [Taken(1, 0, 0), Taken(2), Taken()]
        queue.clock.advance(24 * 3600)
        assert await queue.store.spent("ann", day + 1) == Taken()
        await queue.submit()
        await self.took(queue, Usage(input_tokens=9))
        assert [await queue.store.spent("ann", each) for each in (day, day + 1)] == [Taken(1, 0, 0), Taken(9)]

    async def test_what_was_taken_stays_known_when_the_job_is_deleted(self, queue: Queue):
        job = await queue.submit()
        await self.took(queue, Usage(input_tokens=5))
        assert await queue.store.delete("ann", job.uuid)
        assert await queue.store.spent("ann", day_of(queue.clock.wall)) == Taken(5)


class TestEverybody:
    """What the owner at the machine sees of all jobs."""

    async def test_a_page_holds_all_users_jobs_newest_first_and_goes_on_after_a_job(self, queue: Queue):
        made = []
        for user in ("ann", "bob", "ann", "cid"):
            queue.clock.advance(1)
            made.append(await queue.submit(user))
        newest = [job.uuid for job in made][::-1]
        first = await queue.store.everybodys(None, 3, Filter())
        rest = await queue.store.everybodys(first[-1].uuid, 3, Filter())
        assert [job.uuid for job in [*first, *rest]] == newest

    async def test_a_page_is_chosen_by_user_state_and_kind(self, queue: Queue):
        mine, other, chat = await queue.submit("ann"), await queue.submit("bob"), await queue.submit("bob", kind="chat")
        await queue.store.cancel("bob", other.uuid)

        async def found(**where) -> set[bytes]:
            return {job.uuid for job in await queue.store.everybodys(None, 9, Filter(**where))}

        assert await found(user="bob") == {other.uuid, chat.uuid}
        assert await found(states=("cancelled",)) == {other.uuid}
        assert await found(kind="chat") == {chat.uuid}
        assert await found(user="ann", kind="chat") == set()
        assert await found(user="ann") == {mine.uuid}

    async def test_a_text_is_found_in_kind_id_trace_and_named_users(self, queue: Queue):
        mine, other = await queue.submit("ann", kind="chat"), await queue.submit("bob", traceparent=f"00-{'ab' * 16}-{'1' * 16}-01")

        async def found(text: str, **where) -> list[bytes]:
            return [job.uuid for job in await queue.store.everybodys(None, 9, Filter(text=text, **where))]

        assert await found("cha") == [mine.uuid]
        assert await found(f"{queue.store.source}_{mine.uuid_text}") == [mine.uuid]
        assert await found(other.uuid_text[-6:]) == [other.uuid]
        assert await found("abababab") == [other.uuid]
        assert await found("bob", named=("bob",)) == [other.uuid]
        assert await found("bob") == []
        assert await found("_") == []
        assert await found("%") == []

    async def test_whose_a_job_is(self, queue: Queue):
        job = await queue.submit("bob")
        assert await queue.store.user_of(job.uuid) == "bob"
        assert await queue.store.user_of(bytes(16)) is None

    async def test_a_jobs_log_is_told_in_order_and_no_other_jobs(self, queue: Queue):
        await queue.submit("ann")
        lease = await queue.lease()
        await queue.submit("bob")
        other = await queue.lease()
        for granted, offset, text in ((lease, 0, "one"), (other, 0, "theirs"), (lease, 1, "two")):
            said = ({"level": "info", "message": text},)
            hold = held(granted)
            await queue.store.append([Append(hold.uuid, hold.token, log=(offset, said), output=(0, "x") if offset == 0 else None)])
        told = await queue.store.log_of(lease.job.uuid)
        assert [line["message"] for event in told for line in event.data["lines"]] == ["one", "two"]
        assert await queue.store.log_of(bytes(16)) == []
