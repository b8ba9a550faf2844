"""`WakeBus`: tells waiting claims that there may be something for them. A hint: the claim asks the queue again."""

import asyncio
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import Enum
from typing import Protocol


class Hint(Enum):
    """Why a waiter was woken."""

    WORK = "work"
    NEWS = "news"
    CLOSED = "closed"


class Waiter:
    """One long poll. Registered before it looks at the queue, so that nothing falls between looking and waiting."""

    def __init__(self, kinds: Collection[str], wants_work: bool) -> None:
        self._kinds = frozenset(kinds)
        self._closed = False
        self.wants_work = wants_work
        """False while its instance drains: what it is not going to take must not wake it, nor be kept for it."""
        self.canary = False
        """On which side it stands when jobs are shared (`shares.py`)."""
        self.owed: set[str] = set()
        """The kinds of jobs that woke it, until it looks."""
        self.hint: asyncio.Future[Hint] = asyncio.get_running_loop().create_future()

    def wants(self, kind: str) -> bool:
        """True when it would take a job of this kind."""
        return self.wants_work and kind in self._kinds

    def takes(self, kind: str) -> bool:
        """True when a job of this kind should wake it."""
        return self.wants(kind) and not self.hint.done()

    def rearm(self) -> None:
        """Forget earlier hints: the caller is about to look. That the bus closed stays known."""
        self.owed.clear()
        self.hint = asyncio.get_running_loop().create_future()
        if self._closed:
            self.hint.set_result(Hint.CLOSED)

    def wake(self, hint: Hint, kind: str | None = None) -> None:
        """Set the hint; the first one counts. A kind is owed until it looks."""
        self._closed |= hint is Hint.CLOSED
        if kind is not None:
            self.owed.add(kind)
        if not self.hint.done():
            self.hint.set_result(hint)


class WakeBus(Protocol):
    """Hints between those who change queues and those who wait for them."""

    def waiting(self, engine: str, kinds: Collection[str], *, wants_work: bool) -> AbstractContextManager[Waiter]:
        """Register a waiter for the length of the block."""

    def work(self, engine: str, kind: str) -> None:
        """One job became claimable: wake one waiter that takes it."""

    def kept(self, engine: str, kinds: Collection[str], *, canary: bool) -> frozenset[str]:
        """Those of the kinds that some waiter of this side would take."""

    def pass_on(self, engine: str, kind: str, *, canary: bool) -> None:
        """There may be a job that is this side's turn: wake one of its waiters; any waiter when none of them takes it."""

    def news(self, engine: str | None) -> None:
        """Something other than work is to be told: wake everyone of an engine, or of all."""


class LocalWakeBus:
    """Waiters of this process, longest waiting first."""

    def __init__(self) -> None:
        self._waiters: dict[str, dict[Waiter, None]] = {}
        self._closed = False

    @contextmanager
    def waiting(self, engine: str, kinds: Collection[str], *, wants_work: bool) -> Iterator[Waiter]:
        waiter = Waiter(kinds, wants_work)
        if self._closed:
            waiter.wake(Hint.CLOSED)
        of_engine = self._waiters.setdefault(engine, {})
        of_engine[waiter] = None
        try:
            yield waiter
        finally:
            del of_engine[waiter]
            if not of_engine:
                self._waiters.pop(engine, None)
            for kind in waiter.owed:
                self.work(engine, kind)  # it left without looking: the next one shall

    def work(self, engine: str, kind: str) -> None:
        for waiter in self._waiters.get(engine, ()):
            if waiter.takes(kind):
                waiter.wake(Hint.WORK, kind)
                return

    def kept(self, engine: str, kinds: Collection[str], *, canary: bool) -> frozenset[str]:
        side = [waiter for waiter in self._waiters.get(engine, ()) if waiter.canary is canary]
        return frozenset(kind for kind in kinds if any(waiter.wants(kind) for waiter in side))

    def pass_on(self, engine: str, kind: str, *, canary: bool) -> None:
        side = [waiter for waiter in self._waiters.get(engine, ()) if waiter.canary is canary and waiter.wants(kind)]
        chosen = next((waiter for waiter in side if not waiter.hint.done()), side[0] if side else None)
        if chosen is None:
            self.work(engine, kind)
        else:
            chosen.wake(Hint.WORK, kind)  # woken already, it still has to look: the job is owed, should it leave before

    def news(self, engine: str | None) -> None:
        for name in [engine] if engine is not None else list(self._waiters):
            for waiter in self._waiters.get(name, ()):
                waiter.wake(Hint.NEWS)

    def close(self) -> None:
        """Send everyone home, now and from now on."""
        self._closed = True
        for of_engine in self._waiters.values():
            for waiter in of_engine:
                waiter.wake(Hint.CLOSED)
