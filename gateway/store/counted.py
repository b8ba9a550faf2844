"""What the triggers of a shard keep count of, counted anew: for the store in memory."""

from collections import Counter
from collections.abc import Collection

from contract.words import JobState
from gateway.rules.admission import Load
from gateway.rules.job import JobRecord


def counted(jobs: Collection[JobRecord], user: str | None, *, later: bool = False) -> Load:
    """The queue as one more job of `user` would find it; see `Load`."""
    states = Counter(job.state for job in jobs)
    scheduled, queued, running = (states[state] for state in (JobState.SCHEDULED, JobState.QUEUED, JobState.RUNNING))
    ready = Counter(job.user for job in jobs if job.state is JobState.QUEUED and job.due_at is None)
    own = sum(job.user == user and job.state in {JobState.SCHEDULED, JobState.QUEUED} for job in jobs)
    return Load(scheduled, queued, running, ready.total(), len(ready), own, ready[user or ""], later)
