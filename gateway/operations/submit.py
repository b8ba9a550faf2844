"""Submit: idempotency replay first, then admission, then the queue."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from contract import limits
from contract.errors import (
    BodyTooLarge,
    FloworkError,
    IdempotencyKeyReused,
    QueueDraining,
    RequestInvalid,
)
from contract.jobs import JobDraft
from contract.wire import ANY_ENGINE
from gateway.operations.admission import Admission, refusal
from gateway.operations.choosing import Choosing
from gateway.operations.presence import Presence
from gateway.operations.sharing import Sharing
from gateway.operations.sources import Sources
from gateway.rules.access import clamped
from gateway.rules.admission import Admit, Load, Reason, Reject, decide
from gateway.rules.job import Draft, JobRecord
from gateway.store.directory import ShardDirectory
from gateway.store.seam import Accepted, KeyReused, Replayed, Submitted
from gateway.telemetry.signals import Listener, Submission
from kit.clock import SECOND, Clock, from_rfc3339
from kit.strict_json import encode

WAITS_FOR_INSTANCE = "No instance that serves this kind is connected just now; the job waits for one."


@dataclass(frozen=True, slots=True)
class Taken:
    """A job that is in the queue, now or since the key was first used."""

    engine: str
    job: JobRecord
    replayed: bool
    notice: str | None
    draining: bool = False
    """Said of a replay: the engine, or the gateway, takes no new jobs just now."""


UNFIT = "unfit"


@dataclass(slots=True)
class Submit:
    """The act of submitting."""

    directory: ShardDirectory
    sources: Sources
    sharing: Sharing
    presence: Presence
    clock: Clock
    admission: Admission
    draining: Callable[[str], type[FloworkError] | None]
    """Why an engine takes no new jobs just now; None when it does."""
    choosing: Choosing
    mistake: Callable[[str, str, JobDraft], Awaitable[FloworkError | None]]
    """Why an engine cannot do what a user's draft asks for; see `Fitness`."""
    listener: Listener = field(default_factory=Listener)

    async def one(self, user: str, key: str, draft: JobDraft, traceparent: str) -> Taken:
        """Submit one job.

        Raises:
            FloworkError: what `contract.errors` says of it; nothing was queued.
        """
        (outcome,) = await self.many(user, [(key, draft)], traceparent)
        if isinstance(outcome, FloworkError):
            raise outcome
        return outcome

    async def many(self, user: str, items: Sequence[tuple[str, JobDraft]], traceparent: str) -> list[Taken | FloworkError]:
        """Submit several jobs, each judged by itself, in one transaction per engine; outcomes in the order of the items."""
        outcomes: dict[int, Taken | FloworkError] = {}
        together: dict[tuple[str, bool], list[tuple[int, Draft]]] = {}
        mistakes: dict[int, FloworkError] = {}
        chosen = await self._chosen(user, items)
        for index, (key, draft) in enumerate(items):
            try:
                row, ceiling = self.sharing.runs(user, _named(draft.engine, chosen.get(key)))
                engine = row.id
                prepared = self._prepare(key, draft.model_copy(update={"engine": engine}), traceparent, ceiling)
                if (mistake := await self.mistake(user, engine, draft)) is not None:
                    mistakes[index] = mistake
                together.setdefault((engine, mistake is None), []).append((index, prepared))
            except FloworkError as error:
                outcomes[index] = error
        for (engine, fit), drafts in together.items():
            try:
                submitted = await self._into(user, engine, [draft for _, draft in drafts], fit)
            except FloworkError as error:
                outcomes.update((index, error) for index, _ in drafts)
                continue
            for (index, prepared), result in zip(drafts, submitted, strict=True):
                outcomes[index] = outcome = self._outcome(engine, prepared, result, mistakes.get(index))
                self._tell(engine, outcome)
        return [outcomes[index] for index in range(len(items))]

    async def _into(self, user: str, engine: str, drafts: Sequence[Draft], fit: bool) -> list[Submitted]:
        await self.sources.note(user, engine)
        limits_now = self.admission.limits(engine, draining=self.draining(engine) is not None)

        def judge(load: Load) -> Admit | Reject:
            # Asked inside the inserting transaction, after the key was looked up: a replay is answered whatever changed since,
            # and racing submits cannot share one free place.
            return decide(load, limits_now) if fit else Reject(UNFIT, 0.0)

        async with self.directory.use(engine) as store:
            return await store.submit(user, drafts, judge)

    async def _chosen(self, user: str, items: Sequence[tuple[str, JobDraft]]) -> dict[str, str | FloworkError]:
        """By key, for the drafts that leave the engine open."""
        open_ones = [(key, draft.kind) for key, draft in items if draft.engine == ANY_ENGINE]
        return await self.choosing.engines(user, open_ones) if open_ones else {}

    def _outcome(self, engine: str, draft: Draft, result: Submitted, mistake: FloworkError | None) -> Taken | FloworkError:
        match result:
            case Accepted(job):
                served = any(draft.kind in instance.announce.kinds for instance in self.presence.up(engine))
                return Taken(engine, job, replayed=False, notice=None if served else WAITS_FOR_INSTANCE)
            case Replayed(job):
                return Taken(engine, job, replayed=True, notice=None, draining=self.draining(engine) is not None)
            case KeyReused():
                return IdempotencyKeyReused()
            case Reject("unfit") if mistake is not None:
                return mistake
            case Reject(Reason.DRAINING, retry_after_s):
                return (self.draining(engine) or QueueDraining)(retry_after_s=retry_after_s)
            case Reject():
                return refusal(result)

    def _tell(self, engine: str, outcome: Taken | FloworkError) -> None:
        if isinstance(outcome, FloworkError):
            self.listener.refused(engine, outcome.code)
        else:
            self.listener.submitted(engine, Submission.REPLAYED if outcome.replayed else Submission.ACCEPTED)

    def _prepare(self, key: str, draft: JobDraft, traceparent: str, ceiling: int | None) -> Draft:
        payload = encode(draft.payload)
        if len(payload) > limits.PAYLOAD_MAX_BYTES:
            raise BodyTooLarge(f"The payload has {len(payload)} bytes; the most is {limits.PAYLOAD_MAX_BYTES}.")
        return Draft(
            kind=draft.kind,
            payload=payload,
            priority=clamped(draft.priority, ceiling),
            run_at=self._run_at(draft),
            expires_in_us=None if draft.expires_in is None else round(draft.expires_in * SECOND),
            max_attempts=draft.max_attempts,
            timeout_s=draft.timeout_s,
            traceparent=traceparent,
            key=key,
            fingerprint=fingerprint(draft, payload),
        )

    def _run_at(self, draft: JobDraft) -> int | None:
        if draft.run_at is None:
            return None
        try:
            run_at = from_rfc3339(draft.run_at)
        except ValueError as error:
            raise RequestInvalid("run_at: not a date that exists.") from error
        if run_at > self.clock.now().wall + limits.RUN_AT_MAX_AHEAD_S * SECOND:
            raise RequestInvalid("run_at: more than 366 days ahead.")
        return run_at


def _named(engine: str, chosen: str | FloworkError | None) -> str:
    """The engine that a draft names, or that was chosen for it; raises why none was."""
    if engine != ANY_ENGINE or chosen is None:
        return engine
    if isinstance(chosen, FloworkError):
        raise chosen
    return chosen


def fingerprint(draft: JobDraft, payload: bytes) -> bytes:
    """SHA-256 of what was asked for; two spellings of the same request have the same one, whatever the order of keys."""
    whole = hashlib.sha256(encode(draft.model_dump(mode="json", exclude={"payload", "idempotency_key"})))
    whole.update(json.dumps(json.loads(payload), sort_keys=True, separators=(",", ":")).encode())
    return whole.digest()
