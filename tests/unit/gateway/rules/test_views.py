"""`gateway.rules.views` and `gateway.rules.job`: what people see is the published model, and nothing of the lease."""

from dataclasses import fields, replace
from uuid import UUID

import pytest

from contract.ids import split_job_id
from contract.jobs import Job
from contract.words import JobState, Outcome
from gateway.rules import life
from gateway.rules.job import JobRecord
from gateway.rules.life import Failure, Retry
from gateway.rules.views import job_id_of, job_id_of_uuid, job_view, said_by
from kit.backoff import Backoff
from kit.clock import SECOND, Now
from tests.support.queue import TRACE, draft

ENGINE = "abcdefghijklmnop"
UUID_7 = UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
NOW = Now(1_767_225_600 * SECOND, 1000 * SECOND)
LATER = Now(NOW.wall + SECOND + 1, NOW.steady + SECOND + 1)
TOKEN = b"\xabsecret-of-lease"
RETRY = Retry(Backoff(1.0, 300.0), lambda: 1.0)
QUEUED = life.accepted(draft(), seq=4711, uuid=UUID_7.bytes, user="ann", now=NOW)
RUNNING = life.leased(QUEUED, token=TOKEN, instance="i-1", lease_us=30 * SECOND, now=LATER)
FAILED = Failure("test.failed", "It failed.", retryable=False)
LIVES: dict[str, JobRecord] = {
    "queued": QUEUED,
    "scheduled": life.accepted(draft(run_at=NOW.wall + 1, expires_in_us=SECOND), seq=1, uuid=UUID_7.bytes, user="ann", now=NOW),
    "running": replace(RUNNING, progress=0.5),
    "asked to stop": life.cancelled(RUNNING, LATER) or RUNNING,
    "lapsed": life.lease_lost(RUNNING, LATER),
    "waiting for a retry": life.finished(RUNNING, Outcome.FAILED, replace(FAILED, retryable=True), RETRY, LATER),
    "succeeded": life.finished(RUNNING, Outcome.SUCCEEDED, None, RETRY, LATER),
    "dead": life.finished(RUNNING, Outcome.FAILED, FAILED, RETRY, LATER),
    "cancelled": life.cancelled(QUEUED, LATER) or QUEUED,
    "expired": life.expired(QUEUED, LATER),
}


@pytest.mark.parametrize("job", LIVES.values(), ids=LIVES.keys())
class TestEveryJob:
    def test_its_view_is_the_published_model_field_for_field(self, job: JobRecord):
        view = job_view(ENGINE, job)
        assert list(view) == list(Job.model_fields)
        assert Job.model_validate(view, strict=False).model_dump(mode="json") == view

    def test_its_view_shows_nothing_of_its_lease(self, job: JobRecord):
        text = repr(job_view(ENGINE, job))
        for secret in (repr(TOKEN), TOKEN.hex(), "i-1", "4711", "ann"):
            assert secret not in text

    def test_its_id_leads_back_to_engine_and_uuid(self, job: JobRecord):
        assert split_job_id(job_view(ENGINE, job)["id"]) == (ENGINE, UUID_7)

    def test_words_are_plain_text_for_every_writer_of_json(self, job: JobRecord):
        assert type(job_view(ENGINE, job)["state"]) is str


class TestFields:
    def test_a_queued_job_reads_like_this(self):
        assert job_view(ENGINE, QUEUED) == {
            "id": f"{ENGINE}_{UUID_7}",
            "engine": ENGINE,
            "kind": "echo",
            "state": "queued",
            "priority": 3,
            "attempt": 0,
            "max_attempts": 3,
            "timeout_s": 300.0,
            "submitted_at": "2026-01-01T00:00:00.000000Z",
            "run_at": None,
            "expires_at": None,
            "started_at": None,
            "finished_at": None,
            "cancel_requested": False,
            "progress": None,
            "error": None,
            "trace_id": TRACE.split("-")[1],
        }

    @pytest.mark.parametrize(
        ("life_of", "field", "value"),
        [
            ("scheduled", "run_at", "2026-01-01T00:00:00.000001Z"),
            ("scheduled", "expires_at", "2026-01-01T00:00:01.000000Z"),
            ("running", "started_at", "2026-01-01T00:00:01.000001Z"),
            ("running", "attempt", 1),
            ("running", "progress", 0.5),
            ("asked to stop", "cancel_requested", True),
            ("asked to stop", "state", "running"),
            ("waiting for a retry", "run_at", "2026-01-01T00:00:02.000001Z"),
            ("waiting for a retry", "error", {"code": "test.failed", "message": "It failed."}),
            ("succeeded", "finished_at", "2026-01-01T00:00:01.000001Z"),
            ("succeeded", "error", None),
            ("dead", "error", {"code": "test.failed", "message": "It failed."}),
            ("cancelled", "cancel_requested", True),
            ("expired", "state", "expired"),
        ],
    )
    def test_a_field_shows_what_the_record_says(self, life_of: str, field: str, value: object):
        assert job_view(ENGINE, LIVES[life_of])[field] == value

    def test_an_error_without_words_is_still_an_error(self):
        assert job_view(ENGINE, replace(QUEUED, error_code="c"))["error"] == {"code": "c", "message": ""}

    def test_a_time_of_zero_is_a_time(self):
        assert job_view(ENGINE, replace(QUEUED, finished_at=0, cancel_at=0))["finished_at"] == "1970-01-01T00:00:00.000000Z"
        assert job_view(ENGINE, replace(QUEUED, cancel_at=0))["cancel_requested"] is True

    def test_every_state_there_is_has_a_view(self):
        assert {job.state for job in LIVES.values()} == set(JobState)


def test_all_ways_to_a_job_id_agree():
    assert job_id_of(ENGINE, QUEUED) == job_id_of_uuid(ENGINE, UUID_7.bytes) == f"{ENGINE}_{QUEUED.uuid_text}"


def test_output_names_the_delivery_since_a_give_back_keeps_the_attempt():
    again = life.leased(life.returned(RUNNING, LATER), token=TOKEN, instance="i-2", lease_us=1, now=LATER)
    first, second = said_by(ENGINE, RUNNING), said_by(ENGINE, again)
    assert first == {"id": job_id_of(ENGINE, QUEUED), "attempt": 1, "delivery": 1}
    assert second == {**first, "delivery": 2}


def test_a_record_cannot_be_changed_in_place():
    for field in fields(QUEUED):
        with pytest.raises(AttributeError):
            setattr(QUEUED, field.name, None)
