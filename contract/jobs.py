"""Jobs as people and browsers see them (protocol §4, `/api/v1/jobs`)."""

from typing import Annotated

from pydantic import Field, JsonValue, StringConstraints

from contract import limits
from contract.wire import Answer, EngineId, InstanceId, JobId, Request, Timestamp, Word
from contract.words import AttemptOutcome, JobState

IdempotencyKey = Annotated[str, StringConstraints(min_length=1, max_length=limits.IDEMPOTENCY_KEY_MAX_CHARS, pattern=r"^[\x21-\x7e]+$")]


class JobDraft(Request):
    """What a submitter asks for. Times in seconds unless the name says otherwise."""

    engine: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    """An engine's id or name; `any` leaves the choice to the gateway. A repetition goes where the first one went."""
    kind: Word
    payload: JsonValue = None
    priority: Annotated[int, Field(ge=limits.PRIORITY_MOST_URGENT, le=limits.PRIORITY_LEAST_URGENT, strict=True)] = limits.PRIORITY_DEFAULT
    """1 is most urgent; orders one user's own jobs only."""
    run_at: Timestamp | None = None
    """Not before this time; None means now."""
    expires_in: Annotated[float, Field(gt=0, le=limits.EXPIRES_IN_MAX_S)] | None = None
    """Seconds after which a job that was never claimed ends `expired`; None means never."""
    max_attempts: Annotated[int, Field(ge=1, le=limits.MAX_ATTEMPTS_MAX, strict=True)] = limits.MAX_ATTEMPTS_DEFAULT
    timeout_s: Annotated[float, Field(gt=0, le=limits.TIMEOUT_S_MAX)] = limits.TIMEOUT_S_DEFAULT


class JobError(Answer):
    """Why an attempt or a job ended badly."""

    code: str
    message: str


class Job(Answer):
    """A job without its bodies; what lists, events and answers carry."""

    id: JobId
    engine: EngineId
    kind: str
    state: JobState
    priority: int
    attempt: int
    """Attempts begun so far that count against `max_attempts`."""
    max_attempts: int
    timeout_s: float
    submitted_at: Timestamp
    run_at: Timestamp | None = None
    """When it becomes claimable: the asked time, or the end of a retry's wait."""
    expires_at: Timestamp | None = None
    started_at: Timestamp | None = None
    """When the latest attempt was leased."""
    finished_at: Timestamp | None = None
    cancel_requested: bool = False
    progress: float | None = None
    """0..1 as the running attempt last said."""
    error: JobError | None = None
    trace_id: str


class JobOutput(Answer):
    """Streamed output of the latest delivery that wrote any."""

    delivery: int
    """The how-manieth handing-out of the job wrote it."""
    offset: int
    """Length in UTF-8 bytes: where the next chunk begins."""
    text: str


class PhaseView(Answer):
    """One part of an attempt, by its engine's steady clock."""

    name: str
    began_ms: float
    """Since the engine took the lease up."""
    took_ms: float


class AttemptView(Answer):
    """One attempt in a job's timeline. Times by the gateway's clock."""

    attempt: int
    delivery: int
    """The how-manieth handing-out; one that is given back keeps its attempt's number."""
    instance: InstanceId | None
    """The process of the engine that ran it."""
    claimable_at: Timestamp | None
    claimed_at: Timestamp
    waited_ms: float | None
    """From claimable to claimed."""
    finished_at: Timestamp | None = None
    """None while it runs."""
    took_ms: float | None = None
    """From claimed to finished."""
    outcome: AttemptOutcome | None = None
    code: str | None = None
    """Why it failed."""
    phases: list[PhaseView] = []
    """What the engine timed, told at the end; none of an attempt that was lost."""


class JobUsage(Answer):
    """What all attempts of a job together took of providers."""

    input_tokens: int
    output_tokens: int
    cost_micros: int | None = None
    """Millionths of the owner's currency; None where no price was known."""


class JobDetail(Job):
    """A job with its bodies and its timeline."""

    payload: JsonValue = None
    result: JsonValue = None
    output: JobOutput | None = None
    usage: JobUsage | None = None
    """None while no attempt that has ended took anything."""
    attempts: list[AttemptView] = []
    """The latest 100, oldest first."""


class JobAnswer(Answer):
    """`{job}`: the answer to submit, cancel and redrive."""

    job: Job
    notice: str | None = None
    """Something the submitter should know, such as that no instance serves the kind just now."""


class JobDetailAnswer(Answer):
    """`{job}` with bodies."""

    job: JobDetail


class JobPage(Answer):
    """One page of a listing, newest first."""

    jobs: list[Job]
    next: str | None = None
    """Opaque; pass as `cursor` for the next page. None on the last."""


class BatchItem(JobDraft):
    """One draft of a batch with its own key."""

    idempotency_key: IdempotencyKey


class BatchRequest(Request):
    """Up to 500 drafts; each is judged by itself."""

    items: Annotated[list[BatchItem], Field(min_length=1, max_length=limits.BATCH_MAX_ITEMS)]


class Problem(Answer):
    """RFC 9457 problem details with a stable `code`."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    request_id: str | None = None
    retry_after: int | None = None
    """Whole seconds, also in the `Retry-After` header."""


class BatchResult(Answer):
    """What became of one item: `status` as the single submit would have answered."""

    status: int
    job: Job | None = None
    problem: Problem | None = None


class BatchAnswer(Answer):
    """Results in the order of the items."""

    results: list[BatchResult]


class PurgeRequest(Request):
    """Delete final jobs of one's own."""

    engine: str | None = None
    states: Annotated[list[JobState], Field(min_length=1)] = [JobState.SUCCEEDED, JobState.DEAD, JobState.CANCELLED, JobState.EXPIRED]
    finished_before: Timestamp | None = None


class PurgeAnswer(Answer):
    """How many jobs went."""

    deleted: int
