"""Everybody's jobs."""

from pathlib import Path

from app.bridge.acts.jobs import CancelJob, DeleteJob, ListJobs, LookAtJob, RedriveJob
from app.client.admin import open_admin
from app.services.acts import Handlers
from app.services.admin_link import AdminLink
from contract.admin_jobs import OwnedJob, OwnedJobDetail, OwnedJobPage


def handlers(data: Path, link: AdminLink) -> Handlers:
    """What these acts do."""

    async def page(asked: ListJobs) -> OwnedJobPage:
        wanted = {"engine": asked.engine, "text": asked.text, "before": asked.before}
        return await link.look(lambda admin: admin.all_jobs(**wanted, states=asked.states, limit=asked.limit))

    async def detail(asked: LookAtJob) -> OwnedJobDetail:
        return await link.look(lambda admin: admin.any_job(asked.job))

    async def cancel(asked: CancelJob) -> OwnedJob:
        async with open_admin(data) as admin:
            return await admin.cancel_job(asked.job)

    async def redrive(asked: RedriveJob) -> OwnedJob:
        async with open_admin(data) as admin:
            return await admin.redrive_job(asked.job)

    async def delete(asked: DeleteJob) -> None:
        async with open_admin(data) as admin:
            await admin.delete_job(asked.job)

    return {ListJobs: page, LookAtJob: detail, CancelJob: cancel, RedriveJob: redrive, DeleteJob: delete}
