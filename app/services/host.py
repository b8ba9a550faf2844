"""Runs the gateway and this machine's engine, each on a thread with its own event loop, and stops them in order."""

import importlib.util
import queue
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import anyio
from anyio.abc import TaskStatus
from anyio.from_thread import BlockingPortal, start_blocking_portal

import engine.wiring
import gateway.wiring
from app.settings import Settings
from contract.errors import AuditUnavailable, DataFolderInUse, FloworkError, SecretsLocked
from contract.version import VERSION
from engine.settings import EngineSettings
from engine.store.spool import SpoolInUse
from engine.wiring import Drained, Engine
from gateway.crypto.identity import KeyLost
from gateway.http.listeners import PortTaken
from gateway.store.files import FileRefused
from gateway.wiring import Gateway
from kit.logs import Log
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


class Host:
    """Owner of the threads `flowork-gateway` and `flowork-engine`."""

    def __init__(self, settings: Settings, vault: Vault, give_up: Callable[[], None]) -> None:
        """`give_up` ends the process at once; it is called when a third stop is asked for."""
        self._settings = settings
        self._vault = vault
        self._give_up = give_up
        self._news: queue.SimpleQueue[_News] = queue.SimpleQueue()

    def stop(self) -> None:
        """Once: finish what runs, then stop. Twice: give back what runs. Thrice: go. May be called by a signal handler."""
        self._news.put(_News.STOP)

    def run(self, ready: Callable[[Serving], None]) -> Drained:
        """Serve until `stop`; the caller's thread waits here.

        Raises:
            StartRefused: it could not start. StoppedByFailure: it started and then failed.
        """
        with _thread("flowork-gateway") as gateway_thread, _thread("flowork-engine") as engine_thread:
            leave_gateway, leave_engine = gateway_thread.call(anyio.Event), engine_thread.call(anyio.Event)
            gateway_end, running_gateway = self._start(gateway_thread, self._gateway, leave_gateway)
            try:
                added = gateway_thread.call(running_gateway.local_engine, self._settings.local.name)
            except FloworkError as error:
                raise StartRefused(error.detail) from error
            told = {"gateway": running_gateway.address, "engine_id": added.id}
            engine_settings = self._settings.engine.model_copy(update=told)
            engine_end, running_engine = self._start(engine_thread, _engine, engine_settings, added.token, leave_engine)
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
            self._wait_for_stop(gateway_end, engine_end)
            try:
                gateway_thread.call(running_gateway.drain)
                drained = self._drained(engine_thread, running_engine)
                engine_thread.call(leave_engine.set)
                engine_end.result()
                gateway_thread.call(leave_gateway.set)
                gateway_end.result()
            except Exception as error:
                raise StoppedByFailure from error
        log.info("host.stopped", given_back=drained.given_back, spooled=drained.spooled)
        return drained

    async def _gateway(self, leave: anyio.Event, *, task_status: TaskStatus[Gateway]) -> None:
        async with gateway.wiring.running(self._settings.gateway, vault=self._vault) as running:
            task_status.started(running)
            await leave.wait()

    def _start(self, thread: BlockingPortal, life: Callable[..., Awaitable[None]], *arguments: object) -> tuple[Future[None], Any]:
        """Run a life in its thread until it is ready; its end is news."""
        try:
            end, running = thread.start_task(life, *arguments)
        except (DataFolderInUse, AuditUnavailable, SecretsLocked) as error:
            raise StartRefused(error.detail) from error
        except (FileRefused, KeyLost, PortTaken, SpoolInUse, VaultUnavailable) as error:
            raise StartRefused(str(error)) from error
        end.add_done_callback(lambda _: self._news.put(_News.ENDED))
        return end, running

    def _wait_for_stop(self, *ends: Future[None]) -> None:
        if self._next_news() is _News.STOP:
            return
        for end in ends:
            if end.done():
                raise StoppedByFailure from end.exception()

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


async def _engine(settings: EngineSettings, token: str, leave: anyio.Event, *, task_status: TaskStatus[Engine]) -> None:
    async with engine.wiring.running(settings, token) as running:
        task_status.started(running)
        await leave.wait()


def _thread(name: str) -> AbstractContextManager[BlockingPortal]:
    fast = importlib.util.find_spec("uvloop") is not None
    return start_blocking_portal("asyncio", {"use_uvloop": fast}, name=name)
