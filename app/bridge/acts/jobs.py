"""Everybody's jobs: looked at, cancelled, begun anew, deleted."""

from dataclasses import dataclass

from app.bridge.acts import Act
from contract.admin_jobs import OwnedJob, OwnedJobDetail, OwnedJobPage
from contract.words import JobState


@dataclass(frozen=True)
class ListJobs(Act[OwnedJobPage]):
    """A page, newest first: older than the job `before`, or from the newest on."""

    engine: str | None = None
    states: tuple[JobState, ...] = ()
    text: str | None = None
    before: str | None = None
    limit: int = 200


@dataclass(frozen=True)
class LookAtJob(Act[OwnedJobDetail]):
    """A job with its bodies, timeline and log."""

    job: str


@dataclass(frozen=True)
class CancelJob(Act[OwnedJob]):
    """Stop a job: at once while it waits, by its engine while it runs."""

    job: str


@dataclass(frozen=True)
class RedriveJob(Act[OwnedJob]):
    """Begin a dead job anew, with all its attempts."""

    job: str


@dataclass(frozen=True)
class DeleteJob(Act[None]):
    """Remove a finished job with everything it left."""

    job: str
