"""A job's life through real processes, sockets and files: in one process, and with the engine apart."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from contract.errors import IdempotencyKeyReused, JobNotFound, JobStateConflict, KindUnserved
from contract.events import Event
from contract.words import EventName, JobState
from tests.support.devices import signed_headers
from tests.support.house import House, User, house, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["together", "apart"])
async def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One house for all of these: each job stands for itself."""
    async with house(tmp_path_factory.mktemp("house"), apart=request.param == "apart") as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def user(home: House) -> AsyncIterator[User]:
    async with signed_in(home, home.engine_name) as signed:
        yield signed


def states(events: list[Event], job_id: str) -> list[str]:
    return [event.data["state"] for event in events if event.data["id"] == job_id and event.name is EventName.JOB_UPDATED]


async def test_every_step_of_a_job_reaches_its_submitter_in_order(user: User):
    job = await user.submit(payload={"output": ["one ", "two"], "log": ["a line"], "reply": {"answer": 42}})
    await user.sees(job, JobState.SUCCEEDED)
    assert states(user.seen, job.id) == ["queued", "running", "succeeded"]
    assert "".join(event.data["text"] for event in user.seen if event.name is EventName.JOB_OUTPUT) == "one two"
    assert [line["message"] for event in user.seen if event.name is EventName.JOB_LOG for line in event.data["lines"]] == ["a line"]
    first = user.seen[0].seq
    assert [event.seq for event in user.seen] == list(range(first, first + len(user.seen)))
    detail = await user.api.job(job.id)
    assert (detail.result, detail.payload["reply"], detail.attempt) == ({"answer": 42}, {"answer": 42}, 1)
    assert detail.output is not None
    assert detail.output.text == "one two"


async def test_what_a_dropped_socket_missed_is_replayed_by_cursor(home: House, user: User):
    cursor = (await user.api.events("latest")).next
    async with signed_in(home, home.engine_name) as other:
        job = await other.submit(payload={"output": ["x"], "reply": 1})
        await other.sees(job, JobState.SUCCEEDED)
        live = [(event.source, event.seq, event.name, event.data) for event in other.seen]
    missed = []
    while len(missed) < len(live):
        page = await user.api.events(cursor)
        missed += [(event.source, event.seq, event.name, event.data) for event in page.events]
        cursor = page.next
    assert missed == live
    assert (await user.api.events(cursor, wait_ms=0)).events == []


async def test_a_failure_is_retried_and_then_succeeds(user: User):
    job = await user.submit(payload={"fail": {"times": 1}, "reply": "second"})
    await user.sees(job, JobState.SUCCEEDED)
    detail = await user.api.job(job.id)
    assert (detail.result, detail.attempt) == ("second", 2)


async def test_a_job_that_fails_for_good_is_dead_with_its_reason_and_can_be_redriven(user: User):
    job = await user.submit(payload={"fail": {"code": "mine", "message": "No.", "times": 2}, "reply": "at last"}, max_attempts=2)
    dead = await user.sees(job, JobState.DEAD)
    assert dead.data["error"] == {"code": "mine", "message": "No."}
    again = await user.api._call("POST", f"/api/v1/jobs/{job.id}/redrive", type(await user.api.cancel(job.id)))
    assert again.job.attempt == 0
    assert (await user.sees(job, JobState.DEAD)).data["attempt"] == 2


async def test_an_exception_in_a_handler_is_a_failure_that_names_it(user: User):
    job = await user.submit(payload={"crash": "kaput"}, max_attempts=1)
    dead = await user.sees(job, JobState.DEAD)
    assert dead.data["error"]["code"] == "job.exception"
    assert "kaput" in dead.data["error"]["message"]


async def test_a_job_that_takes_too_long_is_ended(user: User):
    job = await user.submit(payload={"sleep_ms": 60_000}, timeout_s=0.2, max_attempts=1)
    assert (await user.sees(job, JobState.DEAD)).data["error"]["code"] == "job.timeout"


@pytest.mark.parametrize("kind", ["echo", "echo-thread"])
async def test_a_running_job_can_be_cancelled(user: User, kind: str):
    job = await user.submit(kind=kind, payload={"sleep_ms": 60_000})
    await user.sees(job, JobState.RUNNING)
    await user.api.cancel(job.id)
    await user.sees(job, JobState.CANCELLED)


@pytest.mark.parametrize("kind", ["echo-thread", "echo-process"])
async def test_handlers_run_in_threads_and_processes_too(user: User, kind: str):
    job = await user.submit(kind=kind, payload={"reply": kind, "busy_ms": 20})
    await user.sees(job, JobState.SUCCEEDED)
    assert (await user.api.job(job.id)).result == kind


async def test_a_scheduled_job_starts_at_its_time_and_not_before(user: User):
    at = datetime.now(UTC) + timedelta(seconds=0.6)
    job = await user.submit(run_at=at.isoformat(), payload={"stamp": True})
    assert job.state is JobState.SCHEDULED
    await user.sees(job, JobState.SUCCEEDED)
    began = datetime.fromisoformat((await user.api.job(job.id)).result["began_at"])
    assert began >= at


async def test_a_repeated_submit_gives_the_same_job(user: User):
    first, again = [await user.submit("my-key", payload={"reply": 1}) for _ in range(2)]
    assert first.id == again.id
    with pytest.raises(IdempotencyKeyReused):
        await user.submit("my-key", payload={"reply": 2})


async def test_a_kind_that_nobody_serves_is_refused_with_a_word_on_what_to_do(user: User):
    await user.sees(await user.submit(), JobState.SUCCEEDED)
    with pytest.raises(KindUnserved, match="Check the spelling"):
        await user.submit(kind="ecko")


async def test_a_finished_job_can_be_deleted_and_a_running_one_cannot(user: User):
    job = await user.submit(payload={"sleep_ms": 60_000})
    await user.sees(job, JobState.RUNNING)
    async with delete(user, f"/api/v1/jobs/{job.id}") as response:
        assert (response.status, (await response.json())["code"]) == (409, JobStateConflict.code)
    await user.api.cancel(job.id)
    await user.sees(job, JobState.CANCELLED)
    async with delete(user, f"/api/v1/jobs/{job.id}") as response:
        assert response.status == 204
    with pytest.raises(JobNotFound):
        await user.api.job(job.id)


def delete(user: User, path: str):
    return user.api._session.delete(path, headers=signed_headers(user.api, "DELETE", path))
