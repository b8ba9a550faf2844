"""A new version takes over under load without a job failed, lost or done twice; a bad one is sent away by itself."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from app.client.admin import AdminClient, open_admin
from app.client.api import ApiClient
from contract.admin import EngineStatus
from contract.drain import DrainTarget
from contract.jobs import JobDraft
from contract.words import DrainState, EventName, JobState
from engine.rules.failures import JobFailed
from engine.rules.kinds import Kind
from engine.tools.echo import echo
from tests.integration.test_kills_and_stops import all_events
from tests.support.house import House, Program, house, signed_in, start, until
from tests.support.inside import add_engine, engine_for, gateway_on

PER_S = 50
OLD, NEW = "1.0.0", "2.0.0"


async def lab(admin: AdminClient) -> EngineStatus:
    return next(engine for engine in (await admin.status()).engines if engine.name == "lab")


class Fleet:
    """Engine processes of `lab`, by instance id."""

    def __init__(self, home: House, admin: AdminClient) -> None:
        self.home, self.admin = home, admin
        self.programs: dict[str, Program] = {}

    async def start(self, version: str) -> str:
        """One more process; the id of its instance, once it is connected."""
        folder = self.home.data.with_suffix(f".e{len(self.home.programs)}")
        command = ["engine", "--gateway", self.home.address, "--engine-id", self.home.engine_id]
        program = await start(
            folder.with_suffix(f"{folder.suffix}.log"),
            version,
            *command[1:],
            *("--token-file", str(self.home.data / "remote.token"), "--data", str(folder), "--slots", "4", "--allow-echo"),
            module="tests.support.engine_of_version",
        )
        self.home.programs.append(program)

        async def connected() -> str | None:
            fresh = [each.instance for each in (await lab(self.admin)).instances if each.instance not in self.programs]
            return fresh[0] if fresh else None

        instance = await until(connected)
        self.programs[instance] = program
        return str(instance)


class Load:
    """Jobs at an even pace, each with its own key."""

    def __init__(self, api: ApiClient, attempts: int) -> None:
        self.api = api
        self.attempts = attempts
        self.jobs: dict[str, str] = {}
        """Job id -> what it must answer."""
        self.over = asyncio.Event()

    async def run(self) -> None:
        loop, began, number = asyncio.get_running_loop(), asyncio.get_running_loop().time(), 0
        async with asyncio.TaskGroup() as tasks:
            while not self.over.is_set():
                tasks.create_task(self._one(f"job-{number}"))
                number += 1
                await asyncio.sleep(max(0.0, began + number / PER_S - loop.time()))

    async def _one(self, key: str) -> None:
        draft = JobDraft(engine="lab", kind="echo", payload={"reply": key, "sleep_ms": 20}, max_attempts=self.attempts)
        self.jobs[(await self.api.submit(draft, key)).job.id] = key

    async def at_least(self, count: int) -> None:
        async def there() -> bool:
            return len(self.jobs) >= count

        await until(there, f"{count} jobs")


@asynccontextmanager
async def load_on(api: ApiClient, attempts: int = 1) -> AsyncIterator[Load]:
    load = Load(api, attempts)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load.run())
        try:
            yield load
        finally:
            load.over.set()


async def test_three_instances_are_replaced_one_by_one_under_load(tmp_path):
    async with house(tmp_path, apart=False, slots=1) as home, open_admin(home.data) as admin, signed_in(home, "lab") as user:
        home.keep(await admin.add_engine("lab"))
        fleet = Fleet(home, admin)
        old = [await fleet.start(OLD) for _ in range(3)]
        async with load_on(user.api) as load:
            await load.at_least(20)
            await admin.start_rollout("lab", NEW)
            first = await fleet.start(NEW)

            async def tried() -> bool:
                (view,) = (await admin.rollouts()).rollouts
                assert view.state == "running", view.reason
                return view.canary is not None and view.canary.instances == [first] and view.canary.attempts >= 5

            await until(tried, "the canary has worked")
            assert set((await admin.promote_rollout("lab")).other_versions) == set(old)
            for number, instance in enumerate(old):
                if number:
                    await fleet.start(NEW)
                await admin.change_drain(DrainTarget(instance=instance), DrainState.STOP)
                assert await fleet.programs[instance].ended() == 0
            await load.at_least(len(load.jobs) + 20)

        async def done() -> bool:
            status = await lab(admin)
            return status.queued + status.running + status.scheduled == 0

        await until(done)
        assert {each.version for each in (await lab(admin)).instances if each.instance not in old} == {NEW}
        moves = Counter(
            (event.data["id"], event.data["state"]) for event in await all_events(user.api) if event.name is EventName.JOB_UPDATED
        )
        for state in (JobState.RUNNING, JobState.SUCCEEDED):
            assert {job: moves[job, state] for job in load.jobs} == dict.fromkeys(load.jobs, 1)
        assert {state for _, state in moves} <= {JobState.QUEUED, JobState.RUNNING, JobState.SUCCEEDED}
        for job, reply in list(load.jobs.items())[::20]:
            assert (await user.api.job(job)).result == reply


async def test_a_bad_canary_is_rolled_back_by_itself_and_its_jobs_succeed_elsewhere(tmp_path):
    async def broken(_job: Any, _payload: Any) -> None:
        raise JobFailed("test.broken", "This version is broken.")

    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(gateway_on(tmp_path / "g"))
        added = await add_engine(gateway)
        admin = await stack.enter_async_context(open_admin(tmp_path / "g"))
        user = await stack.enter_async_context(signed_in(gateway, "lab"))
        for number in range(2):
            made = engine_for(gateway.address, added, tmp_path / f"e{number}", version=OLD, served={"echo": Kind("echo", echo)})
            await stack.enter_async_context(made)
        await admin.start_rollout("lab", NEW, 30)
        made = engine_for(gateway.address, added, tmp_path / "bad", version=NEW, served={"echo": Kind("echo", broken)})
        bad = await stack.enter_async_context(made)
        async with load_on(user.api, attempts=10) as load:

            async def gone() -> bool:
                return (await admin.rollouts()).rollouts[0].state == "rolled_back"

            await until(gone, "the rollback")
            await asyncio.wait_for(bad.ended(), 30)
        (view,) = (await admin.rollouts()).rollouts
        assert "attempts failed" in (view.reason or "")
        acts = [(record.event, record.actor) for record in (await admin.audit(None, 50)).records]
        assert ("rollout.rollback", "gateway") in acts
        for job, reply in load.jobs.items():
            detail = await user.reaches(await user.api.job(job), JobState.SUCCEEDED, JobState.DEAD)
            assert (detail.state, detail.result) == (JobState.SUCCEEDED, reply)
