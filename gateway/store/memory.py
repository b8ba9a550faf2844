"""`MemoryStore`: the whole of `JobStore` without a file, for tests and models. Gone with its process."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from contract.errors import JobStateConflict
from contract.kinds import Usage
from contract.words import AppendStatus, EventName, FinishStatus, JobState, Outcome
from gateway.rules import life, reconcile, timeline
from gateway.rules.admission import Load, Reject
from gateway.rules.job import Draft, JobRecord
from gateway.rules.reconcile import Holding, Unreported
from gateway.rules.spending import NOTHING, Taken, day_of, with_taken
from gateway.rules.timeline import AttemptRecord
from gateway.rules.views import job_id_of, job_view, said_by
from gateway.store import spend
from gateway.store.counted import counted
from gateway.store.memory_rows import Body, Key, Tenant, page, searched
from gateway.store.reap import BATCH, HOUSEKEEPING_US
from gateway.store.seam import (
    Accepted,
    Append,
    Appended,
    Claim,
    Claimed,
    Committed,
    Detail,
    Filter,
    Granted,
    HeldLease,
    Judge,
    KeyReused,
    Reaped,
    Renewed,
    Replayed,
    Report,
    StoredEvent,
    StoreLimits,
    Submitted,
)
from kit.clock import Clock, Now
from kit.ids import uuid7


class MemoryStore:
    """See `JobStore`."""

    def __init__(
        self,
        source: str,
        limits: StoreLimits,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        on_commit: Callable[[Committed], None],
    ) -> None:
        self.source = source
        self._limits = limits
        self._clock = clock
        self._random = random_bytes
        self._on_commit = on_commit
        self._reap_from = clock.now().steady + limits.reap_grace_us
        self._seq = 0
        self._turn = 0
        self._jobs: dict[bytes, JobRecord] = {}
        self._bodies: dict[bytes, Body] = {}
        self._tenants: dict[str, Tenant] = {}
        self._keys: dict[tuple[str, str], Key] = {}
        self._receipts: dict[bytes, tuple[Report, int]] = {}
        self._claims: dict[tuple[str, str], tuple[list[tuple[bytes, bytes]], int]] = {}
        self._spend: dict[tuple[str, int], Taken] = {}
        self._fresh: list[StoredEvent] = []
        self._usages: list[Usage] = []

    async def submit(self, user: str, drafts: Sequence[Draft], judge: Judge) -> list[Submitted]:
        now = self._clock.now()
        outcomes = [self._submit(now, user, draft, judge) for draft in drafts]
        self._commit(now)
        return outcomes

    def _submit(self, now: Now, user: str, draft: Draft, judge: Judge) -> Submitted:
        if (known := self._keys.get((user, draft.key))) is not None:
            if known.fingerprint != draft.fingerprint:
                return KeyReused()
            return Replayed(known.tombstone or self._jobs[known.job])
        verdict = judge(counted(self._jobs.values(), user, later=draft.run_at is not None and draft.run_at > now.wall))
        if isinstance(verdict, Reject):
            return verdict
        self._seq += 1
        uuid = uuid7(now.wall, self._random).bytes
        job = life.accepted(draft, seq=self._seq, uuid=uuid, user=user, now=now)
        self._bodies[uuid] = Body(draft.payload)
        self._keys[user, draft.key] = Key(draft.fingerprint, uuid, now.wall + self._limits.keep_idempotency_us)
        self._put(now, job)
        return Accepted(job)

    async def claim(self, claim: Claim) -> Claimed:
        now = self._clock.now()
        finished = tuple(self._finish(now, report) for report in claim.reports)
        remembered = self._claims.get((claim.instance, claim.attempt_id))
        again = None if remembered is None else self._still_held(remembered[0])
        lost: list[bytes] = []
        cancel: list[bytes] = []
        freed = bool(claim.reports)
        if claim.reconcile:
            lost, cancel, _ = self._hold(now, claim.instance, claim.running, None)
            freed |= self._settle(now, claim, again or ())
        leases = self._lease(now, claim) if again is None else again
        self._commit(now)
        return Claimed(leases, finished, tuple(lost), tuple(cancel), 1, freed, again is not None)

    def _still_held(self, tokens: Iterable[tuple[bytes, bytes]]) -> tuple[Granted, ...]:
        found = [(self._jobs.get(uuid), token) for uuid, token in tokens]
        return tuple(Granted(job, self._bodies[job.uuid].payload) for job, token in found if job is not None and job.token == token)

    def _settle(self, now: Now, claim: Claim, given: Sequence[Granted]) -> bool:
        named = {lease.uuid for lease in claim.running} | {lease.job.uuid for lease in given}
        freed = False
        for job in [job for job in self._jobs.values() if job.instance == claim.instance]:
            if job.uuid in named:
                self._jobs[job.uuid] = replace(job, missed=0)
                continue
            match reconcile.unreported(job, claim.began):
                case Unreported.GIVE_BACK:
                    self._put(now, life.returned(job, now))
                    freed = True
                case Unreported.COUNT:
                    self._jobs[job.uuid] = replace(job, missed=job.missed + 1)
                case Unreported.WAIT:
                    pass
        return freed

    def _lease(self, now: Now, claim: Claim) -> tuple[Granted, ...]:
        granted: list[Granted] = []
        size = 0
        while len(granted) < claim.max and (not granted or size <= self._limits.answer_bytes):
            ready = [job for job in self._jobs.values() if job.state is JobState.QUEUED and job.due_at is None and job.kind in claim.kinds]
            if not ready:
                break
            first = min(ready, key=lambda job: (self._tenants[job.user].turn, job.user, job.priority, job.seq))
            self._turn += 1
            self._tenants[first.user].turn = self._turn
            job = life.leased(first, token=self._random(16), instance=claim.instance, lease_us=self._limits.lease_us, now=now)
            self._put(now, job)
            granted.append(Granted(job, self._bodies[job.uuid].payload))
            size += len(granted[-1].payload)
        if granted:
            tokens = [(lease.job.uuid, lease.job.token or b"") for lease in granted]
            self._claims[claim.instance, claim.attempt_id] = (tokens, now.wall + self._limits.keep_claims_us)
        return tuple(granted)

    async def renew(self, instance: str, leases: Sequence[HeldLease]) -> Renewed:
        lost, cancel, extended = self._hold(now := self._clock.now(), instance, leases, self._limits.lease_us)
        self._commit(now)
        return Renewed(tuple(extended), tuple(lost), tuple(cancel))

    def _hold(
        self, now: Now, instance: str, leases: Sequence[HeldLease], lease_us: int | None
    ) -> tuple[list[bytes], list[bytes], list[bytes]]:
        lost: list[bytes] = []
        cancel: list[bytes] = []
        extended: list[bytes] = []
        for lease in leases:
            job = self._jobs.get(lease.uuid)
            verdict = reconcile.holding(job, lease.token)
            if job is None or verdict is Holding.LOST:
                lost.append(lease.uuid)
                continue
            if job.cancel_at is not None:
                cancel.append(lease.uuid)
            if lease_us is None:
                continue
            extended.append(lease.uuid)
            if verdict is Holding.LAPSED:
                self._put(now, life.revived(job, instance=instance, lease_us=lease_us, now=now))
            else:
                self._jobs[job.uuid] = life.renewed(job, lease_us=lease_us, now=now)
        return lost, cancel, extended

    async def finish(self, report: Report) -> FinishStatus:
        status = self._finish(now := self._clock.now(), report)
        self._commit(now)
        return status

    def _finish(self, now: Now, report: Report) -> FinishStatus:
        receipt = self._receipts.get(report.token)
        if receipt is not None:
            return FinishStatus.OK if receipt[0] == report else FinishStatus.CONFLICT
        job = self._jobs.get(report.uuid)
        verdict = reconcile.holding(job, report.token)
        if job is None or verdict is Holding.LOST:
            return FinishStatus.LOST
        took = spend.taken(report.usage)
        after = with_taken(life.finished(job, report.outcome, report.failure, self._limits.retry, now), took)
        day = job.user, day_of(now.wall)
        self._spend[day] = self._spend.get(day, NOTHING) + took
        self._usages += [] if report.usage is None else [report.usage]
        self._put(now, after, timeline.reported(job, after, report.outcome, report.phases, now))
        if report.outcome is Outcome.SUCCEEDED:
            self._bodies[job.uuid].result = report.result if report.result is not None else b"null"
        self._receipts[report.token] = (report, now.wall + self._limits.keep_receipts_us)
        return FinishStatus.OK

    async def take_back(self, instances: Sequence[str]) -> int:
        taken = self._each(now := self._clock.now(), lambda job: 0 if job.instance in instances else None, 0, life.taken_back)
        self._commit(now)
        return taken

    async def append(self, items: Sequence[Append]) -> list[Appended]:
        now = self._clock.now()
        told = [self._append(now, item) for item in items]
        self._commit(now)
        return told

    def _append(self, now: Now, item: Append) -> Appended:
        job = self._jobs.get(item.uuid)
        if job is None or job.token != item.token:
            return Appended(AppendStatus.LOST)
        if (item.output is not None and item.output[0] != job.output_len) or (item.log is not None and item.log[0] != job.log_len):
            return Appended(AppendStatus.OFFSET, job.output_len, job.log_len)
        place = said_by(self.source, job)
        if item.output is not None:
            offset, text = item.output
            outputs = self._bodies[job.uuid].outputs
            outputs[job.deliveries] = outputs.get(job.deliveries, "") + text
            self._emit(now, job.user, job.uuid, EventName.JOB_OUTPUT, {**place, "offset": offset, "text": text})
            job = replace(job, output_len=job.output_len + len(text.encode()))
        if item.log is not None:
            offset, lines = item.log
            self._emit(now, job.user, job.uuid, EventName.JOB_LOG, {**place, "offset": offset, "lines": list(lines)})
            if job.events >= self._limits.events_per_job:
                self._forget_oldest_log(job)
            job = replace(job, log_len=job.log_len + len(lines), events=min(job.events + 1, self._limits.events_per_job))
        if item.progress is not None:
            job = replace(job, progress=item.progress)
            self._emit(now, job.user, job.uuid, EventName.JOB_UPDATED, job_view(self.source, job))
        self._jobs[job.uuid] = job
        return Appended(AppendStatus.OK, job.output_len, job.log_len)

    def _forget_oldest_log(self, job: JobRecord) -> None:
        events = self._tenants[job.user].events
        del events[next(at for at, (uuid, event) in enumerate(events) if uuid == job.uuid and event.name is EventName.JOB_LOG)]

    async def cancel(self, user: str, uuid: bytes) -> JobRecord | None:
        job = self._own(user, uuid)
        return None if job is None else self._changed(life.cancelled(job, now := self._clock.now()), now) or job

    async def redrive(self, user: str, uuid: bytes) -> JobRecord | None:
        job = self._own(user, uuid)
        if job is None:
            return None
        after = self._changed(life.redriven(job, now := self._clock.now()), now)
        if after is None:
            raise JobStateConflict(f"The job is {job.state}; only dead jobs can be redriven.")
        return after

    def _changed(self, after: JobRecord | None, now: Now) -> JobRecord | None:
        if after is not None:
            self._put(now, after)
            self._commit(now)
        return after

    async def delete(self, user: str, uuid: bytes) -> bool:
        job = self._own(user, uuid)
        if job is None:
            return False
        if not job.state.final:
            raise JobStateConflict(f"The job is {job.state}; cancel it first.")
        self._delete(now := self._clock.now(), job)
        self._commit(now)
        return True

    async def purge(self, user: str, states: Sequence[str], before: int | None, limit: int) -> int:
        now = self._clock.now()
        ended = [job for job in self._jobs.values() if job.user == user and job.finished_at is not None and job.state in states]
        old = sorted(job.uuid for job in ended if before is None or (job.finished_at or 0) < before)[:limit]
        for uuid in old:
            self._delete(now, self._jobs[uuid])
        self._commit(now)
        return len(old)

    def _delete(self, now: Now, job: JobRecord) -> None:
        for key in self._keys.values():
            if key.job == job.uuid:
                key.tombstone = replace(job, error_message=None)
        del self._jobs[job.uuid], self._bodies[job.uuid]
        tenant = self._tenants[job.user]
        tenant.events = [(uuid, event) for uuid, event in tenant.events if uuid != job.uuid]
        self._emit(now, job.user, None, EventName.JOB_UPDATED, {"id": job_id_of(self.source, job), "deleted": True})

    async def reap(self) -> Reaped:
        now = self._clock.now()
        promoted = self._each(now, lambda job: job.due_at, now.wall, life.promoted)
        expired = self._each(now, lambda job: job.gives_up_at, now.wall, life.expired)
        lost = self._each(now, lambda job: job.lease_until, now.steady, life.lease_lost) if now.steady >= self._reap_from else 0
        old = self._due(lambda job: job.finished_at, now.wall - self._limits.keep_final_us)
        for job in old:
            self._delete(now, job)
        self._forget(now)
        self._commit(now)
        return Reaped(promoted, expired, lost, len(old), max(promoted, expired, lost, len(old)) >= BATCH, self._next_in(now))

    def _due(self, at: Callable[[JobRecord], int | None], until: int) -> list[JobRecord]:
        due = sorted((when, job.seq, job.uuid) for job in self._jobs.values() if (when := at(job)) is not None and when <= until)
        return [self._jobs[uuid] for *_, uuid in due[:BATCH]]

    def _each(self, now: Now, at: Callable[[JobRecord], int | None], until: int, change: Callable[[JobRecord, Now], JobRecord]) -> int:
        due = self._due(at, until)
        for job in due:
            self._put(now, change(job, now))
        return len(due)

    def _forget(self, now: Now) -> None:
        self._keys = {name: key for name, key in self._keys.items() if key.forget_at > now.wall}
        self._receipts = {token: kept for token, kept in self._receipts.items() if kept[1] > now.wall}
        self._claims = {name: kept for name, kept in self._claims.items() if kept[1] > now.wall}
        news_until = now.wall - self._limits.keep_final_us
        for tenant in self._tenants.values():
            tenant.events = [(job, event) for job, event in tenant.events if job is not None or event.at > news_until]

    def _next_in(self, now: Now) -> int | None:
        waits = [job.due_at - now.wall for job in self._jobs.values() if job.due_at is not None]
        waits += [when - now.wall for job in self._jobs.values() if (when := job.gives_up_at) is not None]
        waits += [job.finished_at + self._limits.keep_final_us - now.wall for job in self._jobs.values() if job.finished_at is not None]
        waits += [max(job.lease_until, self._reap_from) - now.steady for job in self._jobs.values() if job.lease_until is not None]
        news = any(job is None for tenant in self._tenants.values() for job, _ in tenant.events)
        if self._keys or self._receipts or self._claims or news:
            waits.append(HOUSEKEEPING_US)
        return max(0, min(waits)) if waits else None

    async def job(self, user: str, uuid: bytes) -> Detail | None:
        job = self._own(user, uuid)
        if job is None:
            return None
        body = self._bodies[uuid]
        delivery = max(body.outputs, default=None)
        told, text = tuple(body.attempts[number] for number in sorted(body.attempts)), body.outputs.get(delivery or 0, "")
        return Detail(job, body.payload, body.result, delivery, text, told)

    async def jobs(self, user: str, before: bytes | None, limit: int, where: Filter) -> list[JobRecord]:
        return page((job for job in self._jobs.values() if job.user == user), before, limit, where)

    async def everybodys(self, before: bytes | None, limit: int, where: Filter) -> list[JobRecord]:
        return page((job for job in self._jobs.values() if searched(job, where)), before, limit, where)

    async def user_of(self, uuid: bytes) -> str | None:
        return self._jobs[uuid].user if uuid in self._jobs else None

    async def log_of(self, uuid: bytes) -> list[StoredEvent]:
        told = [event for tenant in self._tenants.values() for job, event in tenant.events if job == uuid]
        return [event for event in told if event.name is EventName.JOB_LOG]

    async def events(self, user: str, after: int, limit: int) -> list[StoredEvent]:
        tenant = self._tenants.get(user, Tenant())
        return [event for _, event in tenant.events if event.seq > after][:limit]

    async def last_event(self, user: str) -> int:
        return self._tenants.get(user, Tenant()).last_event

    async def load(self, user: str | None = None) -> Load:
        return counted(self._jobs.values(), user)

    async def spent(self, user: str, day: int) -> Taken:
        return self._spend.get((user, day), NOTHING)

    async def close(self) -> None: ...

    def _own(self, user: str, uuid: bytes) -> JobRecord | None:
        job = self._jobs.get(uuid)
        return job if job is not None and job.user == user else None

    def _put(self, now: Now, job: JobRecord, attempt: AttemptRecord | None = None) -> None:
        """Keep a job as it now is, with the attempt that ended by it, and tell its user."""
        attempt = attempt or timeline.unreported(self._jobs.get(job.uuid), job, now)
        if attempt is not None:
            timeline.note(self._bodies[job.uuid].attempts, attempt)
        self._jobs[job.uuid] = job
        self._emit(now, job.user, job.uuid, EventName.JOB_UPDATED, job_view(self.source, job))

    def _emit(self, now: Now, user: str, job: bytes | None, name: EventName, data: dict[str, Any]) -> None:
        tenant = self._tenants.setdefault(user, Tenant())
        tenant.last_event += 1
        event = StoredEvent(user, tenant.last_event, name, now.wall, data)
        tenant.events.append((job, event))
        self._fresh.append(event)

    def _commit(self, now: Now) -> None:
        events, self._fresh = self._fresh, []
        usages, self._usages = self._usages, []
        self._on_commit(Committed(events, self._clock.now().steady, self._next_in(now), usages=usages))
