"""Gateway and engines inside the test's own process, on real sockets and files, with clocks and a wire the test can bend."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

import engine.wiring
import gateway.wiring
from app.crypto.device_keys import DeviceKeys
from contract.admin import EngineAdded
from contract.version import VERSION
from contract.words import UserRole
from engine.rules.kinds import Kind
from engine.runtime.seam import TokenKeeper
from engine.settings import EngineSettings
from engine.store.tokens import MemoryTokens
from engine.wiring import Engine
from gateway.settings import GatewaySettings
from gateway.store.people import DeviceRow, UserRow
from gateway.wiring import Gateway
from kit.bucket import Policy
from kit.clock import SECOND, Now, SystemClock
from kit.vault import Vault
from tests.support.devices import KEYS

UNHURRIED = {"ip_rate_per_s": 100_000.0, "ip_burst": 100_000, "user_rate_per_s": 100_000.0, "user_burst": 100_000}
"""Tests ask faster than anybody may; those of the limits name their own."""


class SleepyClock(SystemClock):
    """The machine's clock, of a machine that can be said to have slept."""

    def __init__(self) -> None:
        super().__init__()
        self._slept = 0

    def sleep_machine(self, seconds: float) -> None:
        self._slept += round(seconds * SECOND)

    def now(self) -> Now:
        now = super().now()
        return Now(now.wall + self._slept, now.steady + self._slept)


@contextlib.asynccontextmanager
async def gateway_on(
    data: Path,
    *,
    clock: SleepyClock | None = None,
    vault: Vault | None = None,
    is_owner: Callable[[str], bool] = lambda _user: True,
    **changes: Any,
) -> AsyncIterator[Gateway]:
    values = {"port": 0, "lease_ms": 1500, "heartbeat_grace_ms": 700, "retry_base_s": 0.05, **UNHURRIED, **changes}
    async with gateway.wiring.running(GatewaySettings(data=data, **values), clock=clock, vault=vault) as running:
        running._parts.throttle._policies = replace(running._parts.throttle._policies, auth_loopback=Policy(100_000, 100_000))
        running._parts.operations.sharing.is_owner = is_owner
        await pair(running, KEYS)
        yield running


async def pair(running: Gateway, keys: DeviceKeys, name: str = "test", role: UserRole = UserRole.MEMBER) -> str:
    """Let a device in as a new user, without a browser; the user's id."""
    sessions = running._parts.operations.sessions
    if (known := sessions.paired(keys.address.lower(), keys.session.thumbprint)) is not None:
        return known.user
    paired_at = len(sessions.users())
    user = UserRow(sessions.new_id(), name, role if sessions.users() else UserRole.OWNER, paired_at)
    row = DeviceRow(sessions.new_id(), user.id, keys.address.lower(), keys.session.thumbprint, name, paired_at)
    await sessions.add_device(row, user, owner=False)
    return user.id


@contextlib.asynccontextmanager
async def engine_for(
    address: str,
    added: EngineAdded,
    data: Path,
    *,
    clock: SleepyClock | None = None,
    keeper: TokenKeeper | None = None,
    served: Mapping[str, Kind] | None = None,
    version: str = VERSION,
    **changes: Any,
) -> AsyncIterator[Engine]:
    values = {"slots": 4, "echo": True, "heartbeat_s": 0.3, "backoff_base_s": 0.05, "backoff_cap_s": 0.2, **changes}
    settings = EngineSettings(gateway=address, engine_id=added.id, data=data, **values)
    async with engine.wiring.running(settings, keeper or MemoryTokens(added.token), clock=clock, served=served, version=version) as running:
        yield running


async def add_engine(running: Gateway, name: str = "lab") -> EngineAdded:
    return await running._parts.owner.add_engine(name)


@dataclass
class Wire:
    """A proxy before the gateway, which can lose answers, lose requests, or be cut."""

    gateway: str
    address: str = ""
    cut: bool = False
    lose_answer: Callable[[str, Any], bool] = lambda _path, _answer: False
    """Called with path and the answer's body; True: the gateway did it, but its caller never hears."""
    lose_request: Callable[[web.Request], bool] = lambda _request: False
    """True: the gateway never hears of it."""
    lost: list[str] = field(default_factory=list)
    passed: list[tuple[str, Any, Any]] = field(default_factory=list)
    """(path, request body, answer body) of what went through."""

    async def carry(self, request: web.Request) -> web.StreamResponse:
        if self.cut or self.lose_request(request):
            return self._hang_up(request)
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in {"host", "content-length"}}
        try:
            async with aiohttp.request(request.method, self.gateway + request.path_qs, data=body, headers=headers) as answer:
                raw = await answer.read()
        except aiohttp.ClientError:
            return self._hang_up(request)
        told = await answer.json(content_type=None) if raw else None
        if self.cut or self.lose_answer(request.path, told):
            return self._hang_up(request)
        self.passed.append((request.path, body, told))
        return web.Response(body=raw, status=answer.status, content_type=answer.content_type)

    def _hang_up(self, request: web.Request) -> web.StreamResponse:
        self.lost.append(request.path)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()  # goes nowhere


@contextlib.asynccontextmanager
async def wire_to(address: str) -> AsyncIterator[Wire]:
    wire = Wire(address)
    app = web.Application(client_max_size=16 * 2**20)
    app.router.add_route("*", "/{path:.*}", wire.carry)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server = site._server
    assert isinstance(server, asyncio.Server)
    wire.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield wire
    finally:
        await runner.cleanup()
