"""The owner at the machine sees and changes everybody's jobs, as the window does."""

import pytest

from app.client.admin import open_admin
from contract.errors import JobNotFound
from contract.words import JobState
from tests.support.house import House, User


async def test_the_owner_sees_a_job_with_payload_output_log_and_attempts(home: House, user: User):
    job = await user.submit(payload={"output": ["Hello, ", "home."], "log": ["began"], "reply": {"n": 1}})
    await user.reaches(job, JobState.SUCCEEDED)
    async with open_admin(home.data) as admin:
        page = await admin.all_jobs(text=job.id)
        detail = await admin.any_job(job.id)
    assert [each.id for each in page.jobs] == [job.id]
    assert page.jobs[0].user_name == detail.user_name
    assert [(line.attempt, line.message) for line in detail.log] == [(1, "began")]
    assert (detail.result, detail.trace_id, len(detail.attempts)) == ({"n": 1}, job.trace_id, 1)
    assert detail.output is not None
    assert detail.output.text == "Hello, home."


async def test_the_owner_cancels_and_deletes_and_the_audit_log_tells(home: House, user: User):
    job = await user.submit(payload={"sleep_ms": 60_000})
    await user.reaches(job, JobState.RUNNING)
    async with open_admin(home.data) as admin:
        assert (await admin.cancel_job(job.id)).cancel_requested
        await user.reaches(job, JobState.CANCELLED)
        await admin.delete_job(job.id)
        with pytest.raises(JobNotFound):
            await admin.any_job(job.id)
        told = [(record.event, record.target) for record in (await admin.audit(None, 9)).records if record.event.startswith("job.")]
    assert told == [("job.delete", job.id), ("job.cancel", job.id)]


async def test_pages_go_on_where_the_last_one_ended_and_states_choose(home: House, user: User):
    made = [(await user.submit(payload={"reply": number})).id for number in range(5)]
    async with open_admin(home.data) as admin:
        first = await admin.all_jobs(limit=3)
        second = await admin.all_jobs(limit=3, before=first.next)
        assert [job.id for job in [*first.jobs, *second.jobs]] == made[::-1]
        assert second.next is None
        assert (await admin.all_jobs(states=[JobState.EXPIRED])).jobs == []
        assert (await admin.all_jobs(engine=home.engine_id, limit=2)).jobs[0].id == made[-1]
