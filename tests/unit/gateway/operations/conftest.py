"""The rooms of a gateway around queues in memory, put together as `gateway.wiring` does it."""

import asyncio
import contextlib
import itertools
import json
import selectors
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contract.engine_link import Announce, ClaimAnswer, ClaimRequest, FinishRequest
from contract.errors import EngineTokenRevoked, EngineUnknown, ShardUnavailable
from contract.jobs import JobDraft
from contract.words import Directive
from gateway.crypto.audit_seal import AuditSeal
from gateway.operations.audit import Audit
from gateway.operations.change import Change
from gateway.operations.claim import Claiming
from gateway.operations.engine_auth import EngineTokens
from gateway.operations.fanout import LocalFanout
from gateway.operations.presence import Presence
from gateway.operations.pulse import Pulse, StartDelays
from gateway.operations.report import Reporting, note_refusals
from gateway.operations.sharing import Sharing
from gateway.operations.sources import Sources
from gateway.operations.submit import Submit, Taken
from gateway.operations.wake import LocalWakeBus
from gateway.operations.watch import Watch
from gateway.rules.engine_tokens import EngineCaller
from gateway.rules.views import job_id_of
from gateway.store.audit import AuditFile, open_audit
from gateway.store.control import Control, open_control
from gateway.store.memory import MemoryStore
from kit.clock import SECOND
from tests.support.clock import ManualClock
from tests.support.queue import LEASE_S, TRACE, chance, limits

LAB, DEN = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"
PATIENCE_S = 10.0
MAX_AGE_S, RETIRES_S = 30 * 24 * 3600, 60


class MemoryDirectory:
    """Queues in memory by engine id; one can be made unavailable."""

    def __init__(self) -> None:
        self.stores: dict[str, MemoryStore] = {}
        self.refused: dict[str, str] = {}

    @contextlib.asynccontextmanager
    async def use(self, engine: str) -> AsyncIterator[MemoryStore]:
        if engine in self.refused:
            raise ShardUnavailable
        if engine not in self.stores:
            raise EngineUnknown
        yield self.stores[engine]

    def refusals(self) -> dict[str, str]:
        return dict(self.refused)


