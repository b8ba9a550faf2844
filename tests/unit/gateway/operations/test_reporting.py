"""What engines report of jobs they hold: heartbeats, ends, progress and output."""

from typing import Any

import pytest

from contract import limits
from contract.engine_link import (
    Append,
    AppendRequest,
    Failure,
    FinishRequest,
    HeartbeatRequest,
    Held,
    InstanceStats,
    Lease,
    LogChunk,
    LogLine,
    OutputChunk,
    QueueNews,
)
from contract.errors import AuditUnavailable, BodyTooLarge, JobNotFound, LeaseConflict, LeaseLost
from contract.words import AppendStatus, Directive, FinishStatus, JobState, LogLevel, Outcome
from kit.clock import SECOND
from tests.support.queue import GRACE_S, LEASE_S

LAB, DEN = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"
INSTANCE = f"{1:032x}"
OTHER_TOKEN = "0" * 32


async def leased(rooms, engine: str = LAB) -> Lease:
    await rooms.job(engine=engine)
    return (await rooms.claim(engine=engine)).leases[0]


def beat(*leases: tuple[str, str], busy: int = 1) -> HeartbeatRequest:
    held = [Held(job=job, token=token) for job, token in leases]
    return HeartbeatRequest(instance=INSTANCE, leases=held, stats=InstanceStats(slots=4, busy=busy))


def end(lease: Lease, outcome: Outcome = Outcome.SUCCEEDED, **changes: Any) -> FinishRequest:
    return FinishRequest(**{"token": lease.token, "outcome": outcome, **changes})


async def detail(rooms, lease: Lease):
    return (await rooms.watch.job("ann", lease.job))[1]


class TestHeartbeat:
    async def test_a_held_lease_is_extended_from_now(self, rooms):
        lease = await leased(rooms)
        rooms.clock.advance(LEASE_S - 1)
        answer = await rooms.reporting.heartbeat(rooms.caller(LAB), beat((lease.job, lease.token)))
        assert [(extended.job, extended.lease_ms) for extended in answer.extended] == [(lease.job, LEASE_S * 1000)]
        assert (await detail(rooms, lease)).job.lease_until == rooms.clock.steady + LEASE_S * SECOND

    async def test_lost_and_cancelled_ones_are_named(self, rooms):
        one, two = await leased(rooms), await leased(rooms)
        await rooms.change.cancel("ann", one.job)
        answer = await rooms.reporting.heartbeat(rooms.caller(LAB), beat((one.job, one.token), (two.job, OTHER_TOKEN)))
        assert ([extended.job for extended in answer.extended], answer.cancel, answer.lost) == ([one.job], [one.job], [two.job])

    async def test_without_leases_it_tells_the_directive_and_touches_no_queue(self, rooms):
        rooms.directive = Directive.DRAIN
        rooms.directory.refused[LAB] = "damaged"
        answer = await rooms.reporting.heartbeat(rooms.caller(LAB), beat())
        assert (answer.directive, answer.extended) == (Directive.DRAIN, [])

    async def test_it_tells_how_the_queue_stands_for_the_kinds_of_its_instance(self, rooms):
        lease = await leased(rooms)
        await rooms.job()
        rooms.clock.advance(0.5)
        news = QueueNews(oldest_waiting_ms=500, arrivals=2, part=1)
        assert (await rooms.reporting.heartbeat(rooms.caller(LAB), beat())).queue == news
        assert (await rooms.reporting.heartbeat(rooms.caller(LAB), beat((lease.job, lease.token)))).queue == news
        await rooms.claim(kinds=["other"])
        assert (await rooms.reporting.heartbeat(rooms.caller(LAB), beat())).queue == QueueNews(oldest_waiting_ms=None, arrivals=0, part=1)

    async def test_a_stranger_is_told_nothing_of_the_queue(self, rooms):
        assert (await rooms.reporting.heartbeat(rooms.caller(LAB), beat())).queue is None

    async def test_it_keeps_its_instance_up(self, rooms):
        lease = await leased(rooms)
        rooms.clock.advance(29)
        await rooms.reporting.heartbeat(rooms.caller(LAB), beat((lease.job, lease.token), busy=3))
        rooms.clock.advance(29)
        assert [instance.busy for instance in rooms.presence.up(LAB)] == [3]

    async def test_one_foreign_lease_refuses_the_whole_and_renews_nothing(self, rooms):
        mine, foreign = await leased(rooms), await leased(rooms, DEN)
        before = (await detail(rooms, mine)).job.lease_until
        rooms.clock.advance(1)
        with pytest.raises(JobNotFound, match="another engine"):
            await rooms.reporting.heartbeat(rooms.caller(LAB), beat((mine.job, mine.token), (foreign.job, foreign.token)))
        assert (await detail(rooms, mine)).job.lease_until == before


