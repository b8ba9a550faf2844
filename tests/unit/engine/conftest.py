"""The rooms of an engine on a manual clock, with a gateway in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from contract.engine_link import FinishReport, Lease
from engine.rules.kinds import Kind, Runs
from engine.rules.leases import LeaseBook
from engine.rules.meter import Meter
from engine.runtime.lanes import Lanes
from engine.runtime.output import Output
from engine.runtime.reporter import Reporter
from engine.runtime.slots import Slots
from engine.runtime.timeline import Tracing
from engine.runtime.whitelist import Whitelist
from engine.store.spool import Spool, open_spool
from kit.backoff import Backoff
from kit.tasks import Crew, crew
from tests.support.clock import ManualClock
from tests.support.fake_link import INSTANCE, FakeLink

BACKOFF = Backoff(0.2, 30.0)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Room:
    """What runs jobs, put together as `engine.wiring` does it."""

    link: FakeLink
    clock: ManualClock
    book: LeaseBook
    spool: Spool
    reporter: Reporter
    lanes: Lanes
    tasks: Crew
    kinds: dict[str, Kind] = field(default_factory=dict)
    ride: bool = False

    def serve(self, name: str, handler: Callable[..., Any], runs: Runs = Runs.ASYNC) -> None:
        self.kinds[name] = Kind(name, handler, runs)

    def slots(self, count: int = 2, ride: Callable[[], bool] | None = None, most: int = 64) -> Slots:
        whitelist = Whitelist(self.link, BACKOFF, lambda: 0.0)
        rides = ride or (lambda: self.ride)
        self.meter = Meter(count, self.clock.steady, 0)
        return Slots(
            *(count, self.kinds, self.book, self.reporter, self.lanes, self.clock, self.output, self.tasks, rides, whitelist),
            self.meter,
            most,
            Tracing(self.clock),
        )

    def output(self, lease: Lease, may_act: Callable[[], bool] = lambda: True) -> Output:
        return Output(self.link, INSTANCE, lease, may_act, BACKOFF, lambda: 0.0)

    def start(self, slots: Slots, lease: Lease) -> None:
        assert self.book.granted(lease, self.clock.now().steady)
        slots.start(lease)

    async def finished(self, count: int = 1) -> FinishReport:
        """The report of that number, once it was sent."""
        return await self.link.finishes.arrived(count)


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def room(link: FakeLink, clock: ManualClock, tmp_path) -> AsyncIterator[Room]:
    book, lanes = LeaseBook(), Lanes(1)
    async with open_spool(tmp_path / "spool") as spool, crew() as tasks:
        yield Room(link, clock, book, spool, Reporter(link, spool, book, BACKOFF, lambda: 0.0), lanes, tasks)
        await lanes.close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were asked of `asyncio.sleep`, which only lets others run."""
    asked: list[float] = []
    pause = asyncio.sleep

    async def sleep(seconds: float, result: Any = None) -> Any:
        asked.append(seconds)
        await pause(0)
        return result

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return asked


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[int]]]:
    """Start a server on 127.0.0.1 that gives every request to a handler; its port."""

    async with AsyncExitStack() as stack:

        async def started(handler: Handler) -> int:
            app = web.Application(client_max_size=16 * 1024 * 1024)
            app.router.add_route("*", "/{path:.*}", handler)
            runner = web.AppRunner(app, shutdown_timeout=0)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            return int(runner.addresses[0][1])

        yield started