@dataclass
class Rooms:
    """A gateway without listeners: two engines, `lab` and `den`."""

    clock: ManualClock
    control: Control
    sources: Sources
    directory: MemoryDirectory
    presence: Presence
    wake: LocalWakeBus
    fanout: LocalFanout
    delays: StartDelays
    book: "Book"
    owners: set[str] | None = None
    """Users that manage every engine; None: all do."""
    thrown_out: set[str] = field(default_factory=set)
    """Installations whose tokens were revoked."""
    whitelist_version: int = 0
    due: list[tuple[str, int]] = field(default_factory=list)
    hard_cap: int = 100
    directive: Directive = Directive.RUN
    keys: Callable[[], str] = field(default_factory=lambda: map("key-{}".format, itertools.count()).__next__)
    attempts: Callable[[], str] = field(default_factory=lambda: map("{:032x}".format, itertools.count(1)).__next__)

    def __post_init__(self) -> None:
        self.pulse = Pulse(self.fanout, self.wake, self.delays, lambda engine, in_us: self.due.append((engine, in_us)))
        self.sharing = Sharing(
            self.control,
            self.sources,
            self.book.audit,
            self.clock,
            lambda user: self.owners is None or user in self.owners,
            self.wake.news,
        )
        self.watch = Watch(self.directory, self.sources, self.sharing, self.fanout)
        self.change = Change(self.directory, self.sources, self.sharing, self.watch)
        self.claiming = Claiming(
            self.directory,
            self.presence,
            self.wake,
            self.clock,
            LEASE_S * 1000,
            lambda _caller: self.directive,
            self._stands,
            lambda _engine: self.whitelist_version,
            self._note,
        )
        self.reporting = Reporting(self.directory, self.presence, LEASE_S * 1000, lambda _caller: self.directive, self._note)
        self.submitting = Submit(
            self.directory,
            self.sources,
            self.sharing,
            self.presence,
            self.clock,
            self.hard_cap,
            self.delays.per_second,
            lambda: self.directive is Directive.DRAIN,
        )
        for seed, engine in enumerate((LAB, DEN)):
            self.directory.stores[engine] = MemoryStore(engine, limits(), self.clock, chance(seed), self._hears(engine))

    def _stands(self, caller: EngineCaller) -> None:
        if caller.installation in self.thrown_out:
            raise EngineTokenRevoked

    async def _note(self, engine: str, reports: Iterable[tuple[str, FinishRequest]]) -> None:
        await note_refusals(self.book.audit, engine, reports)

    def _hears(self, engine: str) -> Callable[[Any], None]:
        return lambda committed: self.pulse.committed(engine, committed)

    async def submit(self, user: str = "ann", key: str | None = None, **changes: Any) -> Taken:
        return await self.submitting.one(user, key or self.keys(), self.draft(**changes), TRACE)

    async def job(self, user: str = "ann", **changes: Any) -> str:
        """Submit one; its id."""
        taken = await self.submit(user, **changes)
        return job_id_of(taken.engine, taken.job)

    @staticmethod
    def caller(engine: str = LAB, installation: str = "first") -> EngineCaller:
        """Somebody whose token was checked."""
        return EngineCaller(engine, installation, f"token of {installation}")

    @staticmethod
    def draft(**changes: Any) -> JobDraft:
        return JobDraft(**{"engine": "lab", "kind": "echo", **changes})

    def request(self, instance: int = 1, **changes: Any) -> ClaimRequest:
        kinds = changes.pop("kinds", ["echo"])
        values = {
            "instance": f"{instance:032x}",
            "attempt_id": self.attempts(),
            "announce": Announce(version="1", slots=4, kinds=kinds),
            "max": 1,
            "wait_ms": 0,
            **changes,
        }
        return ClaimRequest(**values)

    async def claim(self, instance: int = 1, engine: str = LAB, **changes: Any) -> ClaimAnswer:
        """A claim that does not wait, unless told so."""
        answer = await self.claiming.claim(self.caller(engine), self.request(instance, **changes), asyncio.Event())
        assert answer is not None
        return answer

    async def waiters(self, count: int, engine: str = LAB) -> None:
        """Until so many long polls have looked and wait."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.wake._waiters.get(engine, ())) != count:
                await asyncio.sleep(0)
        for _ in range(20):  # they look before they wait; nothing here leaves the loop
            await asyncio.sleep(0)


@pytest.fixture
async def rooms(tmp_path, book: "Book") -> AsyncIterator[Rooms]:
    clock = ManualClock()
    async with open_control(tmp_path / "control.db") as control:
        await control.add_engine(LAB, "lab", 1)
        await control.add_engine(DEN, "den", 2)
        sources = Sources(control)
        await sources.load()
        yield Rooms(clock, control, sources, MemoryDirectory(), Presence(clock), LocalWakeBus(), LocalFanout(), StartDelays(clock), book)


@pytest.fixture
async def tokens(rooms: Rooms, book: "Book") -> EngineTokens:
    return engine_tokens(rooms, book)


@pytest.fixture
def reopened(rooms: Rooms, book: "Book") -> Callable[[], Awaitable[EngineTokens]]:
    """The tokens as another process finds them in control.db."""

    async def opened() -> EngineTokens:
        again = engine_tokens(rooms, book)
        await again.load()
        return again

    return opened


def engine_tokens(rooms: Rooms, book: "Book") -> EngineTokens:
    return EngineTokens(rooms.control.installations, book.audit, rooms.clock, chance(5), MAX_AGE_S * SECOND, RETIRES_S * SECOND)


@dataclass
class Book:
    """A real audit log, and what stands in it."""

    audit: Audit
    file: AuditFile

    def events(self) -> list[tuple[str, str, str]]:
        """Event, actor and target, oldest first."""
        bodies = [json.loads(entry.body) for entry in self.file.newest(2**62, 100)][::-1]
        return [(body["event"], body["actor"], body["target"]) for body in bodies]

    def break_it(self) -> None:
        """From now on nothing can be written."""
        self.file._connection.execute("PRAGMA query_only = ON")


@pytest.fixture
def book(tmp_path) -> Iterator[Book]:
    seal = AuditSeal(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    file = open_audit(tmp_path / "audit.db", seal.sign)
    yield Book(Audit(file, seal, ManualClock()), file)
    file.close()


class _JumpingSelector(selectors.DefaultSelector):
    """Does not wait: the time that would be waited is passed on instead."""

    def __init__(self, waited: Callable[[float], None]) -> None:
        super().__init__()
        self._waited = waited

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise AssertionError("everything waits for something that never comes")
        if timeout > 0:
            self._waited(timeout)
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers and a manual clock move together, at once."""

    def __init__(self, clock: ManualClock) -> None:
        self._jumped = 0.0
        self._manual = clock
        self.waits: list[float] = []
        super().__init__(_JumpingSelector(self._jump))

    def time(self) -> float:
        return self._jumped

    def _jump(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._jumped += seconds
        self._manual.advance(seconds)


@pytest.fixture
def in_jumping_time() -> Callable[[Callable[[], Coroutine[Any, Any, Any]], ManualClock], JumpingLoop]:
    """Run a test's body where waiting takes no time; the loop tells what was waited."""

    def run(body: Callable[[], Coroutine[Any, Any, Any]], clock: ManualClock) -> JumpingLoop:
        loop = JumpingLoop(clock)
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(body())
        return loop

    return run
