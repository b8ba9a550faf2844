"""The ways to be reached: the owner's own address, and cloudflared, quick or named."""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from app.rules.tunnel import NOT_READY_S, PROVEN_S, QUICK_WAIT_S, REASONS, Fatal, Reading, fatal, judge, wait_s
from app.services.endpoint.child import Child, Order, ProgramMissing, find_program, started
from app.services.endpoint.probe import Expect, reached
from app.services.endpoint.provider import Tell
from contract.endpoint import EndpointKind, EndpointState, EndpointView
from kit.clock import SECOND, Clock, rfc3339
from kit.logs import Log
from kit.vault import VaultLocked, VaultUnavailable

log = Log("endpoint")
STARTING_LOOK_S: Final = 1.0
READY_LOOK_S: Final = 5.0
PROBE_EVERY_S: Final = 60.0
SLEPT_S: Final = 30.0
"""Between two looks: the machine slept."""
PROBE_AGAIN_S: Final = 5.0
"""While it was not reached: the name of a fresh quick tunnel takes a while to be known."""
CLOSED_AGAIN_S: Final = 15.0
CLOSED: Final = "The tunnel's token cannot be read: its keyring is locked. Unlock it; the endpoint goes on by itself."
TOO_OFTEN: Final = "Cloudflare lets quick tunnels be made only now and then."
NOT_REACHED: Final = "The tunnel is up, but the gateway was not reached through it. A new name may need a minute; else look at its routes."
NOT_REACHED_URL: Final = "The gateway was not reached at that address. Is your proxy up, and does it lead to the address shown here?"


