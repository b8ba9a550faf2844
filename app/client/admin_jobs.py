"""The owner's side, jobs: everybody's, looked at and changed."""

from abc import abstractmethod
from collections.abc import Sequence
from urllib.parse import quote, urlencode

from pydantic import BaseModel

from app.client.answers import A, Nothing
from contract.admin_jobs import OwnedJob, OwnedJobAnswer, OwnedJobDetail, OwnedJobDetailAnswer, OwnedJobPage
from contract.words import JobState, Scope


class JobCalls:
    """Part of `AdminClient`. Every call raises FloworkError."""

    @abstractmethod
    async def _call(self, scope: Scope, method: str, path: str, model: type[A], asked: BaseModel | None = None) -> A:
        """One call with a token of that scope."""

    async def all_jobs(
        self,
        *,
        engine: str | None = None,
        states: Sequence[JobState] = (),
        text: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> OwnedJobPage:
        """A page of everybody's jobs, newest first, older than the job `before`."""
        asked = {"engine": engine, "text": text, "before": before, "limit": str(limit)}
        query = [(name, value) for name, value in asked.items() if value is not None] + [("state", str(state)) for state in states]
        return await self._call(Scope.JOBS_READ, "GET", f"/jobs?{urlencode(query)}", OwnedJobPage)

    async def any_job(self, job: str) -> OwnedJobDetail:
        """A job with its bodies, timeline and log."""
        return (await self._call(Scope.JOBS_READ, "GET", _job(job), OwnedJobDetailAnswer)).job

    async def cancel_job(self, job: str) -> OwnedJob:
        """Stop a job: at once while it waits, by its engine while it runs."""
        return (await self._call(Scope.JOBS_CHANGE, "POST", f"{_job(job)}/cancel", OwnedJobAnswer)).job

    async def redrive_job(self, job: str) -> OwnedJob:
        """Begin a dead job anew."""
        return (await self._call(Scope.JOBS_CHANGE, "POST", f"{_job(job)}/redrive", OwnedJobAnswer)).job

    async def delete_job(self, job: str) -> None:
        """Remove a finished job with everything it left."""
        await self._call(Scope.JOBS_CHANGE, "DELETE", _job(job), Nothing)


def _job(job: str) -> str:
    return f"/jobs/{quote(job, safe='')}"
