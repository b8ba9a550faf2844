"""Watch and change: one job, pages over several queues, missed events, and what a person may do to their own."""

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest

from contract import limits
from contract.errors import CursorInvalid, EngineUnknown, JobNotFound, JobStateConflict, ShardUnavailable
from contract.events import Event, decode_cursor, encode_cursor
from contract.words import JobState, Outcome
from gateway.operations import change
from gateway.rules.views import job_id_of
from gateway.store.seam import Filter
from tests.support.queue import TRACE

LAB, DEN = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"
PATIENCE_S = 10.0
EVERYTHING = Filter()
FINAL = [JobState.SUCCEEDED, JobState.DEAD, JobState.CANCELLED, JobState.EXPIRED]


async def finish(rooms, engine: str = LAB, outcome: Outcome = Outcome.SUCCEEDED) -> str:
    """Claim one job and end it; its id."""
    from contract.engine_link import FinishRequest

    (lease,) = (await rooms.claim(engine=engine)).leases
    await rooms.reporting.finish(engine, lease.job, FinishRequest(token=lease.token, outcome=outcome, result="done"))
    return lease.job


async def pages(rooms, limit: int, engine: str | None = None, where: Filter = EVERYTHING) -> list[list[str]]:
    found, cursor = [], None
    while True:
        page = await rooms.watch.jobs("ann", engine, cursor, limit, where)
        found.append([job_id_of(name, job) for name, job in page.jobs])
        cursor = page.next
        if cursor is None:
            return found


async def mixed(rooms, count: int = 7) -> list[str]:
    """Jobs that alternate between two queues, newest first."""
    made = []
    for number in range(count):
        rooms.clock.advance(1)
        made.append(await rooms.job(engine="den" if number % 3 == 1 else "lab"))
    return made[::-1]


class TestOneJob:
    async def test_a_job_is_shown_with_its_bodies_to_its_user(self, rooms):
        job = await rooms.job(payload={"a": 1})
        await finish(rooms)
        engine, detail = await rooms.watch.job("ann", job)
        assert (engine, detail.job.state, detail.payload, detail.result) == (LAB, JobState.SUCCEEDED, b'{"a":1}', b'"done"')

    @pytest.mark.parametrize("bob_has_jobs_there", [False, True])
    async def test_somebody_elses_job_is_as_unknown_as_none(self, rooms, bob_has_jobs_there: bool):
        job = await rooms.job("ann")
        if bob_has_jobs_there:
            await rooms.job("bob")
        for act in (rooms.watch.job, rooms.change.cancel, rooms.change.redrive, rooms.change.delete):
            with pytest.raises(JobNotFound):
                await act("bob", job)
        assert (await rooms.watch.job("ann", job))[1].job.state is JobState.QUEUED

    @pytest.mark.parametrize("text", ["", "nonsense", f"{LAB}_nonsense", f"{DEN}_01900000-0000-7000-8000-000000000000", "../x"])
    async def test_an_id_of_nothing_is_not_found(self, rooms, text: str):
        await rooms.job()
        with pytest.raises(JobNotFound):
            await rooms.watch.job("ann", text)

    async def test_an_id_of_a_job_that_never_was_in_a_queue_of_ones_own_is_not_found(self, rooms):
        await rooms.job()
        with pytest.raises(JobNotFound):
            await rooms.watch.job("ann", f"{LAB}_01900000-0000-7000-8000-000000000000")


class TestPages:
    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
    async def test_pages_over_several_queues_show_each_job_once_newest_first(self, rooms, limit: int):
        made = await mixed(rooms)
        found = await pages(rooms, limit)
        assert [job for page in found for job in page] == made
        assert all(len(page) == limit for page in found[:-1])
        assert 0 < len(found[-1]) <= limit

    async def test_a_page_of_one_engine_shows_that_one_only(self, rooms):
        made = await mixed(rooms)
        for name in ("den", DEN):
            assert await pages(rooms, 10, name) == [[job for job in made if job.startswith(DEN)]]

    @pytest.mark.parametrize("limit", [1, 2, 3, 5])
    async def test_pages_of_one_engine_go_on_to_its_last_job(self, rooms, limit: int):
        made = [job for job in await mixed(rooms) if job.startswith(LAB)]
        found = await pages(rooms, limit, "lab")
        assert [job for page in found for job in page] == made
        assert all(len(page) == limit for page in found[:-1])

    async def test_a_filter_holds_on_every_page(self, rooms):
        await mixed(rooms)
        ended = [await finish(rooms) for _ in range(3)]
        found = await pages(rooms, 2, where=Filter(states=(JobState.SUCCEEDED,)))
        assert sorted(job for page in found for job in page) == sorted(ended)

    async def test_who_has_no_jobs_gets_an_empty_last_page(self, rooms):
        await rooms.job("bob")
        assert await pages(rooms, 10) == [[]]

    async def test_jobs_that_come_while_one_pages_do_not_shift_the_pages(self, rooms):
        made = await mixed(rooms, 4)
        first = await rooms.watch.jobs("ann", None, None, 2, EVERYTHING)
        rooms.clock.advance(1)
        await rooms.job()
        second = await rooms.watch.jobs("ann", None, first.next, 2, EVERYTHING)
        assert [job_id_of(*found) for found in (*first.jobs, *second.jobs)] == made

    @pytest.mark.parametrize("cursor", ["", "x", "%%", encode_cursor({})])
    async def test_a_cursor_that_is_none_of_ours_is_refused(self, rooms, cursor: str):
        await rooms.job()
        with pytest.raises(CursorInvalid):
            await rooms.watch.jobs("ann", None, cursor, 10, EVERYTHING)

    async def test_a_cursor_of_a_job_that_is_gone_still_leads_on(self, rooms):
        made = await mixed(rooms, 3)
        page = await rooms.watch.jobs("ann", None, None, 1, EVERYTHING)
        await rooms.change.cancel("ann", made[0])
        await rooms.change.delete("ann", made[0])
        assert UUID(page.next)
        rest = await rooms.watch.jobs("ann", None, page.next, 10, EVERYTHING)
        assert [job_id_of(*found) for found in rest.jobs] == made[1:]

    async def test_an_unknown_engine_is_named_so_and_an_unavailable_one_too(self, rooms):
        await rooms.job()
        with pytest.raises(EngineUnknown):
            await rooms.watch.jobs("ann", "nobody", None, 10, EVERYTHING)
        rooms.directory.refused[LAB] = "damaged"
        with pytest.raises(ShardUnavailable):
            await rooms.watch.jobs("ann", None, None, 10, EVERYTHING)


