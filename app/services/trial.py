"""A trial: an engine and an owner at a gateway of this process, and one job. For a rehearsal on a copy, and for the self-test."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from secrets import token_bytes, token_hex
from typing import Any, Final

import engine.wiring
from app.client.admin import AdminClient
from app.client.api import ApiClient, open_api
from app.client.pairing import pair_here
from app.crypto.device_keys import DeviceKeys
from contract.jobs import JobDraft
from contract.people import OfferMake
from contract.words import JobState, UserRole
from engine.settings import EngineSettings
from engine.store.tokens import MemoryTokens
from gateway.wiring import Gateway

BEGINNING: Final = "e30"
"""The cursor before all events: {}."""


class JobWrong(Exception):
    """The job ended as it must not; the message says how."""


@contextlib.asynccontextmanager
async def owner_at(running: Gateway, admin: AdminClient, name: str, settings: EngineSettings, **told: Any) -> AsyncIterator[ApiClient]:
    """An engine of this name, with `echo` and these settings, and an owner who is signed in; both end with the block."""
    added = await running.local_engine(name)
    here = {"gateway": running.address, "engine_id": added.id, "echo": True, **told}
    async with engine.wiring.running(settings.model_copy(update=here), MemoryTokens(added.token)):
        keys = await asyncio.to_thread(DeviceKeys, token_bytes(32), token_bytes(32))
        async with open_api(running.address, keys, running.gateway_key) as api:
            await pair_here(admin, api, name, OfferMake(role=UserRole.OWNER))
            yield api


async def one_job(api: ApiClient, engine_name: str, kind: str = "echo") -> float:
    """Have a job done; milliseconds from its submit to its end.

    Raises:
        JobWrong. FloworkError.
    """
    word, began, cursor = token_hex(8), time.perf_counter(), BEGINNING
    job = (await api.submit(JobDraft(engine=engine_name, kind=kind, payload={"reply": word}), word)).job
    while not (detail := await api.job(job.id)).state.final:
        cursor = (await api.events(cursor)).next
    if (detail.state, detail.result) != (JobState.SUCCEEDED, word):
        raise JobWrong(f"a job ended as {detail.state}")
    return (time.perf_counter() - began) * 1000
