"""What the owner's own programs say to the gateway on the admin listener (`/admin/v1`)."""

from typing import Annotated

from pydantic import Field

from contract.drain import RolloutView
from contract.endpoint import OFF, EndpointView
from contract.engine_link import Scaling
from contract.levels import Levels
from contract.wire import Answer, EngineId, EngineName, NewEngineName, Request
from contract.words import DrainState, Scope


class AdminTokenRequest(Request):
    """Ask for a token for some of the owner's acts."""

    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))]


class AdminToken(Answer):
    """A bearer token for this listener, for fifteen minutes."""

    token: str = Field(repr=False)
    expires_in: int
    scopes: list[Scope]


class SigningKeyInfo(Answer):
    """A key that signs access tokens, or did."""

    kid: str
    state: str
    since: str


class SigningKeyList(Answer):
    """The ring, oldest first."""

    keys: list[SigningKeyInfo]


class KeysRotate(Request):
    """Let a new key sign now."""

    compromised: bool = False
    """Strike out all old keys at once, so that every access token ends."""


class EngineAdd(Request):
    """Make an engine and its queue."""

    name: NewEngineName


class EngineAdded(Answer):
    """The new engine; `token` is shown this once."""

    id: EngineId
    name: EngineName
    token: str = Field(repr=False)


class AuditRecord(Answer):
    """One act that touched who may do what."""

    seq: int
    at: str
    event: str
    actor: str
    """`owner`, `gateway`, a user id, or `anyone`."""
    target: str
    detail: dict[str, str]


class AuditPage(Answer):
    """Newest first; the next page has `before` of the last `seq`."""

    records: list[AuditRecord]


class AuditCheck(Request):
    """Read the chain."""

    first: Annotated[int, Field(ge=1)] | None = None
    """Only from this record on; the one before it is believed."""
    heads: Annotated[list[str], Field(max_length=20_000)] = []
    """What was noted of the log elsewhere: `SEQ HASH`, or lines of an audit-heads.log."""


class AuditWitness(Answer):
    """What is kept of the log outside its file."""

    name: str
    """`file` (audit-heads.log) or `secrets` (beside the keys)."""
    state: str
    """`read`, `empty`, `locked`, `unreachable`, or `damaged` (holds lines that were not signed here)."""
    last: int | None
    """The newest record it tells of."""


class AuditVerdict(Answer):
    """What reading the chain found."""

    intact: bool
    records: int
    first: int
    last: int
    """The last record that is as it was written."""
    head: str
    """Its hash. Note `last` and `head` elsewhere, and a later log must still contain them."""
    broken_at: int | None = None
    """The first record that is not what was written, or is missing."""
    reason: str | None = None
    witnesses: list[AuditWitness]


class Percentiles(Answer):
    """Milliseconds over the last 15 minutes; None where nothing was measured."""

    count: int
    p50: float | None
    p95: float | None
    p99: float | None


class InstanceStatus(Answer):
    """A process that serves an engine."""

    instance: str
    version: str
    slots: int
    busy: int
    kinds: list[str]
    seconds_since_seen: float
    state: str = "up"
    """`up`, `silent` (nothing heard for 30 s) or `deaf` (its heart beats, but it asks for no work)."""
    lag_ms: float | None = None
    """How long its latest heartbeat took, there and back."""
    clock_off_s: float | None = None
    """How far its civil clock is ahead of the gateway's."""
    scaling: Scaling | None = None
    """As of its latest heartbeat."""
    drain: DrainState = DrainState.RUN
    """What it is told."""
    canary: bool = False
    """It gets a canary's share."""


class EngineStatus(Answer):
    """One engine with its queue."""

    id: EngineId
    name: EngineName
    state: str
    """`up` (an instance was heard in the last 30 s), `down`, or `unavailable` (its file cannot be opened)."""
    reason: str | None = None
    scheduled: int
    queued: int
    running: int
    start_delay_ms: Percentiles
    instances: list[InstanceStatus]
    drain: DrainState = DrainState.RUN
    """What its owner wants of it; kept when the gateway starts anew."""


class SecretsStatus(Answer):
    """Where the gateway's keys are."""

    kind: str
    """Such as `keyring (Secret Service)`."""
    state: str
    """How the last use found it: `open`, `locked` or `unavailable`."""
    insecure: bool
    """True when whoever reads the disk reads the keys."""


class AuditStatus(Answer):
    """The audit log as it was last read, and what is wrong with it now."""

    checked_at: str | None
    """When it was last read as a whole; None before the first time."""
    intact: bool | None
    alarms: list[str]
    """What the owner should look at, in sentences; empty when all is well."""


class GatewayStatus(Answer):
    """The answer behind `flowork status`."""

    version: str
    gateway_id: str
    gateway_key: str
    """Ed25519, base64url."""
    address: str
    state: str
    """`ready`, `draining` or `degraded` (an engine's queue is unavailable)."""
    users: int
    secrets: SecretsStatus
    audit: AuditStatus
    engines: list[EngineStatus]
    levels: Levels | None = None
    """The promises, measured."""
    remote_address: str | None = None
    """Where engines on other machines reach this gateway; None while it takes none."""
    drain: DrainState = DrainState.RUN
    """What the owner wants of the gateway."""
    rollouts: list[RolloutView] = []
    """The latest of every engine that had one."""
    endpoint: EndpointView = OFF
    """Where browsers elsewhere reach it."""
