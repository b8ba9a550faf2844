"""Who may take what while canary instances and others wait for the same jobs (`rules/canary.py`)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

from gateway.operations.wake import Waiter, WakeBus
from gateway.rules.canary import Ledger, phase_of
from gateway.store.seam import Claim


@dataclass(slots=True)
class Turn:
    """What one look at the queue may ask for; its owner tells what it got."""

    claim: Claim
    leases: int = 0
    kinds: Sequence[str] = ()

    def granted(self, leases: int, kinds: Sequence[str]) -> None:
        """It got so many leases; `kinds` are those of the ones it did not have before."""
        self.leases, self.kinds = leases, kinds


@dataclass(slots=True)
class Shares:
    """Shares the jobs of each engine.

    A claim of one side that looks on the other's turn leaves out the kinds that a waiting claim of the other side takes, and
    wakes that one. On its own turn it takes as many as are its in a row, then wakes the other side. So no job waits while a
    claim waits that may take it, and looks of an engine go one after the other only while both sides wait.
    """

    wake: WakeBus
    percent: Callable[[str], int]
    """Of an engine's counted grants, for canaries."""
    uniform: Callable[[], float]
    _ledgers: dict[str, Ledger] = field(default_factory=dict)
    _looking: dict[str, asyncio.Lock] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def turn(self, engine: str, waiter: Waiter, claim: Claim) -> AsyncIterator[Turn]:
        """What this claim may ask for now, for the length of one look."""
        if not self._shared(engine, waiter, claim):
            yield Turn(claim)
            return
        async with self._looking.setdefault(engine, asyncio.Lock()):
            shared = self._shared(engine, waiter, claim)
            run = self.ledger(engine).run(waiter.canary, claim.max)
            if not shared:
                yield Turn(claim)
            elif not run:
                # Before the look: the other side is there now, and whoever is woken and leaves passes it on.
                self._pass_on(engine, waiter, shared)
                yield Turn(replace(claim, kinds=tuple(kind for kind in claim.kinds if kind not in shared)))
            else:
                turn = Turn(replace(claim, max=run))
                yield turn
                self._ledgers[engine] = self.ledger(engine).granted(sum(kind in shared for kind in turn.kinds))
                if turn.leases >= run:
                    self._pass_on(engine, waiter, frozenset(claim.kinds))

    def ledger(self, engine: str) -> Ledger:
        """What was counted for an engine."""
        percent = self.percent(engine)
        known = self._ledgers.get(engine)
        if known is None or known.percent != percent:
            known = self._ledgers[engine] = Ledger(percent, phase_of(self.uniform()))
        return known

    def begin(self, engine: str) -> None:
        """Count anew."""
        self._ledgers.pop(engine, None)

    def _shared(self, engine: str, waiter: Waiter, claim: Claim) -> frozenset[str]:
        return self.wake.kept(engine, claim.kinds, canary=not waiter.canary) if claim.max else frozenset()

    def _pass_on(self, engine: str, waiter: Waiter, kinds: frozenset[str]) -> None:
        for kind in sorted(kinds):
            self.wake.pass_on(engine, kind, canary=not waiter.canary)
