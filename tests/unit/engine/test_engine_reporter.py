"""`Reporter`: a report is kept, sent until the gateway has spoken, and never forgotten before."""

import asyncio

import pytest

from contract import limits
from contract.engine_link import Finished
from contract.errors import (
    BodyTooLarge,
    EngineTokenInvalid,
    FloworkError,
    GatewayUnreachable,
    LeaseConflict,
    LeaseLost,
    QueueDraining,
    QueueFull,
    RequestInvalid,
    StorageFull,
)
from contract.words import FinishStatus
from engine.runtime.reporter import UNAUTHORISED_WAIT_S, Reporter
from tests.support.fake_link import job_id, lease, report


async def kept(room, *numbers: int, reporter: Reporter | None = None) -> None:
    for number in numbers:
        room.book.granted(lease(number), 0)
        await (reporter or room.reporter).keep(report(number))


def spooled(room) -> list[str]:
    """What another process would find."""
    room.spool.flush()
    return [report.job for report in room.spool.all()]


def patient(room) -> Reporter:
    """A reporter whose waits are as long as they may be."""
    return Reporter(room.link, room.spool, room.book, room.reporter._backoff, lambda: 1.0)


class TestKeeping:
    async def test_a_kept_report_is_on_disk_and_runs_no_more(self, room):
        await kept(room, 1)
        assert room.spool.all() == [report(1)]
        assert (room.book.running(), len(room.book)) == (0, 1)

    async def test_nothing_is_unsettled_in_the_beginning(self, room):
        assert await room.reporter.all_settled(0)

    async def test_a_kept_report_is_unsettled_until_the_gateway_has_spoken(self, room):
        await kept(room, 1)
        assert not await room.reporter.all_settled(0)
        await room.reporter.send(report(1))
        assert await room.reporter.all_settled(0)

    async def test_all_reports_count(self, room):
        await kept(room, 1, 2)
        await room.reporter.send(report(1))
        assert not await room.reporter.all_settled(0)
        await room.reporter.send(report(2))
        assert await room.reporter.all_settled(0)


class TestSending:
    async def test_an_acknowledged_report_is_forgotten_everywhere(self, room):
        await kept(room, 1)
        await room.reporter.send(report(1))
        assert (spooled(room), room.book.held()) == ([], [])

    @pytest.mark.parametrize("no", [LeaseLost(), LeaseConflict(), RequestInvalid(), BodyTooLarge()])
    async def test_a_final_no_is_an_answer_too(self, room, link, no: FloworkError):
        link.finishes.then(no)
        await kept(room, 1)
        await room.reporter.send(report(1))
        assert len(link.finishes.asked) == 1
        assert (spooled(room), room.book.held()) == ([], [])
        assert await room.reporter.all_settled(0)

    @pytest.mark.parametrize("later", [GatewayUnreachable(), StorageFull(), QueueDraining(), QueueFull(), EngineTokenInvalid()])
    async def test_a_report_is_sent_again_until_the_gateway_has_spoken(self, room, link, waits, later: FloworkError):
        link.finishes.then(later, later)
        await kept(room, 1)
        await room.reporter.send(report(1))
        assert link.finishes.asked == [report(1)] * 3

    async def test_a_report_is_still_on_disk_while_the_gateway_does_not_answer(self, room, link, waits):
        seen = []
        link.finishes.then(GatewayUnreachable(), lambda _: seen.extend(spooled(room)) or GatewayUnreachable())
        await kept(room, 1)
        await room.reporter.send(report(1))
        assert seen == [job_id(1)]

    async def test_the_wait_doubles(self, room, link, waits):
        link.finishes.then(*[GatewayUnreachable()] * 9)
        await kept(room, 1)
        await patient(room).send(report(1))
        assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0]

    async def test_a_gateway_that_asks_to_wait_is_waited_for(self, room, link, waits):
        link.finishes.then(StorageFull(retry_after_s=40))
        await kept(room, 1)
        await room.reporter.send(report(1))
        assert waits == [40]

    async def test_a_refused_token_is_not_tried_in_a_hurry(self, room, link, waits):
        link.finishes.then(EngineTokenInvalid())
        await kept(room, 1)
        await room.reporter.send(report(1))
        assert waits == [UNAUTHORISED_WAIT_S]


