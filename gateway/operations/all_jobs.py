"""Everybody's jobs, for the owner at the machine: looked at, and changed on behalf of whoever submitted them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from contract.errors import CursorInvalid, JobNotFound, JobStateConflict, ShardUnavailable
from contract.ids import split_job_id
from contract.words import JobState
from gateway.operations.audit import Audit
from gateway.operations.change import Change
from gateway.operations.owner import OWNER
from gateway.operations.sources import Sources
from gateway.operations.watch import Page, Watch, merged
from gateway.rules.job import JobRecord
from gateway.rules.views import job_id_of
from gateway.store.directory import ShardDirectory
from gateway.store.people import UserRow
from gateway.store.seam import Detail, Filter, StoredEvent


@dataclass(frozen=True, slots=True)
class Everything:
    """A page, and the engines that could not be asked."""

    page: Page
    unavailable: list[str]


@dataclass(slots=True)
class AllJobs:
    """The acts. Changes go the way of the job's own user, and into the audit log first."""

    directory: ShardDirectory
    sources: Sources
    watch: Watch
    change: Change
    audit: Audit
    users: Callable[[], Iterable[UserRow]]

    def names(self) -> dict[str, str]:
        """Names by user id."""
        return {row.id: row.name for row in self.users()}

    async def jobs(self, engine: str | None, user: str | None, before: str | None, limit: int, where: Filter) -> Everything:
        """A page over one engine or all, of one user (id or name) or of everybody; without the queues that cannot be opened.

        Raises:
            CursorInvalid, EngineUnknown.
        """
        cursor = None if before is None else _uuid(before, CursorInvalid)[1]
        names = self.names()
        if user is not None:
            where = replace(where, user=next((id_ for id_, name in names.items() if user in {id_, name}), user))
        if where.text is not None:
            text = where.text.lower()
            named = tuple(id_ for id_, name in names.items() if text in name.lower() or text == id_)
            where = replace(where, text=text, named=named)
        engines = [row.id for row in self.sources.engines()] if engine is None else [self.sources.engine(engine).id]
        found: list[tuple[str, list[JobRecord]]] = []
        unavailable = []
        for source in engines:
            try:
                async with self.directory.use(source) as store:
                    found.append((source, await store.everybodys(cursor, limit + 1, where)))
            except ShardUnavailable:
                unavailable.append(source)
        jobs, more = merged(found, limit)
        return Everything(Page(jobs, job_id_of(*jobs[-1]) if more else None), unavailable)

    async def job(self, job_id: str) -> tuple[str, Detail, list[StoredEvent]]:
        """A job with its bodies and its log.

        Raises:
            JobNotFound, ShardUnavailable.
        """
        user = await self._whose(job_id)
        engine, detail = await self.watch.job(user, job_id)
        async with self.directory.use(engine) as store:
            return engine, detail, await store.log_of(detail.job.uuid)

    async def cancel(self, job_id: str) -> tuple[str, JobRecord]:
        """Ask a job to stop; a finished one stays as it is.

        Raises:
            JobNotFound, ShardUnavailable, AuditUnavailable.
        """
        user = await self._whose(job_id)
        engine, detail = await self.watch.job(user, job_id)
        if detail.job.state.final:
            return engine, detail.job
        await self.audit.note("job.cancel", OWNER, job_id, user=user)
        return await self.change.cancel(user, job_id)

    async def redrive(self, job_id: str) -> tuple[str, JobRecord]:
        """Begin a dead job anew, as its user could: their role, the kind's grant and their budget count.

        Raises:
            JobNotFound, JobStateConflict, ShardUnavailable, AuditUnavailable; and see `Change.redrive`.
        """
        user = await self._whose(job_id)
        _, detail = await self.watch.job(user, job_id)
        if detail.job.state is not JobState.DEAD:
            raise JobStateConflict(f"The job is {detail.job.state}; only dead jobs can be redriven.")
        await self.audit.note("job.redrive", OWNER, job_id, user=user)
        return await self.change.redrive(user, job_id)

    async def delete(self, job_id: str) -> None:
        """Remove a finished job with everything it left.

        Raises:
            JobNotFound, JobStateConflict, ShardUnavailable, AuditUnavailable.
        """
        user = await self._whose(job_id)
        _, detail = await self.watch.job(user, job_id)
        if not detail.job.state.final:
            raise JobStateConflict(f"The job is {detail.job.state}; cancel it first.")
        await self.audit.note("job.delete", OWNER, job_id, user=user)
        await self.change.delete(user, job_id)

    async def _whose(self, job_id: str) -> str:
        engine, uuid = _uuid(job_id, JobNotFound)
        if engine not in {row.id for row in self.sources.engines()}:
            raise JobNotFound
        async with self.directory.use(engine) as store:
            user = await store.user_of(uuid)
        if user is None:
            raise JobNotFound
        return user


def _uuid(job_id: str, otherwise: type[JobNotFound] | type[CursorInvalid]) -> tuple[str, bytes]:
    parts = split_job_id(job_id)
    if parts is None:
        raise otherwise
    return parts[0], parts[1].bytes
