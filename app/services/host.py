"""Runs the gateway and this machine's engine, each on a thread with its own event loop, and stops them in order."""

import asyncio
import contextlib
import gc
import importlib.util
import queue
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

import anyio
from anyio.abc import TaskStatus
from anyio.from_thread import BlockingPortal, start_blocking_portal

import engine.wiring
import gateway.wiring
from app.desktop import port_holder
from app.services import handover
from app.services.endpoint.host import EndpointControl, Gate
from app.services.gui_files import built_gui
from app.services.local import LocalControl
from app.settings import Settings
from contract.errors import AuditUnavailable, DataFolderInUse, FloworkError, SecretsLocked
from contract.version import VERSION
from engine.settings import EngineSettings
from engine.store.spool import SpoolInUse
from engine.store.tokens import MemoryTokens
from engine.wiring import Drained, Engine
from gateway.crypto.identity import KeyLost
from gateway.http.listeners import PortTaken
from gateway.operations.program import Program
from gateway.store.files import FileRefused
from gateway.wiring import Gateway
from kit.logs import Log, bound
from kit.otlp import HeadersRefused
from kit.vault import Vault, VaultUnavailable

log = Log("host")
LOOK_AGAIN_S = 1.0


class StartRefused(Exception):
    """Flowork cannot start; the message says what to do."""


class StoppedByFailure(Exception):
    """The gateway or the engine failed while running; the cause is chained."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What runs, once it is ready."""

    version: str
    address: str
    gateway_id: str
    engine_id: str
    engine_name: str
    slots: int
    secrets: str
    """Where they are kept."""


class _News(Enum):
    STOP = auto()
    ENDED = auto()
    HAND_OVER = auto()
    """Another Flowork wants to take this one's place."""


