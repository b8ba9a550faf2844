"""Owner of the public endpoint: runs the way that the owner wants, on a thread of its own, and changes it while everything runs."""

import asyncio
import contextlib
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
from anyio.from_thread import BlockingPortal

from app.services import setup
from app.services.endpoint.child import reap_orphan
from app.services.endpoint.provider import TunnelProvider
from app.services.endpoint.tunnels import Around, Cloudflared, Url, Wanted
from app.settings import EndpointSettings
from contract.endpoint import OFF, EndpointChange, EndpointKind, EndpointState, EndpointView
from contract.errors import NotOfThisProgram, RequestInvalid, SecretsLocked
from kit.clock import SystemClock
from kit.files import private_folder
from kit.logs import Log
from kit.tasks import first_of
from kit.vault import Vault, VaultLocked, VaultUnavailable

log = Log("endpoint")
TOLD_ELSEWHERE: Final = frozenset({EndpointKind.URL, EndpointKind.NAMED})
"""Ways for which the owner enters the secret Host somewhere else, so that it must stay."""
BROKE: Final = "It failed in a way that nobody foresaw; the log says more. Restart it."
TOKEN: Final = "tunnel.token"  # noqa: S105 - the name of a secret
SECRET_HOST: Final = "tunnel.host"  # noqa: S105 - the name of a secret


@dataclass(frozen=True, slots=True)
class Gate:
    """What the endpoint needs of the running gateway; callable on the endpoint's loop."""

    publish: Callable[[tuple[str, ...]], Awaitable[None]]
    expect: Callable[[str], Awaitable[Callable[[], bool]]]
    service: str
    secret_host: str


class EndpointControl:
    """Implements `gateway.operations.endpoint.EndpointHost`. Outlives gateway and engine, as `LocalControl` does."""

    def __init__(self, data: Path, settings: EndpointSettings, vault: Vault) -> None:
        self._data = data
        self._settings = settings
        self._vault = vault
        self._view = OFF.model_copy(update={"kind": settings.kind})
        self._thread: BlockingPortal | None = None
        self._runs: _Runs | None = None

    def view(self) -> EndpointView:
        """How it is; any thread."""
        return self._view

    async def change(self, asked: EndpointChange) -> EndpointView:
        """See `EndpointHost.change`. What is wanted is written into config.toml, and holds for later starts."""
        runs = self._runs
        if runs is None:
            raise NotOfThisProgram
        try:
            if asked.token is not None:
                await self._vault.set(TOKEN, asked.token)
            if asked.kind in TOLD_ELSEWHERE and await self._vault.get(SECRET_HOST) is None:
                await self._vault.set(SECRET_HOST, runs.secret_host)  # the proxy, or the route at Cloudflare, is told it once
        except (VaultLocked, VaultUnavailable) as error:
            raise SecretsLocked from error
        wanted = self._settings.model_copy(update={"kind": asked.kind, "origin": asked.origin or self._settings.origin})
        told = {"kind": str(asked.kind)} | ({} if wanted.origin is None else {"origin": wanted.origin})
        try:
            await asyncio.to_thread(setup.change, self._data, {"endpoint": told})
        except setup.SetupRefused as error:
            raise RequestInvalid("; ".join(error.mistakes)) from error
        self._settings = wanted
        self._call(lambda runs: runs.begin(wanted))
        return self._view

    async def kept_secret_host(self) -> str | None:
        """The Host header that was entered at a proxy or at Cloudflare, or is to be: made once, also where the way was chosen in
        config.toml alone. None where none is needed yet, or while the secrets are locked.
        """
        with contextlib.suppress(VaultLocked, VaultUnavailable):
            kept = await self._vault.get(SECRET_HOST)
            if kept is None and self._settings.kind in TOLD_ELSEWHERE:
                kept = f"t-{secrets.token_hex(16)}.flowork.internal"
                await self._vault.set(SECRET_HOST, kept)
            return kept
        return None

    async def restart(self) -> EndpointView:
        """See `EndpointHost.restart`."""
        self._call(lambda runs: runs.restart())
        return self._view

    async def look(self) -> EndpointView:
        """See `EndpointHost.look`."""
        self._call(lambda runs: runs.look())
        return self._view

    def _call(self, act: "Callable[[_Runs], None]") -> None:
        thread, runs = self._thread, self._runs
        if thread is None or runs is None:
            raise NotOfThisProgram
        thread.start_task_soon(_soon, act, runs)

    @contextlib.asynccontextmanager
    async def running(self, thread: BlockingPortal, gate: Gate) -> AsyncIterator[None]:
        """Run what is wanted for the length of the block, on the loop of `thread`, which is the caller's."""
        run = private_folder(self._data / "run")
        await asyncio.to_thread(reap_orphan, run)
        async with aiohttp.ClientSession(trust_env=False) as session:
            around = Around(SystemClock(), random.random, session, gate.publish, gate.expect)
            runs = _Runs(around, gate, run, self._token, self._tell)
            self._thread, self._runs = thread, runs
            runs.begin(self._settings)
            task = asyncio.create_task(runs.run(), name="endpoint")
            try:
                yield
            finally:
                self._thread = self._runs = None
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                self._view = OFF.model_copy(update={"kind": self._settings.kind})

    async def _token(self) -> str | None:
        return await self._vault.get(TOKEN)

    def _tell(self, view: EndpointView) -> None:
        if view.state is not self._view.state:
            log.info("endpoint.is", state=view.state, reason=view.reason)
        self._view = view


