"""What the OpenAI-compatible face does: an ordinary job for each request, followed live to its end."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

from contract.errors import REGISTRY, ApiKeyInvalid, FloworkError, GatewayStopping, JobEndedBadly, JobNotFound
from contract.events import Event
from contract.jobs import JobDraft
from contract.words import EventName, JobState
from gateway.operations.api_keys import ApiCaller
from gateway.operations.change import Change
from gateway.operations.following import Follower, Following
from gateway.operations.kinds import Kinds, models_of
from gateway.operations.submit import Submit
from gateway.operations.watch import Watch
from gateway.rules.job import JobRecord
from gateway.rules.views import job_id_of
from gateway.store.seam import Detail
from kit.clock import SECOND

TOLD = ("model.", "provider.", "budget.")
"""Codes of a job's failure that mean the same to whoever asked; others are the job's own."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The job of a request."""

    user: str
    job: str
    created: int
    """Epoch seconds."""
    replayed: bool
    """Another request made it: it is not ours to cancel."""
    key: str = ""
    """The id of the API key that asked."""


@dataclass(frozen=True, slots=True)
class Said:
    """More of the output."""

    text: str


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing happened for a while."""


@dataclass(frozen=True, slots=True)
class Again:
    """The attempt was lost or given back: what it said is void, and another one follows."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The job is in a final state."""

    detail: Detail


Step = Said | Quiet | Again | Ended


@dataclass(slots=True)
class Face:
    """The acts, for whoever holds a checked key."""

    submit: Submit
    watch: Watch
    change: Change
    following: Following
    kinds: Kinds
    stands: Callable[[str], bool]
    """Whether a key that was let in, by its id, is still good."""

    async def begin(self, caller: ApiCaller, kind: str, payload: dict[str, object], key: str, traceparent: str, *, once: bool) -> Begun:
        """Submit the job of a request. `once`: a failed attempt is not repeated, for its words may have been read.

        Raises:
            FloworkError: as `Submit.one`. ApiKeyKindNotAllowed.
        """
        caller.check_kind(kind)
        drawn = JobDraft(engine=caller.engine, kind=kind, payload=payload, **({"max_attempts": 1} if once else {}))
        taken = await self.submit.one(caller.user, key, drawn, traceparent)
        return Begun(caller.user, job_id_of(taken.engine, taken.job), taken.job.submitted_at // SECOND, taken.replayed, caller.key)

    def models(self, caller: ApiCaller) -> list[str]:
        """The models that a key can use now."""
        allowed = {kind for kind in caller.kinds if self.kinds.may(caller.user, caller.engine, kind)}
        return models_of(self.kinds, caller.engine, frozenset(allowed))

    async def ended(self, begun: Begun, gone: asyncio.Event) -> Detail | None:
        """Wait for the job's end; None when the client went away, and the job with it.

        Raises:
            GatewayStopping, JobNotFound, ApiKeyInvalid.
        """
        async with aclosing(self.steps(begun, gone, None)) as steps:
            async for step in steps:
                if isinstance(step, Ended):
                    return step.detail
        return None

    async def steps(self, begun: Begun, gone: asyncio.Event, quiet_s: float | None) -> AsyncGenerator[Step]:
        """Follow the job until it has ended, or the client is `gone` or thrown out: then it is cancelled.

        Raises:
            GatewayStopping, JobNotFound, ApiKeyInvalid: the key was revoked meanwhile.
        """
        with self.following.follow(begun.job) as follower:
            reader = _Reader(self.watch, begun, follower)
            async with _wakes(gone, follower):
                while not gone.is_set() and self.stands(begun.key):
                    for step in await reader.look():
                        yield step
                        if isinstance(step, Ended):
                            return
                    if follower.closed:
                        raise GatewayStopping
                    if not follower.behind and not await _news(follower, quiet_s):
                        yield Quiet()
            if not begun.replayed:
                await self.cancel(begun)
            if not gone.is_set():
                raise ApiKeyInvalid

    async def cancel(self, begun: Begun) -> None:
        """Stop the job: nobody waits for it any more."""
        await self.change.cancel(begun.user, begun.job)


@asynccontextmanager
async def _wakes(gone: asyncio.Event, follower: Follower) -> AsyncGenerator[None]:
    """Let a follower look when its client goes: one task for the whole job, where each event would cost two."""

    async def tell() -> None:
        await gone.wait()
        follower.news.set()

    telling = asyncio.create_task(tell(), name="client-gone")
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.wait([telling])


async def _news(follower: Follower, quiet_s: float | None) -> bool:
    """Wait until there is something to look at; False when nothing came for so long."""
    try:
        async with asyncio.timeout(quiet_s):
            await follower.news.wait()
    except TimeoutError:
        return False
    return True


@dataclass(slots=True)
class _Reader:
    """Turns the events of a job into its output, each byte once."""

    watch: Watch
    begun: Begun
    follower: Follower
    delivery: int | None = None
    """The one whose words are told."""
    told: int = 0
    """UTF-8 bytes of them."""
    ran: bool = False
    steps: list[Step] = field(default_factory=list)

    async def look(self) -> list[Step]:
        """What is new."""
        self.steps = []
        if self.follower.behind:
            await self._read()
        for event in self.follower.take():
            if await self._heard(event):
                break
        return self.steps

    async def _read(self) -> None:
        self.follower.behind = False
        self.follower.take()  # all of it is in what is read now
        _, detail = await self.watch.job(self.begun.user, self.begun.job)
        self._take(detail)

    def _take(self, detail: Detail) -> None:
        job = detail.job
        if self.ran and (job.state is JobState.QUEUED or self.delivery not in {None, job.deliveries}):
            self._again()
        self.ran |= job.state is JobState.RUNNING
        if detail.output_delivery == job.deliveries and job.deliveries:
            self._say(job.deliveries, 0, detail.output)
        if job.state.final:
            self.steps.append(Ended(detail))

    async def _heard(self, event: Event) -> bool:
        """Take one event; True when the job has ended."""
        data = event.data
        if data.get("deleted"):
            raise JobNotFound
        if event.name is EventName.JOB_OUTPUT:
            self.ran = True
            self._say(data["delivery"], data["offset"], data["text"])
        elif event.name is EventName.JOB_UPDATED:
            state = JobState(data["state"])
            if state.final:
                await self._read()
                return True
            if state is JobState.RUNNING:
                self.ran = True
            elif self.ran:
                self._again()
        return False

    def _again(self) -> None:
        self.ran, self.delivery, self.told = False, None, 0
        self.steps.append(Again())

    def _say(self, delivery: int, offset: int, text: str) -> None:
        if self.delivery is None:
            self.delivery = delivery
        elif delivery < self.delivery:
            return
        elif delivery > self.delivery:
            self._again()
            self.ran, self.delivery = True, delivery
        raw = text.encode()
        if offset > self.told:
            self.follower.behind = True  # something is missing: read the whole
        elif offset + len(raw) > self.told:
            self.steps.append(Said(raw[self.told - offset :].decode()))
            self.told = offset + len(raw)


def failure(job: JobRecord) -> FloworkError | None:
    """Why a job that has ended did not succeed, for whoever asked."""
    if job.state is JobState.SUCCEEDED:
        return None
    code, message = job.error_code or f"job.{job.state}", job.error_message or f"The job is {job.state}."
    known = REGISTRY.get(code)
    if known is not None and code.startswith(TOLD):
        return known(message)
    return JobEndedBadly(message, job_code=code)