class Host:
    """Owner of the threads `flowork-gateway` and `flowork-engine`."""

    def __init__(self, settings: Settings, vault: Vault, give_up: Callable[[], None], end: Callable[[], None] | None = None) -> None:
        """`give_up` ends the process at once; it is called when a third stop is asked for.

        `end` is called when the owner wants the program to end; without it that is `stop`.
        """
        self.local = LocalControl(settings.engine.slots or settings.engine.slots_max)
        self.endpoint = EndpointControl(settings.gateway.data, settings.endpoint, vault)
        self._end = end or self.stop
        self._settings = settings
        self._vault = vault
        self._give_up = give_up
        self._news: queue.SimpleQueue[_News] = queue.SimpleQueue()

    def stop(self) -> None:
        """Once: finish what runs, then stop. Twice: give back what runs. Thrice: go. May be called by a signal handler."""
        self._news.put(_News.STOP)

    def run(self, ready: Callable[[Serving], None]) -> Drained:
        """Serve until `stop`, or until another Flowork has taken this one's place; the caller's thread waits here.

        `ready` is called when it serves, and again when it serves anew because that other one failed.

        Raises:
            StartRefused: it could not start. StoppedByFailure: it started and then failed.
        """
        while True:
            drained, why = self._serve(ready)
            if why is _News.STOP or handover.was_taken(self._settings.gateway.data, self._told_to_stop):
                return drained
            log.error("host.serves_again")

    def _serve(self, ready: Callable[[Serving], None]) -> tuple[Drained, _News]:
        """Serve until there is a reason to end; how it ended, and the reason."""
        with contextlib.ExitStack() as stack:
            gateway_thread, engine_thread = stack.enter_context(_thread("flowork-gateway")), stack.enter_context(_thread("flowork-engine"))
            leave_gateway, leave_engine = gateway_thread.call(anyio.Event), engine_thread.call(anyio.Event)
            gateway_end, running_gateway = self._start(gateway_thread, self._gateway, leave_gateway)
            try:
                added = gateway_thread.call(running_gateway.local_engine, self._settings.local.name)
            except FloworkError as error:
                raise StartRefused(error.detail) from error
            self._stay_at(running_gateway.address)
            listeners = (self._settings.gateway.port, self._settings.gateway.lan_port)
            closed = tuple({*self._settings.engine.closed_ports, *(port for port in listeners if port)})
            told = {"gateway": running_gateway.address, "engine_id": added.id, "closed_ports": closed}
            engine_settings = self._settings.engine.model_copy(update=told)
            engine_end, running_engine = self._start(engine_thread, _engine, engine_settings, added.token, self._vault, leave_engine)
            self.local.begins(engine_thread, running_engine, added.id, added.name)
            leave_endpoint, endpoint_end = self._publish(stack, gateway_thread, running_gateway)
            gc.freeze()  # what was built stays: a collection that walks all of it would hold up every thread for a tenth of a second
            ready(
                Serving(
                    version=VERSION,
                    address=running_gateway.address,
                    gateway_id=running_gateway.gateway_id,
                    engine_id=added.id,
                    engine_name=added.name,
                    slots=running_engine.slots,
                    secrets=self._vault.kind,
                )
            )
            why = self._wait_for_stop(gateway_end, engine_end)
            self.local.ends()
            try:
                if why is _News.STOP:  # else submits go on being taken until the very end, for the new one
                    gateway_thread.call(running_gateway.drain)
                drained = self._drained(engine_thread, running_engine)
                engine_thread.call(leave_engine.set)
                engine_end.result()
                leave_endpoint()
                endpoint_end.result()
                if why is _News.HAND_OVER:
                    handover.let_go(self._settings.gateway.data)
                gateway_thread.call(leave_gateway.set)
                gateway_end.result()
            except Exception as error:
                raise StoppedByFailure from error
        log.info("host.stopped", reason=why.name.lower(), given_back=drained.given_back, spooled=drained.spooled)
        return drained, why

    def _publish(
        self, stack: contextlib.ExitStack, gateway_thread: BlockingPortal, running: Gateway
    ) -> tuple[Callable[[], None], Future[None]]:
        """Let the endpoint begin, on its own thread; how to end it, and its end. That it fails ends nothing else."""
        thread = stack.enter_context(_thread("flowork-endpoint"))
        leave = thread.call(anyio.Event)
        door = running.tunnel
        assert door is not None

        async def publish(origins: tuple[str, ...]) -> None:
            await asyncio.wrap_future(gateway_thread.start_task_soon(running.publish, origins))

        async def expect(word: str) -> Callable[[], bool]:
            return await asyncio.wrap_future(gateway_thread.start_task_soon(running.expect, word))

        gate = Gate(publish, expect, door.service, door.secret_host)
        end, _ = thread.start_task(_endpoint, self.endpoint, thread, gate, leave)
        return lambda: thread.call(leave.set), end

    async def _gateway(self, leave: anyio.Event, *, task_status: TaskStatus[Gateway]) -> None:
        program = Program(
            hand_over=self._hand_over,
            stop=self._end,
            local=self.local,
            endpoint=self.endpoint,
            tunnel_secret=await self.endpoint.kept_secret_host(),
        )
        settings = self._settings.gateway
        if settings.gui is None:
            settings = settings.model_copy(update={"gui": built_gui()})
        async with gateway.wiring.running(settings, vault=self._vault, program=program) as running:
            task_status.started(running)
            await leave.wait()

    def _start(self, thread: BlockingPortal, life: Callable[..., Awaitable[None]], *arguments: object) -> tuple[Future[None], Any]:
        """Run a life in its thread until it is ready; its end is news."""
        try:
            end, running = thread.start_task(life, *arguments)
        except (DataFolderInUse, AuditUnavailable, SecretsLocked) as error:
            raise StartRefused(error.detail) from error
        except PortTaken as error:
            held = port_holder.holder(error.host, error.port)
            words = str(error) if held is None else f"{held.in_words(error.host, error.port)} {port_holder.advice(error.port)}"
            raise StartRefused(words) from error
        except ExceptionGroup as several:  # a listener beside the loopback one, opened while the gateway's tasks run already
            if (taken := several.subgroup(PortTaken)) is None:
                raise
            raise StartRefused(str(_first(taken))) from several
        except (FileRefused, HeadersRefused, KeyLost, SpoolInUse, VaultUnavailable) as error:
            raise StartRefused(str(error)) from error
        end.add_done_callback(lambda _: self._news.put(_News.ENDED))
        return end, running

    def _stay_at(self, address: str) -> None:
        """Whoever serves again does so where it served before, also when the system had chosen the port."""
        port = int(address.rpartition(":")[2])
        self._settings = replace(self._settings, gateway=self._settings.gateway.model_copy(update={"port": port}))

    def _hand_over(self) -> None:
        self._news.put(_News.HAND_OVER)

    def _wait_for_stop(self, *ends: Future[None]) -> _News:
        while (news := self._next_news()) is _News.ENDED:  # of an earlier service, unless one of these has ended
            for end in ends:
                if end.done():
                    raise StoppedByFailure from end.exception()
        return news

    def _told_to_stop(self, within_s: float) -> bool:
        """Wait so long for being told to stop; other news are old."""
        try:
            return self._news.get(timeout=within_s) is _News.STOP
        except queue.Empty:
            return False

    def _next_news(self) -> _News:
        """Wait for news. A signal that comes just before the wait begins does not end it: its handler runs at the next look."""
        while True:
            with suppress(queue.Empty):
                return self._news.get(timeout=LOOK_AGAIN_S)

    def _drained(self, thread: BlockingPortal, running: Engine) -> Drained:
        draining = thread.start_task_soon(running.drained, self._settings.engine.drain_deadline_s)
        draining.add_done_callback(lambda _: self._news.put(_News.ENDED))
        asked = 1
        while not draining.done():
            if self._next_news() is _News.STOP:
                asked += 1
                if asked == 2:
                    thread.call(running.hurry)
                else:
                    self._give_up()
        return draining.result()


async def _endpoint(
    endpoint: EndpointControl, thread: BlockingPortal, gate: Gate, leave: anyio.Event, *, task_status: TaskStatus[None]
) -> None:
    async with endpoint.running(thread, gate):
        task_status.started()
        await leave.wait()


async def _engine(settings: EngineSettings, token: str, vault: Vault, leave: anyio.Event, *, task_status: TaskStatus[Engine]) -> None:
    with bound(engine_id=settings.engine_id):
        async with engine.wiring.running(settings, MemoryTokens(token), secret=vault.get) as running:
            task_status.started(running)
            await leave.wait()


def _first(several: BaseExceptionGroup[BaseException]) -> BaseException:
    first = several.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _thread(name: str) -> AbstractContextManager[BlockingPortal]:
    fast = importlib.util.find_spec("uvloop") is not None
    return start_blocking_portal("asyncio", {"use_uvloop": fast}, name=name)
