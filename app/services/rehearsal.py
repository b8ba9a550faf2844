"""Rehearsal: does this program run on a copy of another one's data? Asked before it takes that one's place."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gateway.wiring
from app.client.admin import AdminClient, open_admin
from app.services.handover import TakeoverFailed
from app.services.trial import JobWrong, one_job, owner_at
from app.settings import Settings
from kit.logs import Log
from kit.otlp import OtlpSettings
from kit.vault import OverlaySecrets, SecretStore, Vault

log = Log("rehearsal")
DEADLINE_S = 60.0
ENGINE = "rehearsal"


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
    except JobWrong as error:
        raise TakeoverFailed(f"In the rehearsal {error}.") from error
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
            silent: dict[str, Any] = {"providers": {}, "aliases": {}, "mcp": {}, "commands": {}}  # nothing outside is asked or started
            async with owner_at(running, admin, ENGINE, settings.engine, data=folder, otlp=quiet, **silent) as api:
                return await one_job(api, ENGINE)


async def _compare(admin: AdminClient, open_before: Mapping[str, bool]) -> None:
    now = {each.id: each for each in (await admin.status()).engines}
    for engine_id, was_open in open_before.items():
        found = now.get(engine_id)
        if found is None or (was_open and found.state == "unavailable"):
            reason = "is missing" if found is None else f"cannot be opened: {found.reason}"
            raise TakeoverFailed(f"In the rehearsal the queue of engine {engine_id} {reason}.")
