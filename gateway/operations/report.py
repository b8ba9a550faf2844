"""What engines report of jobs they hold: heartbeats, ends, progress and output (protocol §5)."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from contract import limits
from contract.engine_link import (
    Append,
    AppendAnswer,
    Appended,
    AppendRequest,
    Extended,
    FinishAnswer,
    FinishRequest,
    HeartbeatAnswer,
    HeartbeatRequest,
    QueueNews,
)
from contract.errors import BodyTooLarge, EngineUserNotAllowed, JobNotFound, LeaseConflict, LeaseLost
from contract.ids import split_job_id
from contract.words import Directive, FinishStatus, Outcome
from gateway.operations.audit import Audit
from gateway.operations.presence import Instance, Presence
from gateway.operations.pulse import StartDelays
from gateway.rules.engine_tokens import EngineCaller
from gateway.rules.life import Failure
from gateway.rules.timeline import Phase
from gateway.rules.views import job_id_of_uuid
from gateway.store import seam
from gateway.store.directory import ShardDirectory
from gateway.telemetry.signals import Listener
from gateway.telemetry.spans import JobSpans
from kit.clock import rfc3339
from kit.strict_json import encode


@dataclass(slots=True)
class Reporting:
    """The acts of reporting, for engines whose token was checked. See `Claiming` for `directive` and `note_refusals`."""

    directory: ShardDirectory
    presence: Presence
    lease_ms: int
    directive: Callable[[EngineCaller, str], Directive]
    note_refusals: Callable[[str, Iterable[tuple[str, FinishRequest]]], Awaitable[None]]
    delays: StartDelays
    spans: JobSpans
    listener: Listener = field(default_factory=Listener)

    async def heartbeat(self, caller: EngineCaller, request: HeartbeatRequest) -> HeartbeatAnswer:
        """Renew every lease named; tell which are lost or to be cancelled, and how the queue stands."""
        engine = caller.engine
        instance = self.presence.beat(engine, request.instance, request.stats)
        queue = None if instance is None else self._queue(instance)
        at = rfc3339(self.presence.clock.now().wall)
        leases = [parsed_lease(engine, held.job, held.token) for held in request.leases]
        if not leases:
            return HeartbeatAnswer(directive=self.directive(caller, request.instance), at=at, queue=queue)
        async with self.directory.use(engine) as store:
            renewed = await store.renew(request.instance, leases)
        return HeartbeatAnswer(
            extended=[Extended(job=job_id_of_uuid(engine, uuid), lease_ms=self.lease_ms) for uuid in renewed.extended],
            lost=[job_id_of_uuid(engine, uuid) for uuid in renewed.lost],
            cancel=[job_id_of_uuid(engine, uuid) for uuid in renewed.cancel],
            directive=self.directive(caller, request.instance),
            at=at,
            queue=queue,
        )

    def _queue(self, instance: Instance) -> QueueNews:
        kinds = instance.announce.kinds
        return QueueNews(
            oldest_waiting_ms=self.delays.oldest_waiting_ms(instance.engine, kinds),
            arrivals=self.delays.arrivals(instance.engine, kinds),
            part=self.presence.part(instance),
        )

    async def finish(self, engine: str, job: str, request: FinishRequest) -> FinishAnswer:
        """End an attempt; the same report again is answered alike.

        Raises:
            LeaseLost: the token is no longer the job's. LeaseConflict: the attempt was ended otherwise.
            AuditUnavailable: it tells of a user whom the engine may not work for, and that could not be written down.
        """
        report = parsed_report(engine, job, request)
        await self.note_refusals(engine, [(job, request)])
        async with self.directory.use(engine) as store:
            with self.spans.finishing([(job, request.traceparent)]):
                status = await store.finish(report)
        if status is not FinishStatus.OK:
            self.listener.finish_fenced(engine)
        if status is FinishStatus.LOST:
            raise LeaseLost
        if status is FinishStatus.CONFLICT:
            raise LeaseConflict
        return FinishAnswer(status=status)

    async def append(self, engine: str, request: AppendRequest) -> AppendAnswer:
        """Add output, log lines and progress of several jobs in one transaction."""
        items = [_parsed_append(engine, item) for item in request.items]
        async with self.directory.use(engine) as store:
            results = await store.append(items)
        return AppendAnswer(
            results=[
                Appended(job=item.job, status=result.status, output_offset=result.output_offset, log_offset=result.log_offset)
                for item, result in zip(request.items, results, strict=True)
            ]
        )


async def note_refusals(audit: Audit, engine: str, reports: Iterable[tuple[str, FinishRequest]]) -> None:
    """Write down which jobs an engine ends because it may not work for their user (protocol §3).

    Raises:
        AuditUnavailable: nothing of these reports may take effect.
    """
    for job, report in reports:
        if report.outcome is Outcome.REFUSED and report.error is not None and report.error.code == EngineUserNotAllowed.code:
            await audit.note("engine.user_refused", engine, job)


def parsed_lease(engine: str, job: str, token: str) -> seam.HeldLease:
    """Read a named lease.

    Raises:
        JobNotFound: the job is not of this engine.
    """
    return seam.HeldLease(_uuid(engine, job), bytes.fromhex(token))


def parsed_report(engine: str, job: str, request: FinishRequest) -> seam.Report:
    """Read a finish.

    Raises:
        JobNotFound: the job is not of this engine. BodyTooLarge: the result is.
    """
    result = encode(request.result) if request.outcome is Outcome.SUCCEEDED else None
    if result is not None and len(result) > limits.RESULT_MAX_BYTES:
        raise BodyTooLarge(f"The result has {len(result)} bytes; the most is {limits.RESULT_MAX_BYTES}.")
    told = request.error
    failure = None if told is None else Failure(told.code, told.message, told.retryable, told.retry_after_s)
    phases = tuple(Phase(phase.name, phase.began_ms, phase.took_ms) for phase in request.phases)
    return seam.Report(_uuid(engine, job), bytes.fromhex(request.token), request.outcome, result, failure, phases, request.usage)


def _parsed_append(engine: str, item: Append) -> seam.Append:
    return seam.Append(
        uuid=_uuid(engine, item.job),
        token=bytes.fromhex(item.token),
        output=None if item.output is None else (item.output.offset, item.output.text),
        log=None
        if item.log is None
        else (item.log.offset, tuple({"level": str(line.level), "message": line.message} for line in item.log.lines)),
        progress=item.progress,
    )


def _uuid(engine: str, job: str) -> bytes:
    parts = split_job_id(job)
    if parts is None or parts[0] != engine:
        raise JobNotFound("This job belongs to another engine, or to none.")
    return parts[1].bytes
