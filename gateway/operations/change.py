"""Cancel, redrive, delete and purge: what a person does to their own jobs."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from contract.errors import JobNotFound
from gateway.operations.sharing import Sharing
from gateway.operations.sources import Sources
from gateway.operations.watch import Watch
from gateway.rules.job import JobRecord
from gateway.store.directory import ShardDirectory

PURGE_BATCH = 500


@dataclass(slots=True)
class Change:
    """The acts of changing."""

    directory: ShardDirectory
    sources: Sources
    sharing: Sharing
    watch: Watch
    may_run: Callable[[str, str, str], Awaitable[None]]
    """Raises why a user may not have a job of a kind run on an engine: its grant, or their budget."""

    async def cancel(self, user: str, job_id: str) -> tuple[str, JobRecord]:
        """Ask a job to stop; a finished one stays as it is.

        Raises:
            JobNotFound.
        """
        engine, uuid = self.watch.locate(user, job_id)
        async with self.directory.use(engine) as store:
            return engine, _found(await store.cancel(user, uuid))

    async def redrive(self, user: str, job_id: str) -> tuple[str, JobRecord]:
        """Begin a dead job anew.

        Raises:
            JobNotFound, JobStateConflict, EngineUnknown: the engine is not shared with them any more. EngineRoleInsufficient,
            KindNotAllowed, BudgetExhausted.
        """
        engine, uuid = self.watch.locate(user, job_id)
        self.sharing.runs(user, engine)
        async with self.directory.use(engine) as store:
            detail = await store.job(user, uuid)
            if detail is None:
                raise JobNotFound
            await self.may_run(user, engine, detail.job.kind)
            return engine, _found(await store.redrive(user, uuid))

    async def delete(self, user: str, job_id: str) -> None:
        """Remove a finished job with everything it left.

        Raises:
            JobNotFound, JobStateConflict.
        """
        engine, uuid = self.watch.locate(user, job_id)
        async with self.directory.use(engine) as store:
            if not await store.delete(user, uuid):
                raise JobNotFound

    async def purge(self, user: str, engine: str | None, states: Sequence[str], before: int | None) -> int:
        """Remove finished jobs of one engine, or of all; how many went."""
        engines = self.sources.of(user) if engine is None else [self.sharing.visible(user, engine).id]
        deleted = 0
        for name in engines:
            async with self.directory.use(name) as store:
                while batch := await store.purge(user, states, before, PURGE_BATCH):
                    deleted += batch
        return deleted


def _found(job: JobRecord | None) -> JobRecord:
    if job is None:
        raise JobNotFound
    return job