async def _soon(act: "Callable[[_Runs], None]", runs: "_Runs") -> None:
    act(runs)


class _Runs:
    """Runs one way at a time."""

    def __init__(
        self, around: Around, gate: Gate, run: Path, token: Callable[[], Awaitable[str | None]], tell: Callable[[EndpointView], None]
    ) -> None:
        self._around = around
        self._gate = gate
        self.secret_host = gate.secret_host
        self._run = run
        self._token = token
        self._tell = tell
        self._wanted = EndpointSettings()
        self._changed = asyncio.Event()
        self._provider: TunnelProvider | None = None

    def begin(self, settings: EndpointSettings) -> None:
        """Run this from now on."""
        self._wanted = settings
        self._changed.set()

    def restart(self) -> None:
        """The same anew; also after it had failed for good."""
        if self._provider is not None:
            self._provider.restart()
        else:
            self._changed.set()

    def look(self) -> None:
        """Look from outside, now."""
        if self._provider is not None:
            self._provider.look()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._changed.clear()
            settings = self._wanted
            if settings.kind is EndpointKind.NONE:
                self._said(OFF)
                await self._changed.wait()
                continue
            self._around.anew.clear()
            self._provider = self._made(settings)
            try:
                await first_of(None, self._provider.run(self._said), self._changed.wait())
            except Exception as error:  # the gateway serves this machine whatever becomes of the endpoint
                log.error("endpoint.broke", exc_info=error)
                self._said(EndpointView(kind=settings.kind, state=EndpointState.FAILED, reason=BROKE))
            self._provider = None
            if not self._changed.is_set():  # it failed for good: until somebody wants something else
                await self._changed.wait()

    def _made(self, settings: EndpointSettings) -> TunnelProvider:
        if settings.kind is EndpointKind.URL:
            return Url(self._around, settings.origin)
        gate = self._gate
        wanted = Wanted(settings.kind, settings.program, settings.origin, self._token, gate.service, gate.secret_host, self._run)
        return Cloudflared(self._around, wanted)

    def _said(self, view: EndpointView) -> None:
        shows_where = view.kind in TOLD_ELSEWHERE
        where = {"service": self._gate.service, "secret_host": self._gate.secret_host} if shows_where else {}
        self._tell(view.model_copy(update=where))
