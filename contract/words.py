"""The closed vocabularies of the wire: states, outcomes, directives, event names."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class JobState(StrEnum):
    """Where a job is in its life (protocol §4)."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    DEAD = "dead"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        """True when nothing but redrive or deletion can follow."""
        return self in FINAL_STATES


FINAL_STATES: Final = frozenset({JobState.SUCCEEDED, JobState.DEAD, JobState.CANCELLED, JobState.EXPIRED})

TRANSITIONS: Final[Mapping[JobState, frozenset[JobState]]] = MappingProxyType(
    {
        # run_at reached | cancelled before it | expires_in passed
        JobState.SCHEDULED: frozenset({JobState.QUEUED, JobState.CANCELLED, JobState.EXPIRED}),
        JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.EXPIRED}),
        # running -> queued: retry, lost lease, give-back
        JobState.RUNNING: frozenset({JobState.QUEUED, JobState.SUCCEEDED, JobState.DEAD, JobState.CANCELLED}),
        JobState.SUCCEEDED: frozenset(),
        JobState.DEAD: frozenset({JobState.QUEUED}),  # redrive
        JobState.CANCELLED: frozenset(),
        JobState.EXPIRED: frozenset(),
    }
)
"""The only moves a job may make. `tests/unit/contract` draws docs/job-states.md from this table."""


class Outcome(StrEnum):
    """What an engine says of an attempt (protocol §5)."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    GIVEN_BACK = "given_back"


class AttemptOutcome(StrEnum):
    """How an attempt ended, in a job's timeline."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    GIVEN_BACK = "given_back"
    LOST = "lost"
    """Its lease ran out or was taken back; what its engine did is not known."""


class Directive(StrEnum):
    """What the gateway wants of an instance, said in every claim and heartbeat answer."""

    RUN = "run"
    DRAIN = "drain"
    STOP = "stop"
    ROTATE = "rotate"


class DrainState(StrEnum):
    """What the owner wants of the gateway, an engine or an instance; later words are stricter."""

    RUN = "run"
    DRAIN = "drain"
    """Take nothing new, finish what is held."""
    STOP = "stop"
    """And then end the process."""


class Role(StrEnum):
    """What a user may do with an engine (protocol §3)."""

    VIEWER = "viewer"
    """Sees health and depth."""
    RUNNER = "runner"
    """Submits, and sees their own jobs."""
    ADMIN = "admin"
    """Manages."""


class FinishStatus(StrEnum):
    """What became of a finish that rode on a claim."""

    OK = "ok"
    LOST = "lost"
    CONFLICT = "conflict"


class AppendStatus(StrEnum):
    """What became of progress, log lines or output that an engine appended."""

    OK = "ok"
    LOST = "lost"
    OFFSET = "offset"


class EventName(StrEnum):
    """Names of the events a user receives (protocol §6)."""

    JOB_UPDATED = "job.updated"
    JOB_OUTPUT = "job.output"
    JOB_LOG = "job.log"
    DEVICE_ADDED = "device.added"
    DEVICE_REVOKED = "device.revoked"
    DRAIN_CHANGED = "drain.changed"


class PairingState(StrEnum):
    """How far a pairing is (protocol §2)."""

    OPEN = "open"
    """Offered; nobody has claimed it."""
    CLAIMED = "claimed"
    """A device has taken it and not yet signed."""
    SIGNED = "signed"
    """The device shows six digits; the owner has to type them."""
    APPROVED = "approved"
    """The device may collect its tokens, once."""
    COLLECTED = "collected"
    DEAD = "dead"
    """Expired, refused, tried too often, or replaced by a newer offer."""


class UserRole(StrEnum):
    """What a user is to the gateway."""

    OWNER = "owner"
    MEMBER = "member"


class Scope(StrEnum):
    """What an admin token may be made for. The list is closed; there are no wildcards."""

    STATUS_READ = "status:read"
    USERS_READ = "users:read"
    USERS_REMOVE = "users:remove"
    USERS_BUDGET = "users:budget"
    DEVICES_READ = "devices:read"
    DEVICES_REVOKE = "devices:revoke"
    PAIRING_CREATE = "pairing:create"
    PAIRING_APPROVE = "pairing:approve"
    ENGINES_READ = "engines:read"
    ENGINES_CREATE = "engines:create"
    ENGINES_ROTATE = "engines:rotate"
    ENGINES_REVOKE = "engines:revoke"
    ENGINES_SHARE = "engines:share"
    ENGINES_ROLLOUT = "engines:rollout"
    QUEUE_DRAIN = "queue:drain"
    JOBS_READ = "jobs:read"
    JOBS_CHANGE = "jobs:change"
    KEYS_READ = "keys:read"
    KEYS_ROTATE = "keys:rotate"
    AUDIT_READ = "audit:read"
    AUDIT_EXPORT = "audit:export"
    UPDATE_APPLY = "update:apply"
    METRICS_TOKENS = "metrics:tokens"
    LOCAL_CHANGE = "local:change"
    ENDPOINT_CHANGE = "endpoint:change"
    PROGRAM_STOP = "program:stop"


class Aim(StrEnum):
    """How an instance's utilisation compares with the 65 to 80 % aimed at."""

    BELOW = "below"
    WITHIN = "within"
    ABOVE = "above"


class LogLevel(StrEnum):
    """Levels of a job's log lines."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