class TestLeftOver:
    async def test_reports_of_a_former_process_are_sent_oldest_first_and_forgotten(self, room, link):
        for number in (2, 1, 3):
            await room.spool.put(report(number))
        await room.reporter.send_left_over()
        assert [sent.job for sent in link.finishes.asked] == [job_id(2), job_id(1), job_id(3)]
        assert spooled(room) == []
        assert await room.reporter.all_settled(0)

    async def test_one_that_the_gateway_does_not_want_does_not_hold_up_the_rest(self, room, link):
        for number in (1, 2):
            await room.spool.put(report(number))
        link.finishes.then(LeaseLost())
        await room.reporter.send_left_over()
        assert spooled(room) == []


class TestRiding:
    async def test_a_riding_report_waits_for_the_claim(self, room, link):
        await kept(room, 1)
        room.reporter.ride(report(1))
        assert room.reporter.riding(9) == [report(1)]
        assert link.finishes.asked == []
        assert not await room.reporter.all_settled(0)

    async def test_no_more_ride_than_fit(self, room):
        await kept(room, 1, 2, 3)
        for number in (1, 2, 3):
            room.reporter.ride(report(number))
        assert room.reporter.riding(2) == [report(1), report(2)]

    async def test_a_report_rides_again_until_the_claim_was_answered(self, room):
        await kept(room, 1)
        room.reporter.ride(report(1))
        assert room.reporter.riding(9) == room.reporter.riding(9) == [report(1)]

    @pytest.mark.parametrize("status", FinishStatus)
    async def test_whatever_the_gateway_said_it_has_spoken(self, room, status: FinishStatus):
        await kept(room, 1)
        room.reporter.ride(report(1))
        room.reporter.landed([report(1)], [Finished(job=job_id(1), status=status, code=None)])
        assert room.reporter.riding(9) == []
        assert (spooled(room), room.book.held()) == ([], [])
        assert await room.reporter.all_settled(0)

    async def test_what_joined_after_the_claim_was_sent_rides_on_the_next(self, room):
        await kept(room, 1, 2)
        room.reporter.ride(report(1))
        sent = room.reporter.riding(9)
        room.reporter.ride(report(2))
        room.reporter.landed(sent, [Finished(job=job_id(1), status=FinishStatus.OK)])
        assert room.reporter.riding(9) == [report(2)]
        assert not await room.reporter.all_settled(0)

    async def test_an_answer_that_leaves_a_report_out_does_not_settle_it(self, room):
        await kept(room, 1, 2)
        for number in (1, 2):
            room.reporter.ride(report(number))
        room.reporter.landed(room.reporter.riding(9), [Finished(job=job_id(1), status=FinishStatus.OK)])
        assert room.reporter.riding(9) == [report(2)]
        assert spooled(room) == [job_id(2)]

    async def test_at_the_end_what_waited_for_a_claim_is_sent_by_itself(self, room, link):
        await kept(room, 1, 2)
        for number in (1, 2):
            room.reporter.ride(report(number))
        await room.reporter.send_riding()
        assert link.finishes.asked == [report(1), report(2)]
        assert room.reporter.riding(9) == []
        assert await room.reporter.all_settled(0)

    async def test_riding_reports_fit_the_largest_claim(self, room):
        for number in (1, 2, 3):
            room.reporter.ride(report(number, result="x" * (limits.RESULT_MAX_BYTES - 2)))
        size = sum(len(riding.model_dump_json()) for riding in room.reporter.riding(limits.CLAIM_MAX_JOBS))
        assert size <= limits.CLAIM_BODY_MAX_BYTES

    async def test_a_report_that_is_answered_twice_counts_once(self, room, link):
        await kept(room, 1, 2)
        room.reporter.ride(report(1))
        on_its_way = room.reporter.riding(9)  # the claim is outstanding when the drain begins
        answer = asyncio.get_running_loop().create_future()
        link.finishes.then(answer)
        sending = asyncio.create_task(room.reporter.send_riding())
        await link.finishes.arrived(1)
        room.reporter.landed(on_its_way, [Finished(job=job_id(1), status=FinishStatus.OK)])
        answer.set_exception(LeaseConflict())
        await sending
        assert not await room.reporter.all_settled(0)
