"""All jobs: what the owner at the machine sees and changes of everybody's."""

import pytest

from contract.engine_link import FinishRequest
from contract.errors import AuditUnavailable, CursorInvalid, EngineUnknown, JobNotFound, JobStateConflict
from contract.words import JobState, Outcome
from gateway.operations.all_jobs import AllJobs
from gateway.rules.views import job_id_of
from gateway.store.seam import Filter

LAB, DEN = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"
EVERYTHING = Filter()


@pytest.fixture
def all_jobs(rooms) -> AllJobs:
    return AllJobs(rooms.directory, rooms.sources, rooms.watch, rooms.change, rooms.book.audit, lambda: rooms.users)


async def end(rooms, outcome: Outcome, engine: str = LAB) -> str:
    (lease,) = (await rooms.claim(engine=engine)).leases
    problem = None if outcome is Outcome.SUCCEEDED else {"code": "test.broken", "message": "It broke.", "retryable": False}
    asked = FinishRequest.model_validate({"token": lease.token, "outcome": outcome, "error": problem})
    await rooms.reporting.finish(engine, lease.job, asked)
    return lease.job


async def ids(all_jobs: AllJobs, **how) -> list[str]:
    asked = {"engine": None, "user": None, "before": None, "limit": 50, "where": EVERYTHING, **how}
    return [job_id_of(engine, job) for engine, job in (await all_jobs.jobs(**asked)).page.jobs]


async def test_pages_merge_everybodys_jobs_of_all_engines_and_go_on_after_the_last(rooms, all_jobs):
    made = []
    for number in range(5):
        rooms.clock.advance(1)
        made.append(await rooms.job("ann" if number % 2 else "bob", engine="den" if number == 2 else "lab"))
    found, before = [], None
    while True:
        page = (await all_jobs.jobs(None, None, before, 2, EVERYTHING)).page
        found += [job_id_of(engine, job) for engine, job in page.jobs]
        before = page.next
        if before is None:
            break
    assert found == made[::-1]
    assert await ids(all_jobs, engine="den") == [made[2]]
    with pytest.raises(EngineUnknown):
        await ids(all_jobs, engine="nowhere")
    with pytest.raises(CursorInvalid):
        await ids(all_jobs, before="nonsense")


async def test_a_user_is_found_by_name_as_part_of_a_text_too(rooms, all_jobs):
    await rooms.add_user("u1", "Ann Miller")
    mine, _other = await rooms.job("u1"), await rooms.job("u2")
    assert await ids(all_jobs, user="Ann Miller") == [mine]
    assert await ids(all_jobs, user="u1") == [mine]
    assert await ids(all_jobs, where=Filter(text="MILL")) == [mine]


async def test_a_queue_that_cannot_be_opened_is_named_and_the_others_are_shown(rooms, all_jobs):
    mine = await rooms.job()
    rooms.directory.refused[DEN] = "damaged"
    told = await all_jobs.jobs(None, None, None, 9, EVERYTHING)
    assert told.unavailable == [DEN]
    assert [job_id_of(engine, job) for engine, job in told.page.jobs] == [mine]


async def test_a_job_is_shown_with_what_its_user_submitted(rooms, all_jobs):
    job = await rooms.job("bob", payload={"a": 1})
    engine, detail, log = await all_jobs.job(job)
    assert (engine, detail.job.user, detail.payload, log) == (LAB, "bob", b'{"a":1}', [])


@pytest.mark.parametrize("name", ["nonsense", f"{LAB}_01890000-0000-7000-8000-000000000000", "zzzz_01890000-0000-7000-8000-000000000000"])
async def test_what_is_no_job_is_not_found_and_not_written_down(rooms, all_jobs, name: str):
    for act in (all_jobs.job, all_jobs.cancel, all_jobs.redrive, all_jobs.delete):
        with pytest.raises(JobNotFound):
            await act(name)
    assert rooms.book.events() == []


async def test_each_change_is_written_down_first(rooms, all_jobs):
    job = await rooms.job("bob")
    _, cancelled = await all_jobs.cancel(job)
    await all_jobs.delete(job)
    dead = await rooms.job("bob")
    await end(rooms, Outcome.REFUSED)
    _, again = await all_jobs.redrive(dead)
    assert (cancelled.state, again.state) == (JobState.CANCELLED, JobState.QUEUED)
    assert rooms.book.events() == [("job.cancel", "owner", job), ("job.delete", "owner", job), ("job.redrive", "owner", dead)]


async def test_what_cannot_be_written_down_does_not_happen(rooms, all_jobs):
    job = await rooms.job("bob")
    rooms.book.break_it()
    with pytest.raises(AuditUnavailable):
        await all_jobs.cancel(job)
    assert (await all_jobs.job(job))[1].job.state is JobState.QUEUED


async def test_what_changes_nothing_is_not_written_down(rooms, all_jobs):
    job = await rooms.job("bob")
    with pytest.raises(JobStateConflict):
        await all_jobs.redrive(job)
    with pytest.raises(JobStateConflict):
        await all_jobs.delete(job)
    await end(rooms, Outcome.SUCCEEDED)
    _, still = await all_jobs.cancel(job)
    assert still.state is JobState.SUCCEEDED
    assert rooms.book.events() == []
