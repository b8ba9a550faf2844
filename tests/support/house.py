"""Real Flowork processes for tests, and a user who talks to them."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.client.admin import open_admin
from app.client.api import ApiClient, open_api
from app.client.live import live_events
from app.client.pairing import pair_here
from app.crypto.device_keys import DeviceKeys
from contract.admin import EngineAdded
from contract.events import Event
from contract.jobs import Job, JobDetail, JobDraft
from contract.people import OfferMake
from contract.words import EventName, JobState
from gateway.wiring import Gateway
from tests.support.devices import KEYS
from tests.support.log_lines import PROGRAMS

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 30.0
SHORT_LEASE = {
    "FLOWORK_LOG_LEVEL": "debug",
    "FLOWORK_GATEWAY_LEASE_MS": "1500",
    "FLOWORK_GATEWAY_HEARTBEAT_GRACE_MS": "700",
    "FLOWORK_GATEWAY_RETRY_BASE_S": "0.05",
    "FLOWORK_GATEWAY_USER_RATE_PER_S": "100000",
    "FLOWORK_GATEWAY_USER_BURST": "100000",
    "FLOWORK_ENGINE_HEARTBEAT_S": "0.3",
    "FLOWORK_ENGINE_BACKOFF_CAP_S": "0.3",
    "FLOWORK_ENGINE_BACKOFF_BASE_S": "0.05",
}


async def until(holds: Callable[[], Awaitable[Any]], what: str = "", patience_s: float = PATIENCE_S) -> Any:
    """Ask again until the answer is true; the answer."""
    try:
        async with asyncio.timeout(patience_s):
            while not (answer := await holds()):
                await asyncio.sleep(0.01)
            return answer
    except TimeoutError:
        raise AssertionError(f"this did not come true in {patience_s} s: {what or holds}") from None


@dataclass
class Program:
    """One process of ours."""

    process: asyncio.subprocess.Process
    log: Path

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    async def ended(self) -> int:
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()


async def start(log: Path, *arguments: str, environment: dict[str, str] | None = None, typed: str = "", module: str = "app") -> Program:
    """Start Flowork; `typed` is what its standard input brings."""
    PROGRAMS.started(log, arguments)
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=ROOT,
            env={**os.environ, **SHORT_LEASE, **(environment or {})},
        )
    assert process.stdin is not None
    process.stdin.write(typed.encode())
    process.stdin.close()
    return Program(process, log)


@dataclass
class House:
    """A data folder, the gateway on it, and the engine that the tests' jobs go to."""

    data: Path
    apart: bool
    gateway: Program | None = None
    engine: Program | None = None
    address: str = ""
    port: int = 0
    gateway_key: bytes = b""
    engine_id: str = ""
    engine_name: str = "home"
    programs: list[Program] = field(default_factory=list)
    slots: int = 4
    secure: bool = False
    """Keep secrets where the environment says, instead of in the clear."""

    async def open(self, **environment: str) -> None:
        await self.start_gateway(**environment)
        async with open_admin(self.data) as admin:
            self.gateway_key = await admin.gateway_key()
            async with open_api(self.address, KEYS, self.gateway_key) as api:
                await pair_here(admin, api, "test", OfferMake())
            if self.apart and not self.engine_id:
                self.keep(await admin.add_engine("remote"))
        if self.apart:
            await self.start_engine()

    def keep(self, added: EngineAdded) -> None:
        self.engine_id, self.engine_name = added.id, added.name
        token = self.data / "remote.token"
        token.write_text(added.token)
        token.chmod(0o600)

    async def start_gateway(self, **environment: str) -> None:
        command = ["serve", "--data", str(self.data), "--port", str(self.port), "--json", "--slots", str(self.slots), "--allow-echo"]
        if not self.secure:
            command.append("--insecure-storage")
        self.gateway = await start(self.data.with_suffix(".gateway.log"), *command, environment=environment)
        self.programs.append(self.gateway)
        assert self.gateway.process.stdout is not None
        line = await asyncio.wait_for(self.gateway.process.stdout.readline(), PATIENCE_S)
        assert line, self.gateway.log.read_text()
        told = json.loads(line)
        self.address, self.port = told["address"], int(told["address"].rsplit(":", 1)[1])
        if not self.apart:
            self.engine, self.engine_id = self.gateway, told["engine_id"]

    async def start_engine(self, folder: str = "engine") -> None:
        self.engine = await start(
            self.data.with_suffix(f".{folder}.log"),
            *("engine", "--gateway", self.address, "--engine-id", self.engine_id, "--token-file", str(self.data / "remote.token")),
            *("--data", str(self.data.with_suffix(f".{folder}")), "--slots", str(self.slots), "--allow-echo"),
        )
        self.programs.append(self.engine)

    async def restart_engine(self) -> None:
        """After it died: the engine again, with the gateway when they share a process."""
        if self.apart:
            await self.start_engine()
        else:
            await self.start_gateway()

    async def close(self) -> None:
        for program in reversed(self.programs):
            if program.process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    program.terminate()
                try:
                    await program.ended()
                except TimeoutError:
                    program.kill()
                    await program.ended()


@contextlib.asynccontextmanager
async def house(folder: Path, *, apart: bool, slots: int = 4, secure: bool = False, **environment: str) -> AsyncIterator[House]:
    folder.mkdir(parents=True, exist_ok=True)
    made = House(folder / "data", apart, slots=slots, secure=secure)
    try:
        await made.open(**environment)
        yield made
    finally:
        await made.close()


@dataclass
class User:
    """Somebody signed in, with their live events."""

    api: ApiClient
    engine: str
    arrived: "asyncio.Queue[Event]"
    seen: list[Event] = field(default_factory=list)

    async def submit(self, key: str | None = None, *, kind: str = "echo", engine: str | None = None, **rest: Any) -> Job:
        payload = rest.pop("payload", {})
        drawn = JobDraft(engine=engine or self.engine, kind=kind, payload=payload, **rest)
        return (await self.api.submit(drawn, key or os.urandom(8).hex())).job

    async def next_event(self) -> Event:
        async with asyncio.timeout(PATIENCE_S):
            event = await self.arrived.get()
        self.seen.append(event)
        return event

    async def sees(self, job: Job, state: JobState) -> Event:
        """Wait for the live event that tells so."""
        while True:
            event = await self.next_event()
            if event.data.get("id") == job.id and event.name is EventName.JOB_UPDATED and event.data.get("state") == state:
                return event

    async def reaches(self, job: Job, *states: JobState) -> JobDetail:
        """Ask until the job is in one of these states; for times in which sockets die."""

        async def there() -> JobDetail | None:
            detail = await self.api.job(job.id)
            return detail if detail.state in states else None

        return await until(there, f"{job.id} in {states}")


@contextlib.asynccontextmanager
async def signed_in(gateway: House | Gateway, engine: str, keys: DeviceKeys = KEYS) -> AsyncIterator[User]:
    async with open_api(gateway.address, keys, gateway.gateway_key) as api:
        await api.sign_in()
        async with live_events(api) as arrived:
            yield User(api, engine, arrived)
