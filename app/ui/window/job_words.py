"""Jobs in words, the same in list and detail."""

from datetime import datetime

from app.words import Words
from contract.jobs import Job
from contract.words import AttemptOutcome, JobState

DASH = "\N{EN DASH}"


def job_state(state: JobState, say: Words, *, cancel_requested: bool = False) -> tuple[str, str]:
    """A sign with words, and the role they have."""
    if cancel_requested and not state.final:
        return say("⤓ Cancelling"), "warning"
    match state:
        case JobState.SCHEDULED:
            return say("◷ Scheduled"), "quiet"
        case JobState.QUEUED:
            return say("○ Waiting"), "quiet"
        case JobState.RUNNING:
            return say("▶ Running"), "accent"
        case JobState.SUCCEEDED:
            return say("✓ Succeeded"), "good"
        case JobState.DEAD:
            return say("✕ Failed"), "bad"
        case JobState.CANCELLED:
            return say("– Cancelled"), "quiet"
        case JobState.EXPIRED:
            return say("! Expired"), "warning"


def outcome(told: AttemptOutcome | None, say: Words) -> str:
    """How an attempt ended; None: it runs."""
    match told:
        case None:
            return say("▶ Running")
        case AttemptOutcome.SUCCEEDED:
            return say("✓ Succeeded")
        case AttemptOutcome.FAILED:
            return say("✕ Failed")
        case AttemptOutcome.REFUSED:
            return say("✕ Refused")
        case AttemptOutcome.CANCELLED:
            return say("– Cancelled")
        case AttemptOutcome.GIVEN_BACK:
            return say("↩ Given back")
        case AttemptOutcome.LOST:
            return say("! Lost: its engine went silent")


def took(job: Job, say: Words) -> str:
    """From the start of the latest attempt to the end; a dash while there is no end."""
    if job.started_at is None or job.finished_at is None:
        return DASH
    seconds = (datetime.fromisoformat(job.finished_at) - datetime.fromisoformat(job.started_at)).total_seconds()
    return say.milliseconds(max(0.0, 1000 * seconds))
