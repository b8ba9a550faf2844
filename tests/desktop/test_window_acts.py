"""What the window asks for, done by a real gateway."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.bridge.acts.audit import ExportAudit, SearchAudit, VerifyAudit
from app.bridge.acts.engines import (
    AddEngine,
    ListEngines,
    NewCode,
    PublishEngine,
    RevokeInstallation,
    RotateInstallation,
    StartRollout,
)
from app.bridge.acts.jobs import CancelJob, DeleteJob, ListJobs, LookAtJob, RedriveJob
from app.client.admin import open_admin
from app.services.acts import audit, engines, jobs
from app.services.admin_link import AdminLink
from contract.errors import FloworkError, GatewayUnreachable, JobNotFound, JobStateConflict, RequestInvalid
from contract.words import JobState
from tests.support.house import House, house, signed_in, until


@pytest.fixture
async def home(tmp_path) -> AsyncIterator[House]:
    async with house(tmp_path, apart=False) as made:
        yield made


@pytest.fixture
async def link(home: House) -> AsyncIterator[AdminLink]:
    made = AdminLink(home.data)
    running = asyncio.create_task(made.run(), name="link")
    yield made
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def tokens_made(home: House) -> int:
    """How many admin tokens the audit log tells of, but for the one that this look takes."""
    async with open_admin(home.data) as admin:
        return sum(record.event == "admin.token" for record in (await admin.audit(None, 1000)).records) - 1


async def test_looking_again_and_again_leaves_one_token_in_the_audit_log(home: House, link: AdminLink):
    before = await tokens_made(home)
    acts = jobs.handlers(home.data, link)
    for _ in range(20):
        assert (await acts[ListJobs](ListJobs())).jobs == []
    assert await tokens_made(home) == before + 2  # that of the first count, and the link's


async def test_a_job_is_listed_looked_at_cancelled_and_deleted(home: House, link: AdminLink):
    acts = jobs.handlers(home.data, link)
    async with signed_in(home, home.engine_name) as user:
        job = await user.submit(payload={"sleep_ms": 60_000})
        await user.reaches(job, JobState.RUNNING)
        assert [each.id for each in (await acts[ListJobs](ListJobs(states=(JobState.RUNNING,), text="echo"))).jobs] == [job.id]
        assert (await acts[LookAtJob](LookAtJob(job.id))).payload == {"sleep_ms": 60_000}
        with pytest.raises(JobStateConflict):
            await acts[RedriveJob](RedriveJob(job.id))
        assert (await acts[CancelJob](CancelJob(job.id))).cancel_requested
        await user.reaches(job, JobState.CANCELLED)
    await acts[DeleteJob](DeleteJob(job.id))
    with pytest.raises(JobNotFound):
        await acts[LookAtJob](LookAtJob(job.id))


async def test_an_engine_is_added_published_rotated_and_revoked(home: House, link: AdminLink):
    acts = engines.handlers(home.data, link)
    made = await acts[AddEngine](AddEngine("lab", elsewhere=False))
    assert made.address == home.address
    assert (await acts[NewCode](NewCode("lab", elsewhere=True))).address is None
    await acts[PublishEngine](PublishEngine("lab", public=True))
    listed = {engine.name: engine for engine in (await acts[ListEngines](ListEngines())).engines}
    assert (listed["lab"].public, listed["lab"].codes) == (True, 2)
    assert (await acts[RotateInstallation](RotateInstallation("lab"))).installations == []
    revoked = await acts[RevokeInstallation](RevokeInstallation("lab", None, compromised=False))
    assert revoked.revoked == []


@pytest.mark.parametrize("act", [AddEngine("No Such Name", elsewhere=False), StartRollout("home", "\x00")])
async def test_what_cannot_be_a_name_is_told_in_words(home: House, link: AdminLink, act):
    with pytest.raises(FloworkError) as refused:
        await engines.handlers(home.data, link)[type(act)](act)
    assert "validation error" not in refused.value.detail


async def test_the_audit_log_is_searched_verified_and_exported(home: House, link: AdminLink, tmp_path: Path):
    acts = audit.handlers(home.data, link)
    async with open_admin(home.data) as admin:
        await admin.add_engine("workbench")
    found = await acts[SearchAudit](SearchAudit("WORKBENCH"))
    assert [record.event for record in found.records] == ["engine.add"]
    assert found.before is None
    assert (await acts[VerifyAudit](VerifyAudit())).intact
    file = tmp_path / "audit.jsonl"
    size = await acts[ExportAudit](ExportAudit(str(file)))
    assert file.stat().st_size == size > 0
    assert file.stat().st_mode & 0o077 == 0
    assert '"flowork_audit_export":1' in file.read_text().splitlines()[-1]
    with pytest.raises(RequestInvalid):
        await acts[ExportAudit](ExportAudit(str(tmp_path / "nowhere" / "audit.jsonl")))
    assert not list(tmp_path.glob("*.part"))


async def test_the_link_finds_the_gateway_again_after_it_was_away(home: House, link: AdminLink):
    acts = jobs.handlers(home.data, link)
    await acts[ListJobs](ListJobs())
    assert home.gateway is not None
    home.gateway.terminate()
    await home.gateway.ended()
    with pytest.raises(GatewayUnreachable):
        await acts[ListJobs](ListJobs())
    await home.start_gateway()

    async def answers() -> bool:
        with contextlib.suppress(GatewayUnreachable):
            return (await acts[ListJobs](ListJobs())).jobs == []
        return False

    await until(answers, "the list answers again")
