"""A gateway, an engine with a model that is none, a user with a key, and the official client."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI

from contract.admin import EngineAdded
from contract.api_keys import ApiKeyMade, ApiKeyMake
from contract.jobs import Job, JobPage
from contract.words import JobState
from engine.wiring import Engine
from gateway.wiring import Gateway
from tests.support.chat import Model
from tests.support.house import User, signed_in, until
from tests.support.inside import add_engine, engine_for, gateway_on


@dataclass
class Kitchen:
    """What a test of the face works with."""

    gateway: Gateway
    engine: Engine
    added: EngineAdded
    model: Model
    user: User
    key: ApiKeyMade
    client: AsyncOpenAI
    data: Path

    @property
    def parts(self) -> Any:
        return self.gateway._parts

    async def jobs(self) -> list[Job]:
        page = await self.user.api._call("GET", "/api/v1/jobs", JobPage)
        return page.jobs

    async def only_job(self, *states: JobState) -> Any:
        """The one job there is, once it is in one of these states."""

        async def there() -> Job | None:
            jobs = await self.jobs()
            assert len(jobs) <= 1
            return jobs[0] if jobs and jobs[0].state in states else None

        return await self.user.api.job((await until(there, f"a job in {states}")).id)


def client_of(gateway: Gateway, key: str, **options: Any) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{gateway.address}/v1", api_key=key, max_retries=0, **options)


@asynccontextmanager
async def kitchen_in(folder: Path, **gateway_changes: Any) -> AsyncIterator[Kitchen]:
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(gateway_on(folder / "gateway", **gateway_changes))
        added, model = await add_engine(gateway), Model()
        engine = await stack.enter_async_context(engine_for(gateway.address, added, folder / "engine", served=model.served, slots=16))
        await engine.connected()
        user = await stack.enter_async_context(signed_in(gateway, "lab"))
        key = await user.api.make_api_key(ApiKeyMake(name="laptop", engine="lab"))
        client = await stack.enter_async_context(client_of(gateway, key.key))
        yield Kitchen(gateway, engine, added, model, user, key, client, folder)


@pytest.fixture
async def kitchen(tmp_path) -> AsyncIterator[Kitchen]:
    async with kitchen_in(tmp_path) as made:
        yield made