class TestFinish:
    async def test_a_result_is_kept_and_the_same_report_again_is_ok(self, rooms):
        lease = await leased(rooms)
        for _ in range(2):
            answer = await rooms.reporting.finish(LAB, lease.job, end(lease, result={"b": 1, "a": [None]}))
            assert answer.status is FinishStatus.OK
        found = await detail(rooms, lease)
        assert (found.job.state, found.result) == (JobState.SUCCEEDED, b'{"b":1,"a":[null]}')

    async def test_another_report_of_the_same_attempt_is_a_conflict(self, rooms):
        lease = await leased(rooms)
        await rooms.reporting.finish(LAB, lease.job, end(lease, result=1))
        with pytest.raises(LeaseConflict):
            await rooms.reporting.finish(LAB, lease.job, end(lease, result=2))
        assert (await detail(rooms, lease)).result == b"1"

    async def test_a_report_of_one_who_no_longer_holds_it_is_lost(self, rooms):
        lease = await leased(rooms)
        rooms.clock.advance(LEASE_S + GRACE_S)
        await rooms.directory.stores[LAB].reap()
        (new,) = (await rooms.claim(2)).leases
        with pytest.raises(LeaseLost):
            await rooms.reporting.finish(LAB, lease.job, end(lease, result="late"))
        assert (await detail(rooms, lease)).job.token.hex() == new.token

    async def test_a_failure_keeps_its_reason_and_its_least_wait(self, rooms):
        lease = await leased(rooms)
        failure = Failure(code="x.y", message="No.", retry_after_s=40)
        await rooms.reporting.finish(LAB, lease.job, end(lease, Outcome.FAILED, error=failure, result="is not kept"))
        found = await detail(rooms, lease)
        assert (found.job.state, found.job.error_code, found.job.error_message) == (JobState.QUEUED, "x.y", "No.")
        assert (found.job.due_at, found.result) == (rooms.clock.wall + 40 * SECOND, None)

    async def test_a_result_at_the_limit_is_kept_and_one_byte_more_is_refused(self, rooms):
        lease = await leased(rooms)
        with pytest.raises(BodyTooLarge, match=str(limits.RESULT_MAX_BYTES)):
            await rooms.reporting.finish(LAB, lease.job, end(lease, result="x" * (limits.RESULT_MAX_BYTES - 1)))
        assert (await detail(rooms, lease)).job.state is JobState.RUNNING
        await rooms.reporting.finish(LAB, lease.job, end(lease, result="x" * (limits.RESULT_MAX_BYTES - 2)))

    @pytest.mark.parametrize("job", ["nonsense", f"{DEN}_01900000-0000-7000-8000-000000000000"])
    async def test_a_job_of_another_engine_is_not_found(self, rooms, job: str):
        lease = await leased(rooms)
        with pytest.raises(JobNotFound):
            await rooms.reporting.finish(LAB, job, end(lease))


class TestAppend:
    async def test_output_log_and_progress_reach_the_job_and_its_user(self, rooms):
        lease = await leased(rooms)
        heard = []
        rooms.fanout.listen(lambda _user, event: heard.append(event))
        item = Append(
            job=lease.job,
            token=lease.token,
            output=OutputChunk(offset=0, text="ü!"),
            log=LogChunk(offset=0, lines=[LogLine(level=LogLevel.WARNING, message="hm")]),
            progress=0.5,
        )
        (told,) = (await rooms.reporting.append(LAB, AppendRequest(instance=INSTANCE, items=[item]))).results
        assert (told.job, told.status, told.output_offset, told.log_offset) == (lease.job, AppendStatus.OK, 3, 1)
        assert (await detail(rooms, lease)).output == "ü!"
        assert heard[0].data["text"] == "ü!"
        assert heard[1].data["lines"] == [{"level": "warning", "message": "hm"}]
        assert heard[2].data["progress"] == 0.5

    async def test_each_item_is_answered_by_itself_in_order(self, rooms):
        one, two, three = [await leased(rooms) for _ in range(3)]
        items = [
            Append(job=one.job, token=OTHER_TOKEN, progress=1),
            Append(job=two.job, token=two.token, output=OutputChunk(offset=5, text="gap")),
            Append(job=three.job, token=three.token, output=OutputChunk(offset=0, text="fits")),
        ]
        told = (await rooms.reporting.append(LAB, AppendRequest(instance=INSTANCE, items=items))).results
        assert [(result.job, result.status) for result in told] == [
            (one.job, AppendStatus.LOST),
            (two.job, AppendStatus.OFFSET),
            (three.job, AppendStatus.OK),
        ]

    async def test_a_foreign_job_refuses_the_whole(self, rooms):
        mine, foreign = await leased(rooms), await leased(rooms, DEN)
        items = [Append(job=lease.job, token=lease.token, output=OutputChunk(offset=0, text="x")) for lease in (mine, foreign)]
        with pytest.raises(JobNotFound):
            await rooms.reporting.append(LAB, AppendRequest(instance=INSTANCE, items=items))
        assert (await detail(rooms, mine)).output == ""


async def test_a_user_whom_the_engine_may_not_work_for_is_written_down_before_the_job_ends(rooms, book):
    lease = await leased(rooms)
    refusal = end(lease, Outcome.REFUSED, error=Failure(code="engine.user_not_allowed", message="no", retryable=False))
    book.break_it()
    with pytest.raises(AuditUnavailable):
        await rooms.reporting.finish(LAB, lease.job, refusal)
    assert (await detail(rooms, lease)).job.state is JobState.RUNNING
