"""Everybody's jobs, as the owner at the machine sees and changes them (`/admin/v1/jobs`)."""

from typing import Annotated

from pydantic import Field

from contract.jobs import Job, JobDetail
from contract.wire import Answer, EngineId, Timestamp
from contract.words import LogLevel

SEARCH_MAX_CHARS = 100


class OwnedJob(Job):
    """A job, and whose it is."""

    user: str
    user_name: str
    """The user's id where the user was removed."""


class OwnedJobPage(Answer):
    """One page of a listing, newest first."""

    jobs: list[OwnedJob]
    next: str | None = None
    """The id of the page's last job, where older ones follow; pass as `before`."""
    unavailable: list[EngineId] = []
    """Engines whose queue cannot be opened: their jobs are missing here."""


class JobLogLine(Answer):
    """What a job logged."""

    at: Timestamp
    attempt: int
    level: LogLevel
    message: str


class OwnedJobDetail(JobDetail):
    """A job with its bodies, timeline and log."""

    user: str
    user_name: str
    log: list[JobLogLine] = []
    """Oldest first, of all attempts; of a talkative job only the latest are kept."""


class OwnedJobAnswer(Answer):
    """`{job}`: the answer to cancel and redrive."""

    job: OwnedJob


class OwnedJobDetailAnswer(Answer):
    """`{job}` with bodies."""

    job: OwnedJobDetail


Search = Annotated[str, Field(min_length=1, max_length=SEARCH_MAX_CHARS)]
"""Part of a kind, a job's id, a trace id or a user's name, whatever its case."""
