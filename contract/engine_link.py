"""What an engine and the gateway say to each other (protocol §5, `/internal/v1`)."""

from typing import Annotated

from pydantic import Field, JsonValue, StringConstraints

from contract import limits
from contract.kinds import Usage
from contract.offers import OfferVersion
from contract.wire import (
    Answer,
    AttemptId,
    EngineId,
    EngineName,
    InstallationName,
    InstanceId,
    JobId,
    LeaseToken,
    Request,
    Timestamp,
    Traceparent,
    Word,
)
from contract.words import Aim, AppendStatus, Directive, FinishStatus, LogLevel, Outcome


class Announce(Request):
    """What an instance is and can do; repeated in every claim."""

    version: Annotated[str, Field(max_length=64)]
    canary: bool = False
    slots: Annotated[int, Field(ge=0, le=4096)]
    kinds: Annotated[list[Word], Field(max_length=256)]
    whitelist_version: int = 0
    """Of the whitelist it has; 0 while it has none."""
    offer: OfferVersion | None = None
    """Of what it offers beside the names of its kinds (`contract.offers.Offer`); None while it offers nothing more."""


class Held(Request):
    """One lease that an instance believes to hold."""

    job: JobId
    token: LeaseToken


class Failure(Request):
    """Why an attempt failed, in the engine's words."""

    code: Annotated[str, Field(max_length=64)]
    message: Annotated[str, Field(max_length=4096)]
    retryable: bool = True
    retry_after_s: Annotated[float, Field(ge=0, le=24 * 3600)] | None = None
    """The least wait before another attempt; None leaves it to the gateway."""


class Phase(Request):
    """One part of an attempt that its engine timed, such as a call to a provider."""

    name: Annotated[str, StringConstraints(pattern=r"^[ -~]{1,64}$")]
    """Printable ASCII: it is shown on a terminal."""
    began_ms: Annotated[float, Field(ge=0)]
    """Since the engine took the lease up, by its steady clock."""
    took_ms: Annotated[float, Field(ge=0)]


class FinishRequest(Request):
    """The end of an attempt. `result` goes with succeeded, `error` with failed and refused."""

    token: LeaseToken
    outcome: Outcome
    result: JsonValue = None
    error: Failure | None = None
    phases: Annotated[list[Phase], Field(max_length=limits.PHASES_MAX)] = []
    """In the order in which they began."""
    traceparent: Traceparent | None = None
    """The attempt's span, when the engine records it."""
    usage: Usage | None = None
    """What the attempt took of providers."""


class FinishReport(FinishRequest):
    """A finish that rides on a claim."""

    job: JobId


class ClaimRequest(Request):
    """Ask for work, and report."""

    instance: InstanceId
    """Random at each process start."""
    attempt_id: AttemptId
    """Random for each logical claim; repeating it replays the same leases."""
    announce: Announce
    max: Annotated[int, Field(ge=0, le=limits.CLAIM_MAX_JOBS)]
    """Free slots; 0 waits for cancels, directives and whitelist news only."""
    wait_ms: Annotated[int, Field(ge=0, le=limits.CLAIM_WAIT_MAX_MS)] = limits.CLAIM_WAIT_MAX_MS
    finished: Annotated[list[FinishReport], Field(max_length=limits.CLAIM_MAX_JOBS)] = []
    running: Annotated[list[Held], Field(max_length=4096)] = []
    """Every lease not yet acknowledged as finished, spooled ones included."""


class Lease(Answer):
    """One job, held for `lease_ms` from its grant.

    The holder counts from a moment that is surely not later than the grant: when it sent the claim, plus
    `granted_after_ms`.
    """

    job: JobId
    token: LeaseToken
    attempt: int
    epoch: int
    lease_ms: int
    granted_after_ms: int = 0
    """From the arrival of the claim to the grant, by the gateway's clock; negative when an earlier attempt was granted it."""
    kind: str
    payload: JsonValue
    user: str
    timeout_s: float
    traceparent: Traceparent
    start_delay_ms: float | None = None
    """From the commit that made it claimable to the commit of this lease; None when it was leased before."""
    whitelist_version: int = 0
    """Of the whitelist in force at the grant; an instance that has another one fetches it before it runs the job."""
    grants: list[Word] = []
    """The kinds that the job's user may use on this engine: a chat may call tools only where `tool` is among them."""


class Finished(Answer):
    """What became of one riding finish."""

    job: JobId
    status: FinishStatus
    code: str | None = None


class ClaimAnswer(Answer):
    """Leases and news."""

    leases: list[Lease] = []
    finished: list[Finished] = []
    lost: list[JobId] = []
    """Reported as running, but no longer this instance's: stop them without a report."""
    cancel: list[JobId] = []
    directive: Directive = Directive.RUN
    whitelist_version: int = 0
    """Of the whitelist in force now."""
    offer_wanted: bool = False
    """The announced offer is not known here: send it (`PUT offer`)."""


Sentence = Annotated[str, StringConstraints(pattern=r"^[ -~]{1,256}$")]
"""Printable ASCII: it is shown on the owner's terminal."""