def shown(events: list[Event]) -> list[tuple[str, int]]:
    return [(event.source, event.seq) for event in events]


class TestEvents:
    async def test_without_a_cursor_it_begins_with_the_oldest_of_all_queues(self, rooms):
        await mixed(rooms, 4)
        events, cursor = await rooms.watch.events("ann", None, 0)
        assert shown(events) == [(LAB, 1), (LAB, 2), (LAB, 3), (DEN, 1)]
        assert decode_cursor(cursor) == {LAB: 3, DEN: 1}

    async def test_a_cursor_leads_on_without_gap_or_repeat(self, rooms):
        await mixed(rooms, 4)
        _, cursor = await rooms.watch.events("ann", None, 0)
        job = await rooms.job(engine="den")
        events, cursor = await rooms.watch.events("ann", cursor, 0)
        assert shown(events) == [(DEN, 2)]
        assert events[0].data["id"] == job
        assert await rooms.watch.events("ann", cursor, 0) == ([], cursor)

    async def test_a_full_page_stops_and_the_next_goes_on_with_the_same_and_the_other_queues(self, rooms, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(limits, "EVENTS_PAGE", 3)
        await mixed(rooms, 9)
        seen, cursor = [], None
        for expected in (3, 3, 3, 0):
            events, cursor = await rooms.watch.events("ann", cursor, 0)
            assert len(events) == expected
            seen += shown(events)
        assert seen == [(LAB, seq) for seq in range(1, 7)] + [(DEN, seq) for seq in range(1, 4)]

    async def test_latest_gives_no_events_and_todays_cursor(self, rooms):
        await mixed(rooms, 4)
        events, cursor = await rooms.watch.events("ann", "latest", 1000)
        assert (events, decode_cursor(cursor)) == ([], {LAB: 3, DEN: 1})
        await rooms.job()
        assert shown((await rooms.watch.events("ann", cursor, 0))[0]) == [(LAB, 4)]

    async def test_foreign_entries_of_a_cursor_show_nothing_of_others(self, rooms):
        await rooms.job("ann")
        await rooms.job("bob", engine="den")
        events, cursor = await rooms.watch.events("ann", encode_cursor({DEN: 0, "nobody": 5}), 0)
        assert shown(events) == [(LAB, 1)]
        assert decode_cursor(cursor)[LAB] == 1
        assert decode_cursor(cursor)[DEN] == 0

    async def test_a_position_beyond_the_end_gives_nothing(self, rooms):
        await rooms.job()
        assert (await rooms.watch.events("ann", encode_cursor({LAB: 2**63 - 1}), 0))[0] == []

    async def test_a_cursor_that_is_none_of_ours_is_refused(self, rooms):
        with pytest.raises(CursorInvalid):
            await rooms.watch.events("ann", "%%", 0)

    async def test_one_who_waits_gets_the_event_that_comes(self, rooms):
        waiting = asyncio.create_task(rooms.watch.events("ann", None, 60_000))
        await self.arrivals(rooms, "ann")
        job = await rooms.job()
        async with asyncio.timeout(PATIENCE_S):
            events, _ = await waiting
        assert [event.data["id"] for event in events] == [job]
        assert rooms.fanout._arrivals == {}

    async def test_what_happens_to_others_wakes_nobody(self, rooms):
        waiting = asyncio.create_task(rooms.watch.events("ann", None, 60_000))
        await self.arrivals(rooms, "ann")
        await rooms.job("bob")
        assert not waiting.done()
        rooms.fanout.close()  # and a gateway that stops sends it home with nothing
        async with asyncio.timeout(PATIENCE_S):
            assert (await waiting)[0] == []

    async def test_a_wait_that_is_over_answers_with_nothing_and_the_same_cursor(self, rooms):
        cursor = encode_cursor({LAB: 0})
        assert await rooms.watch.events("ann", cursor, 1) == ([], cursor)

    async def test_an_unavailable_queue_keeps_its_place_and_the_others_are_told(self, rooms):
        await mixed(rooms, 4)
        rooms.directory.refused[LAB] = "damaged"
        events, cursor = await rooms.watch.events("ann", encode_cursor({LAB: 1}), 0)
        assert (shown(events), decode_cursor(cursor)) == ([(DEN, 1)], {LAB: 1, DEN: 1})
        _, latest = await rooms.watch.events("ann", "latest", 0)
        assert decode_cursor(latest) == {DEN: 1}
        rooms.directory.refused.clear()
        assert shown((await rooms.watch.events("ann", cursor, 0))[0]) == [(LAB, 2), (LAB, 3)]

    @staticmethod
    async def arrivals(rooms, user: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while user not in rooms.fanout._arrivals:
                await asyncio.sleep(0)


class TestChange:
    async def test_cancel_ends_a_waiting_job_and_asks_a_running_one(self, rooms):
        running, waiting = await rooms.job(), await rooms.job()
        await rooms.claim()
        assert (await rooms.change.cancel("ann", waiting))[1].state is JobState.CANCELLED
        engine, job = await rooms.change.cancel("ann", running)
        assert (engine, job.state, job.cancel_at) == (LAB, JobState.RUNNING, rooms.clock.wall)

    async def test_cancelling_what_has_ended_leaves_it_as_it_is(self, rooms):
        await rooms.job()
        job = await finish(rooms)
        assert (await rooms.change.cancel("ann", job))[1].state is JobState.SUCCEEDED

    async def test_only_a_dead_job_can_be_redriven(self, rooms):
        await rooms.job()
        job = await finish(rooms)
        with pytest.raises(JobStateConflict, match="succeeded"):
            await rooms.change.redrive("ann", job)
        await rooms.job()
        dead = await finish(rooms, outcome=Outcome.REFUSED)
        assert (await rooms.change.redrive("ann", dead))[1].state is JobState.QUEUED

    async def test_a_deleted_job_is_gone_and_an_unfinished_one_is_not_deleted(self, rooms):
        job = await rooms.job()
        with pytest.raises(JobStateConflict, match="cancel it first"):
            await rooms.change.delete("ann", job)
        await rooms.change.cancel("ann", job)
        await rooms.change.delete("ann", job)
        for act in (rooms.watch.job, rooms.change.delete, rooms.change.cancel, rooms.change.redrive):
            with pytest.raises(JobNotFound):
                await act("ann", job)

    async def test_purge_takes_ended_jobs_of_all_ones_queues_batch_by_batch(self, rooms, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(change, "PURGE_BATCH", 2)
        await rooms.submitting.many("ann", [(rooms.keys(), rooms.draft()) for _ in range(5)], TRACE)
        kept = await rooms.job(engine="den")
        gone = await rooms.job(engine="den")
        await rooms.change.cancel("ann", gone)
        for _ in range(5):
            await finish(rooms)
        assert await rooms.change.purge("ann", None, FINAL, None) == 6
        assert await pages(rooms, 10) == [[kept]]

    async def test_purge_of_one_engine_one_state_or_one_time_leaves_the_rest(self, rooms):
        jobs = [await rooms.job(), await rooms.job(engine="den")]
        for job in jobs:
            await rooms.change.cancel("ann", job)
        assert await rooms.change.purge("ann", None, [JobState.SUCCEEDED], None) == 0
        assert await rooms.change.purge("ann", None, FINAL, rooms.clock.wall) == 0
        assert await rooms.change.purge("ann", "den", FINAL, None) == 1
        assert await pages(rooms, 10) == [[jobs[0]]]

    async def test_purge_takes_nothing_of_others(self, rooms):
        job = await rooms.job("bob")
        await rooms.change.cancel("bob", job)
        await rooms.job("ann")
        assert await rooms.change.purge("ann", "lab", FINAL, None) == 0
        assert (await rooms.watch.job("bob", job))[1].job.state is JobState.CANCELLED


async def test_what_happens_to_devices_is_told_in_order_and_replayed(home, rooms):
    from .conftest import keys_at

    ann = await home.pair(keys_at(home.clock, 1), "Ann")
    watch = replace(rooms.watch, news=home.people)
    _, cursor = await watch.events(ann.user, "latest", 0)
    second = await home.pair(keys_at(home.clock, 2), user=ann.user)
    await home.sessions.revoke(second.id, "owner")
    events, after = await watch.events(ann.user, cursor, 0)
    told = [(event.source, event.seq, event.name, event.data) for event in events]
    device = {"id": second.id, "name": "phone"}
    assert told == [("control", 2, "device.added", device), ("control", 3, "device.revoked", device)]
    assert await watch.events(ann.user, after, 0) == ([], after)
    assert (await watch.events("somebody", None, 0))[0] == []
