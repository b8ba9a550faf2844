"""Rehearsal: does this program run on a copy of another one's data? Asked before it takes that one's place."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes, token_hex

import engine.wiring
import gateway.wiring
from app.client.admin import AdminClient, open_admin
from app.client.api import ApiClient, open_api
from app.client.pairing import pair_here
from app.crypto.device_keys import DeviceKeys
from app.services.handover import TakeoverFailed
from app.settings import Settings
from contract.jobs import JobDraft
from contract.people import OfferMake
from contract.words import JobState, UserRole
from engine.store.tokens import MemoryTokens
from kit.logs import Log
from kit.otlp import OtlpSettings
from kit.vault import OverlaySecrets, SecretStore, Vault

log = Log("rehearsal")
DEADLINE_S = 60.0
ENGINE = "rehearsal"
BEGINNING = "e30"
"""The cursor before all events: {}."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What went well."""

    seconds: float
    engines: int
    """Queues that opened as they do for the old one."""
    job_ms: float
    """One job, from its submit to its end."""


async def rehearse(settings: Settings, secrets: SecretStore) -> Rehearsed:
    """Open a copy of everything with this program, look at every queue, pair a device, and run one job. Changes nothing of the original.

    Raises:
        TakeoverFailed: something does not work as it does for the old one. FloworkError: the old one made no copy.
    """
    began = time.monotonic()
    async with open_admin(settings.gateway.data) as admin:
        open_before = {each.id: each.state != "unavailable" for each in (await admin.status()).engines}
        folder = Path((await admin.snapshot()).folder)
    try:
        async with asyncio.timeout(DEADLINE_S):
            job_ms = await _on_copy(folder, settings, secrets, open_before)
    except TakeoverFailed:
        raise
    except TimeoutError as error:
        raise TakeoverFailed(f"The rehearsal on a copy took longer than {DEADLINE_S:.0f} s.") from error
    except Exception as error:
        # Whatever it is, it would have happened to the real data.
        log.error("rehearsal.failed", exc_info=error)
        raise TakeoverFailed(f"The rehearsal on a copy failed: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Rehearsed(time.monotonic() - began, len(open_before), job_ms)


async def _on_copy(folder: Path, settings: Settings, secrets: SecretStore, open_before: Mapping[str, bool]) -> float:
    quiet = OtlpSettings()  # a rehearsal is nothing that a collector should count
    alone = {"otlp": quiet, "data": folder, "port": 0, "lan_host": None, "tunnel": False, "audit_heads": folder / "audit-heads.log"}
    with contextlib.closing(Vault(OverlaySecrets(secrets))) as vault:
        async with gateway.wiring.running(settings.gateway.model_copy(update=alone), vault=vault) as running, open_admin(folder) as admin:
            await _compare(admin, open_before)
            added = await running.local_engine(ENGINE)
            told = {"gateway": running.address, "engine_id": added.id, "data": folder, "echo": True, "otlp": quiet}
            told |= {"providers": {}, "aliases": {}, "mcp": {}, "commands": {}}  # nothing outside is asked or started
            async with engine.wiring.running(settings.engine.model_copy(update=told), MemoryTokens(added.token)):
                keys = await asyncio.to_thread(DeviceKeys, token_bytes(32), token_bytes(32))
                async with open_api(running.address, keys, running.gateway_key) as api:
                    await pair_here(admin, api, ENGINE, OfferMake(role=UserRole.OWNER))
                    return await _one_job(api)


async def _compare(admin: AdminClient, open_before: Mapping[str, bool]) -> None:
    now = {each.id: each for each in (await admin.status()).engines}
    for engine_id, was_open in open_before.items():
        found = now.get(engine_id)
        if found is None or (was_open and found.state == "unavailable"):
            reason = "is missing" if found is None else f"cannot be opened: {found.reason}"
            raise TakeoverFailed(f"In the rehearsal the queue of engine {engine_id} {reason}.")


async def _one_job(api: ApiClient) -> float:
    word, began, cursor = token_hex(8), time.perf_counter(), BEGINNING
    job = (await api.submit(JobDraft(engine=ENGINE, kind="echo", payload={"reply": word}), word)).job
    while not (detail := await api.job(job.id)).state.final:
        cursor = (await api.events(cursor)).next
    if (detail.state, detail.result) != (JobState.SUCCEEDED, word):
        raise TakeoverFailed(f"In the rehearsal a job ended as {detail.state}.")
    return (time.perf_counter() - began) * 1000