class ScalingChange(Request):
    """A change of an instance's number of slots."""

    at: Timestamp
    """By the instance's clock."""
    before: Annotated[int, Field(ge=0)]
    after: Annotated[int, Field(ge=0)]
    reason: Sentence


class Scaling(Request):
    """How an instance chooses its number of slots, and what its last window measured; None where nothing was yet."""

    automatic: bool
    """False: the owner fixed the number."""
    least: Annotated[int, Field(ge=1)]
    most: Annotated[int, Field(ge=1)]
    start_delay_p95_ms: Annotated[float, Field(ge=0)] | None = None
    utilisation: Annotated[float, Field(ge=0, le=1)] | None = None
    aim: Aim | None = None
    """Is the utilisation `below`, `within` or `above` 65-80 %? None while demand is below one slot."""
    rate_per_s: Annotated[float, Field(ge=0)] | None = None
    mean_service_s: Annotated[float, Field(ge=0)] | None = None
    """Over the windows that are remembered."""
    reason: Sentence | None = None
    """What that window led to; None when there was nothing to change."""
    change: ScalingChange | None = None
    """The latest."""


class InstanceStats(Request):
    """Numbers an instance sends with its heartbeat."""

    slots: Annotated[int, Field(ge=0)]
    busy: Annotated[int, Field(ge=0)]
    spooled: Annotated[int, Field(ge=0)] = 0
    lag_ms: Annotated[float, Field(ge=0)] | None = None
    """How long the heartbeat before this one took, there and back."""
    clock_off_s: float | None = None
    """How far its civil clock is ahead of the gateway's, by that heartbeat."""
    scaling: Scaling | None = None


class HeartbeatRequest(Request):
    """Renew every lease at once."""

    instance: InstanceId
    leases: Annotated[list[Held], Field(max_length=4096)]
    stats: InstanceStats


class Extended(Answer):
    """A lease that now lasts `lease_ms` from the moment the heartbeat was sent."""

    job: JobId
    lease_ms: int


class QueueNews(Answer):
    """How the queue of the engine stands, for the kinds that the instance announced."""

    oldest_waiting_ms: float | None
    """How long the oldest job waits that was never leased; None when none waits."""
    arrivals: int
    """Jobs that became claimable for the first time, counted since some start; less than before: it began anew."""
    part: float
    """The instance's slots among those of all instances that are up, 0..1."""


class HeartbeatAnswer(Answer):
    """Which leases live on."""

    extended: list[Extended] = []
    lost: list[JobId] = []
    cancel: list[JobId] = []
    directive: Directive = Directive.RUN
    at: str | None = None
    """The gateway's civil time (RFC 3339)."""
    queue: QueueNews | None = None
    """None to an instance that has not claimed since the gateway's start."""


class FinishAnswer(Answer):
    """A finish that counted, or counted before."""

    status: FinishStatus = FinishStatus.OK


class OutputChunk(Request):
    """Streamed output from `offset` (UTF-8 bytes already sent in this attempt)."""

    offset: Annotated[int, Field(ge=0)]
    text: Annotated[str, Field(max_length=limits.MIB)]


class LogLine(Request):
    """One line a job logged."""

    level: LogLevel = LogLevel.INFO
    message: Annotated[str, Field(max_length=8192)]


class LogChunk(Request):
    """Log lines from `offset` (lines already sent in this attempt)."""

    offset: Annotated[int, Field(ge=0)]
    lines: Annotated[list[LogLine], Field(min_length=1, max_length=1000)]


class Append(Request):
    """What one running job has to say."""

    job: JobId
    token: LeaseToken
    output: OutputChunk | None = None
    log: LogChunk | None = None
    progress: Annotated[float, Field(ge=0, le=1)] | None = None


class AppendRequest(Request):
    """Progress, log lines and output of several jobs (`POST events`)."""

    instance: InstanceId
    items: Annotated[list[Append], Field(min_length=1, max_length=256)]


class Appended(Answer):
    """Where the gateway stands for one job; on `offset`, send again from these."""

    job: JobId
    status: AppendStatus
    output_offset: int = 0
    log_offset: int = 0


class AppendAnswer(Answer):
    """Results in the order of the items."""

    results: list[Appended]


class EnrolRequest(Request):
    """Exchange a one-time code for a token (`POST enrol`, protocol §3). The only call that needs no token."""

    code: Annotated[str, Field(max_length=64, repr=False)]
    """As printed; case, hyphens and spaces do not matter."""
    installation_name: InstallationName
    """What this machine would like to be called; a taken name gets a number."""


class Enrolled(Answer):
    """A new installation; `token` is told this once."""

    engine_id: EngineId
    engine_name: EngineName
    token: str = Field(repr=False)
    installation: InstallationName


class TokenIssued(Answer):
    """A new token for the caller's installation (`POST token`); the old one lives until this one has been used."""

    token: str = Field(repr=False)


class Whitelist(Answer):
    """The users an engine may work for (`GET whitelist`). Another list has another version; versions have no order."""

    version: int
    users: list[str]
