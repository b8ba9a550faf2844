"""A job as the gateway keeps it, and a draft of one."""

from dataclasses import dataclass
from uuid import UUID

from contract.words import JobState


@dataclass(frozen=True, slots=True)
class Draft:
    """What a submit asks for, already validated. Times in microseconds since the epoch."""

    kind: str
    payload: bytes
    """Compact JSON."""
    priority: int
    run_at: int | None
    expires_in_us: int | None
    max_attempts: int
    timeout_s: float
    traceparent: str
    key: str
    """The idempotency key."""
    fingerprint: bytes
    """SHA-256 of the canonical request: the same key with another one is refused."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One row of `jobs`, field for column. Wall times since the epoch, lease times on the steady clock; microseconds."""

    seq: int
    uuid: bytes
    user: str
    kind: str
    state: JobState
    priority: int
    due_at: int | None
    """Not claimable before this wall time: scheduled, or waiting for a retry. None when claimable."""
    expires_at: int | None
    attempt: int
    """Attempts begun that count; a give-back takes one off."""
    deliveries: int
    """Times it was leased, all told."""
    max_attempts: int
    timeout_s: float
    token: bytes | None
    """The lease token, while running."""
    lapsed: bytes | None
    """The token of a lease that ran out, good until the next claim: work that was done is not done again."""
    instance: str | None
    lease_until: int | None
    granted_at: int | None
    missed: int
    """Reports in a row in which its instance did not name it."""
    cancel_at: int | None
    submitted_at: int
    ready_at: int | None
    """When it last became claimable."""
    started_at: int | None
    finished_at: int | None
    progress: float | None
    error_code: str | None
    error_message: str | None
    traceparent: str
    output_len: int
    """UTF-8 bytes of output of this attempt."""
    log_len: int
    """Log lines of this attempt."""
    events: int
    """Replayable events other than output and state changes."""
    input_tokens: int = 0
    """Of providers, by all attempts that have ended; so are the next two."""
    output_tokens: int = 0
    cost_micros: int | None = None
    """Millionths of the owner's currency; None where no price is known."""

    @property
    def gives_up_at(self) -> int | None:
        """When it expires unless somebody claims it before; None where it does not, or was claimed."""
        return self.expires_at if self.deliveries == 0 and not self.state.final else None

    @property
    def uuid_text(self) -> str:
        """The UUID in its usual form."""
        return str(UUID(bytes=self.uuid))
