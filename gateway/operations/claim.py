"""Claim: the long poll by which all work changes hands (protocol §5)."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from contract.engine_link import ClaimAnswer, ClaimRequest, Finished, FinishRequest, Lease
from contract.errors import EngineTokenRevoked, GatewayStopping, LeaseConflict, LeaseLost
from contract.words import Directive, FinishStatus
from gateway.operations.attempts import Attempts
from gateway.operations.presence import Instance, Presence, news
from gateway.operations.report import parsed_lease, parsed_report
from gateway.operations.shares import Shares
from gateway.operations.wake import Hint, Waiter, WakeBus
from gateway.rules.engine_tokens import EngineCaller
from gateway.rules.job import JobRecord
from gateway.rules.views import job_id_of, job_id_of_uuid
from gateway.store.directory import ShardDirectory
from gateway.store.seam import Claim, Claimed, Granted
from gateway.telemetry.signals import Listener
from gateway.telemetry.spans import JobSpans, Leased
from kit.clock import MILLISECOND, Clock

FINISH_CODES = {FinishStatus.OK: None, FinishStatus.LOST: LeaseLost.code, FinishStatus.CONFLICT: LeaseConflict.code}


@dataclass(slots=True)
class Claiming:
    """The act of claiming, for engines whose token was checked.

    `directive` is what an instance of a caller is told; `stands` raises EngineTokenRevoked once a caller was thrown out;
    `whitelist_version` is that of an engine's whitelist; `note_refusals` writes down whom an engine would not work for.
    """

    directory: ShardDirectory
    presence: Presence
    wake: WakeBus
    clock: Clock
    lease_ms: int
    directive: Callable[[EngineCaller, str], Directive]
    stands: Callable[[EngineCaller], None]
    whitelist_version: Callable[[str], int]
    note_refusals: Callable[[str, Iterable[tuple[str, FinishRequest]]], Awaitable[None]]
    attempts: Attempts
    shares: Shares
    is_canary: Callable[[Instance], bool]
    spans: JobSpans
    listener: Listener = field(default_factory=Listener)
    grants: Callable[[str, str], list[str]] = lambda _user, _engine: []
    """The kinds that a user may use on an engine."""
    offer_wanted: Callable[[Instance], bool] = lambda _instance: False
    """Whether an instance announces an offer that is not known here."""

    async def claim(self, caller: EngineCaller, request: ClaimRequest, gone: asyncio.Event) -> ClaimAnswer | None:
        """Answer as soon as there are leases, results of riding finishes, or news; else after `wait_ms`, with nothing.

        `gone` is set when the caller has hung up: nothing is leased to it then, and None is returned.

        Raises:
            RequestInvalid, ShardUnavailable, StorageFull, GatewayStopping, EngineTokenRevoked: while it waited. AuditUnavailable.
        """
        engine = caller.engine
        instance = self.presence.announced(caller, request.instance, request.announce, request.wait_ms)
        self.presence.busy(request.instance, len(request.running))
        instance.asks(request.attempt_id)
        claim = self._parsed(engine, request)
        await self.note_refusals(engine, ((report.job, report) for report in request.finished))
        loop = asyncio.get_running_loop()
        until = loop.time() + request.wait_ms / 1000
        with self.wake.waiting(engine, claim.kinds, wants_work=claim.max > 0) as waiter:
            while not gone.is_set():
                self._place(caller, instance, waiter, claim)
                reports = request.finished if claim.reports else ()
                with self.spans.finishing((report.job, report.traceparent) for report in reports):
                    answer = await self._look(caller, instance, waiter, claim)
                if answer is not None:
                    return answer
                hint = await _hint(waiter, gone, until - loop.time())
                if hint is None:
                    return None if gone.is_set() else self._answer(caller, instance, claim, Claimed())
                if hint is Hint.CLOSED:
                    raise GatewayStopping
                claim = replace(claim, reports=(), reconcile=hint is Hint.NEWS)
        return None

    def _place(self, caller: EngineCaller, instance: Instance, waiter: Waiter, claim: Claim) -> None:
        """Say what the waiter stands for from this look on; what it will not take although it was woken for it goes on."""
        owed = set(waiter.owed)
        waiter.rearm()
        waiter.canary = self.is_canary(instance)
        waiter.wants_work = claim.max > 0 and self.directive(caller, claim.instance) not in {Directive.DRAIN, Directive.STOP}
        if not waiter.wants_work:
            for kind in owed:
                self.wake.work(caller.engine, kind)

    async def _look(self, caller: EngineCaller, instance: Instance, waiter: Waiter, claim: Claim) -> ClaimAnswer | None:
        """Ask the queue once; None when there is nothing worth an answer."""
        asked = claim if waiter.wants_work else replace(claim, max=0)
        self.stands(caller)
        async with self.directory.use(caller.engine) as store, self.shares.turn(caller.engine, waiter, asked) as turn:
            claimed = await store.claim(turn.claim)
            try:
                self.stands(caller)
            except EngineTokenRevoked:  # while it was in the queue: its jobs were taken back before these were leased
                await store.take_back([instance.id])
                raise
            turn.granted(len(claimed.leases), self._begun(caller.engine, instance, claimed.leases))
        self._tell(caller.engine, claimed)
        answer = self._answer(caller, instance, claim, claimed)
        fresh = claim.reconcile and news(instance, (*claimed.lost, *claimed.cancel))
        if not (claimed.leases or claimed.finished or fresh or _turned(instance, answer)):
            return None
        instance.directive, instance.whitelist, instance.answered = answer.directive, answer.whitelist_version, claim.attempt_id
        if answer.offer_wanted:
            instance.offer = instance.announce.offer
        return answer

    def _tell(self, engine: str, claimed: Claimed) -> None:
        if claimed.replayed and claimed.leases:
            self.listener.claim_replayed(engine)
        for status in claimed.finished:
            if status is not FinishStatus.OK:
                self.listener.finish_fenced(engine)

    def _begun(self, engine: str, instance: Instance, leases: Iterable[Granted]) -> list[str]:
        """Note the attempts that began; the kinds of those that a repeated claim did not get before."""
        jobs = [(job_id_of(engine, granted.job), granted.job) for granted in leases]
        fresh = [(name, job) for name, job in jobs if self.attempts.begun(name, instance.id, job.granted_at or 0, job.attempt)]
        for name, job in fresh:
            self.spans.leased(_leased(name, instance.id, job))
        return [job.kind for _, job in fresh]

    def _answer(self, caller: EngineCaller, instance: Instance, claim: Claim, claimed: Claimed) -> ClaimAnswer:
        engine, version = caller.engine, self.whitelist_version(caller.engine)
        return ClaimAnswer(
            leases=[self._lease(engine, granted, claimed.epoch, claim.began, version) for granted in claimed.leases],
            finished=[
                Finished(job=job_id_of_uuid(engine, report.uuid), status=status, code=FINISH_CODES[status])
                for report, status in zip(claim.reports, claimed.finished, strict=True)
            ],
            lost=[job_id_of_uuid(engine, uuid) for uuid in claimed.lost],
            cancel=[job_id_of_uuid(engine, uuid) for uuid in claimed.cancel],
            directive=self.directive(caller, claim.instance),
            whitelist_version=version,
            offer_wanted=self.offer_wanted(instance),
        )

    def _lease(self, engine: str, granted: Granted, epoch: int, began: int, whitelist_version: int) -> Lease:
        job = granted.job
        assert job.token is not None
        assert job.granted_at is not None
        return Lease(
            job=job_id_of(engine, job),
            token=job.token.hex(),
            attempt=job.attempt,
            epoch=epoch,
            lease_ms=self.lease_ms,
            granted_after_ms=(job.granted_at - began) // MILLISECOND,
            kind=job.kind,
            payload=json.loads(granted.payload),
            user=job.user,
            timeout_s=job.timeout_s,
            traceparent=job.traceparent,
            start_delay_ms=_start_delay_ms(job),
            whitelist_version=whitelist_version,
            grants=self.grants(job.user, engine),
        )

    def _parsed(self, engine: str, request: ClaimRequest) -> Claim:
        return Claim(
            instance=request.instance,
            attempt_id=request.attempt_id,
            kinds=tuple(request.announce.kinds),
            max=request.max,
            began=self.clock.now().steady,
            reports=tuple(parsed_report(engine, report.job, report) for report in request.finished),
            running=tuple(parsed_lease(engine, held.job, held.token) for held in request.running),
        )


def _leased(name: str, instance: str, job: JobRecord) -> Leased:
    assert job.token is not None
    started = job.started_at or 0
    ready = started if job.ready_at is None else job.ready_at
    return Leased(name, job.kind, job.attempt, instance, job.token.hex(), job.traceparent, ready, started)


def _start_delay_ms(job: JobRecord) -> float | None:
    """From claimable to leased, by the wall clock of the commits; None when it was leased before."""
    if job.deliveries != 1 or job.started_at is None or job.ready_at is None:
        return None
    return max(0, job.started_at - job.ready_at) / MILLISECOND


def _turned(instance: Instance, answer: ClaimAnswer) -> bool:
    """Is there a directive or a whitelist that the instance has not been told of, or an offer that it was not asked for?

    One that announces no whitelist gets it with its first lease.
    """
    announced = instance.announce.whitelist_version
    stale = announced and answer.whitelist_version not in {announced, instance.whitelist}
    asked = answer.offer_wanted and instance.offer != instance.announce.offer
    return bool(stale) or asked or answer.directive is not instance.directive


async def _hint(waiter: Waiter, gone: asyncio.Event, seconds: float) -> Hint | None:
    """The first hint; None when the time is over or the caller is gone."""
    if seconds <= 0:
        return None
    hangup = asyncio.ensure_future(gone.wait())
    try:
        watched: set[asyncio.Future[Any]] = {waiter.hint, hangup}
        done, _ = await asyncio.wait(watched, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        hangup.cancel()
    return waiter.hint.result() if waiter.hint in done and not gone.is_set() else None