@dataclass(slots=True)
class Around:
    """What every way needs."""

    clock: Clock
    uniform: Callable[[], float]
    session: aiohttp.ClientSession
    publish: Callable[[tuple[str, ...]], Awaitable[None]]
    """Tells the gateway under which origins it is published now; none closes it."""
    expect: Expect
    created_at: float | None = None
    """When the last quick tunnel was asked for: Cloudflare limits them, whoever wants another one."""
    nudged: asyncio.Event = field(default_factory=asyncio.Event)
    anew: asyncio.Event = field(default_factory=asyncio.Event)

    def now_s(self) -> float:
        """Steady seconds, which run on while the machine sleeps."""
        return self.clock.now().steady / SECOND

    async def rest(self, seconds: float) -> None:
        """Wait so long, or until somebody wants to know."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.nudged.wait()
        self.nudged.clear()


class _Told:
    """The view, told whenever it says something new."""

    def __init__(self, around: Around, tell: Tell, kind: EndpointKind) -> None:
        self._around = around
        self._tell = tell
        self.view = EndpointView(kind=kind, state=EndpointState.STARTING)
        self.say(state=EndpointState.STARTING)

    def say(self, **change: object) -> None:
        """What is different now."""
        now = rfc3339(self._around.clock.now().wall)
        since = {"since": now} if change.get("state", self.view.state) is not self.view.state or self.view.since is None else {}
        after = self.view.model_copy(update={**change, **since})
        if after != self.view or self.view.since is None:
            self.view = after
            self._tell(after)


class Url:
    """An address of the owner's, whose proxy leads to the tunnel listener. Nothing is started; it is only looked at."""

    def __init__(self, around: Around, origin: str | None) -> None:
        self._around = around
        self._origin = origin

    async def run(self, tell: Tell) -> None:
        told = _Told(self._around, tell, EndpointKind.URL)
        if self._origin is None:
            told.say(state=EndpointState.FAILED, reason=REASONS[Fatal.ORIGIN])
            return
        await self._around.publish((self._origin,))
        try:
            while True:
                took = await reached(self._around.session, self._origin, self._around.expect)
                state = EndpointState.UNREACHABLE if took is None else EndpointState.READY
                told.say(
                    state=state,
                    origin=self._origin,
                    reason=NOT_REACHED_URL if took is None else "",
                    probe_ms=took,
                    probed_at=rfc3339(self._around.clock.now().wall),
                )
                await self._around.rest(PROBE_AGAIN_S if took is None else PROBE_EVERY_S)
        finally:
            await self._around.publish(())

    def restart(self) -> None:
        self.look()

    def look(self) -> None:
        self._around.nudged.set()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A tunnel as the owner wants it."""

    kind: EndpointKind
    program: Path | None
    origin: str | None
    """Of a named tunnel."""
    token: Callable[[], Awaitable[str | None]]
    """Of a named tunnel, from the secret store."""
    service: str
    secret_host: str
    run: Path


class Cloudflared:
    """Starts cloudflared, watches over it, and starts it again; see docs/adr/0022."""

    def __init__(self, around: Around, wanted: Wanted) -> None:
        self._around = around
        self._wanted = wanted
        self._failures = 0
        self._restarts = 0

    async def run(self, tell: Tell) -> None:
        told = _Told(self._around, tell, self._wanted.kind)
        while True:
            try:
                order = await self._order()
            except _Hopeless as error:
                told.say(state=EndpointState.FAILED, reason=REASONS[error.why], next_try_s=None)
                log.error("endpoint.failed", reason=error.why)
                return
            except (VaultLocked, VaultUnavailable):  # as at a start with the session, before anybody has unlocked it
                told.say(state=EndpointState.DOWN, reason=CLOSED, next_try_s=CLOSED_AGAIN_S)
                await self._around.rest(CLOSED_AGAIN_S)
                continue
            await self._not_too_often(told)
            told.say(state=EndpointState.STARTING, reason="", program=str(order.program), next_try_s=None, restarts=self._restarts)
            try:
                why = await self._once(order, told)
            except ProgramMissing:
                told.say(state=EndpointState.FAILED, reason=REASONS[Fatal.PROGRAM])
                return
            except _Hopeless as error:
                told.say(state=EndpointState.FAILED, reason=REASONS[error.why], connections=0)
                log.error("endpoint.failed", reason=error.why)
                return
            if self._around.anew.is_set():
                self._around.anew.clear()
                continue
            self._restarts += 1
            await self._wait(told, why)

    def restart(self) -> None:
        self._failures = 0
        self._around.anew.set()
        self.look()

    def look(self) -> None:
        self._around.nudged.set()

    async def _not_too_often(self, told: _Told) -> None:
        if self._wanted.kind is not EndpointKind.QUICK:
            return
        around = self._around
        if around.created_at is not None:
            while (left := around.created_at + QUICK_WAIT_S - around.now_s()) > 0:
                told.say(state=EndpointState.DOWN, reason=TOO_OFTEN, next_try_s=round(left), connections=0)
                await around.rest(min(STARTING_LOOK_S, left))
        around.created_at = around.now_s()

    async def _order(self) -> Order:
        wanted = self._wanted
        token = None
        if wanted.kind is EndpointKind.QUICK and wanted.service.startswith("unix:"):
            raise _Hopeless(Fatal.SOCKET)
        if wanted.kind is EndpointKind.NAMED:
            token = await wanted.token()
            if token is None:
                raise _Hopeless(Fatal.TOKEN_MISSING)
            if wanted.origin is None:
                raise _Hopeless(Fatal.ORIGIN)
        try:
            program = await asyncio.to_thread(find_program, wanted.program)
        except ProgramMissing as error:
            raise _Hopeless(Fatal.PROGRAM) from error
        return Order(program, wanted.kind, wanted.service, wanted.secret_host, token, wanted.run, secrets.token_hex(16))

    async def _once(self, order: Order, told: _Told) -> str:
        """One life of the client; why it is over."""
        async with started(order) as child:
            log.info("endpoint.started", kind=order.kind, pid=child.pid)
            ended = asyncio.create_task(child.ended(), name="tunnel-end")
            watching = asyncio.create_task(self._watch(child, told), name="tunnel-watch")
            try:
                await asyncio.wait({ended, watching}, return_when=asyncio.FIRST_COMPLETED)
                if watching.done():
                    return watching.result()
                if hopeless := fatal(child.lines):
                    raise _Hopeless(hopeless)
                return f"cloudflared ended with status {ended.result()}."
            finally:
                for task in (ended, watching):
                    task.cancel()
                await asyncio.wait({ended, watching})
                await self._around.publish(())

    async def _watch(self, child: Child, told: _Told) -> str:
        """Look at it for as long as it should run; why it should not any more."""
        around, wanted = self._around, self._wanted
        ready_since: float | None = None
        well_at = looked_at = around.now_s()
        origin, took, probed = wanted.origin if wanted.kind is EndpointKind.NAMED else None, None, -PROBE_EVERY_S
        published: str | None = None
        while not around.anew.is_set():
            connections = await child.connections(around.session)
            if origin is None and wanted.kind is EndpointKind.QUICK:
                origin = await child.quick_origin(around.session)
            if origin is not None and origin != published:
                await around.publish((origin,))
                published = origin
            now = around.now_s()
            if now - looked_at > SLEPT_S:  # the machine slept: nothing is wrong yet
                well_at, probed = now, -PROBE_EVERY_S
            looked_at = now
            due = now - probed >= (PROBE_EVERY_S if took is not None else PROBE_AGAIN_S)
            if connections and origin is not None and due:
                took = await reached(around.session, origin, around.expect)
                probed = around.now_s()
                told.say(probe_ms=took, probed_at=rfc3339(around.clock.now().wall))
            state = judge(wanted.kind, Reading(connections, origin, None if probed < 0 else took is not None))
            told.say(state=state, origin=origin, connections=connections, reason=NOT_REACHED if state is EndpointState.UNREACHABLE else "")
            if connections:
                well_at = now
                ready_since = now if ready_since is None else ready_since
                if now - ready_since >= PROVEN_S:
                    self._failures = 0
            else:
                ready_since = None
            if now - well_at >= NOT_READY_S:
                return "cloudflared had no connection for a minute and a half."
            await around.rest(READY_LOOK_S if state is EndpointState.READY else STARTING_LOOK_S)
        return "It was asked to begin anew."

    async def _wait(self, told: _Told, why: str) -> None:
        self._failures += 1
        left = wait_s(self._wanted.kind, self._failures, self._around.uniform)
        log.warning("endpoint.down", reason=why, wait_s=round(left, 1))
        until = self._around.now_s() + left
        while left > 0 and not self._around.anew.is_set():
            told.say(state=EndpointState.DOWN, reason=why, next_try_s=round(left), connections=0)
            await self._around.rest(min(STARTING_LOOK_S, left))
            left = until - self._around.now_s()
        self._around.anew.clear()


class _Hopeless(Exception):
    """Trying again does not help."""

    def __init__(self, why: Fatal) -> None:
        self.why = why
        super().__init__(why)
