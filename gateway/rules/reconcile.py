"""What an instance says it holds, against what the queue says (protocol §5)."""

from enum import Enum

from contract import limits
from contract.words import JobState
from gateway.rules.job import JobRecord
from kit.clock import SECOND


class Holding(Enum):
    """How one reported lease stands."""

    HELD = "held"
    LAPSED = "lapsed"
    """Ran out, but nobody else has claimed the job: the holder may go on."""
    LOST = "lost"


def holding(job: JobRecord | None, token: bytes) -> Holding:
    """Judge a presented token against the job's row."""
    if job is not None and job.token == token:
        return Holding.HELD
    if job is not None and job.state is JobState.QUEUED and job.lapsed == token:
        return Holding.LAPSED
    return Holding.LOST


class Unreported(Enum):
    """What follows when an instance does not name a job it was given."""

    WAIT = "wait"
    COUNT = "count"
    GIVE_BACK = "give_back"


def unreported(job: JobRecord, request_began: int) -> Unreported:
    """Judge one missing report.

    Only a request that began after the grant, and later than the time an answer may travel, counts; the second one
    tells that the answer with the lease was lost.
    """
    granted = job.granted_at if job.granted_at is not None else request_began
    if request_began - granted < limits.UNREPORTED_AFTER_S * SECOND:
        return Unreported.WAIT
    return Unreported.GIVE_BACK if job.missed + 1 >= limits.UNREPORTED_TIMES else Unreported.COUNT
