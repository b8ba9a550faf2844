"""The claim loop: exactly one claim is outstanding at any time, so that work, cancels and directives all arrive."""

import asyncio
from collections.abc import Callable

from contract import limits
from contract.engine_link import Announce, ClaimAnswer, ClaimRequest
from contract.errors import EngineTokenInvalid, FloworkError
from contract.version import VERSION
from contract.words import Directive
from engine.rules.leases import LeaseBook
from engine.runtime.job import Stop
from engine.runtime.offering import Offering
from engine.runtime.reporter import UNAUTHORISED_WAIT_S, Reporter
from engine.runtime.seam import TRY_AGAIN, Link
from engine.runtime.slots import Slots
from kit.backoff import Backoff
from kit.clock import Clock
from kit.logs import Log

log = Log("engine.claim")


class Claimer:
    """Asks for as many jobs as slots are free.

    While all slots are busy it asks for none, but still asks. Such a claim is broken off as soon as a slot falls free,
    and the next one takes the finished job's report along. An attempt keeps its id until an answer came: whatever the
    gateway granted to a broken-off attempt is granted again, the same leases with the same tokens.
    """

    def __init__(
        self,
        link: Link,
        instance: str,
        book: LeaseBook,
        reporter: Reporter,
        clock: Clock,
        backoff: Backoff,
        uniform: Callable[[], float],
        new_id: Callable[[], str],
        wait_ms: int,
        version: str = VERSION,
        canary: bool = False,
        offering: Offering | None = None,
    ) -> None:
        self._link = link
        self._instance = instance
        self._book = book
        self._reporter = reporter
        self._clock = clock
        self._backoff = backoff
        self._uniform = uniform
        self._new_id = new_id
        self._wait_ms = wait_ms
        self._version = version
        self._canary = canary
        self._offering = offering
        self._accepting = True
        self._saturated = False
        self.connected = asyncio.Event()
        """Set once the gateway has answered a claim."""
        self.stopped = asyncio.Event()
        """Set when the gateway told this instance to stop."""
        self.settled = asyncio.Event()
        """Set while no claim is outstanding that could still bring jobs, once it was told to accept none."""

    @property
    def saturated(self) -> bool:
        """True while the outstanding claim asks for nothing, so that a report may ride on the next one."""
        return self._saturated

    @property
    def accepting(self) -> bool:
        """False while it takes no jobs."""
        return self._accepting

    def accept(self, accepting: bool, slots: Slots) -> None:
        """Begin or cease to take jobs."""
        if self._accepting != accepting:
            self._accepting = accepting
            self.settled.clear()
            slots.changed.set()

    async def run(self, slots: Slots) -> None:
        """Claim for ever."""
        failures = 0
        attempt = self._new_id()
        draining = False
        while True:
            slots.changed.clear()
            request = self._request(attempt, 0 if draining or not self._accepting else slots.free, slots)
            sent_at = self._clock.now().steady
            try:
                answer = await self._ask(request, slots, draining)
            except FloworkError as error:
                failures += 1
                if request.finished and error.status < 500 and error.status not in TRY_AGAIN:
                    await self._reporter.send_riding()  # one of them may be what it does not like
                else:
                    await self._wait(error, failures)
                continue
            if answer is None:
                continue
            failures = 0
            attempt = self._new_id()
            draining = answer.directive in {Directive.DRAIN, Directive.STOP}
            self._apply(request, answer, sent_at, slots)
            if request.max == 0 and not self._accepting:
                self.settled.set()

    async def _ask(self, request: ClaimRequest, slots: Slots, draining: bool) -> ClaimAnswer | None:
        """Send one claim; None when it was broken off because it asks for the wrong number, or announces what is no longer so."""
        call = asyncio.create_task(self._link.claim(request), name="claim")
        try:
            while True:
                self._saturated = request.max == 0 and self._accepting and not draining
                changed = asyncio.create_task(slots.changed.wait(), name="slots-changed")
                await asyncio.wait({call, changed}, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                if call.done():
                    return call.result()
                slots.changed.clear()
                wants = slots.free if self._accepting and not draining else 0
                if (wants == 0) != (request.max == 0) or self._announces_otherwise(request, slots) or self._waits_for_a_ride(request):
                    return None
        finally:
            self._saturated = False
            call.cancel()
            await asyncio.wait({call})

    def _announces_otherwise(self, request: ClaimRequest, slots: Slots) -> bool:
        return (slots.count, self._offer()) != (request.announce.slots, request.announce.offer)

    def _offer(self) -> str | None:
        return None if self._offering is None else self._offering.version

    def _waits_for_a_ride(self, request: ClaimRequest) -> bool:
        """Did a job end whose slot is not filled again, because there are fewer than there were?"""
        return len(self._reporter.riding(limits.CLAIM_MAX_JOBS)) > len(request.finished)

    def _request(self, attempt: str, most: int, slots: Slots) -> ClaimRequest:
        return ClaimRequest(
            instance=self._instance,
            attempt_id=attempt,
            announce=Announce(
                version=self._version,
                canary=self._canary,
                slots=slots.count,
                kinds=slots.kinds,
                whitelist_version=slots.whitelist.version,
                offer=self._offer(),
            ),
            max=min(most, limits.CLAIM_MAX_JOBS),
            # The first one only tells that there is a gateway which takes it, and the first of a drain what an earlier one brought:
            # nobody should wait half a minute for that word.
            wait_ms=self._wait_ms if self.connected.is_set() and (self._accepting or self.settled.is_set()) else 0,
            finished=self._reporter.riding(limits.CLAIM_MAX_JOBS),
            running=self._book.held(),
        )

    def _apply(self, request: ClaimRequest, answer: ClaimAnswer, sent_at: int, slots: Slots) -> None:
        self.connected.set()
        slots.whitelist.told(answer.whitelist_version)
        if answer.offer_wanted and self._offering is not None:
            self._offering.wanted()
        self._reporter.landed(request.finished, answer.finished)
        slots.stop(answer.lost, Stop.LET_GO)
        slots.stop(answer.cancel, Stop.CANCEL)
        for lease in answer.leases:
            if self._book.granted(lease, sent_at):
                slots.start(lease)
        if answer.directive is Directive.STOP:
            self.stopped.set()

    async def _wait(self, error: FloworkError, failures: int) -> None:
        wait_s = max(float(error.retry_after_s or 0), self._backoff.wait_s(failures, self._uniform))
        if isinstance(error, EngineTokenInvalid) or error.status in {401, 403}:
            wait_s = UNAUTHORISED_WAIT_S
        log.warning("engine.claim_failed", code=error.code, detail=error.detail, wait_s=round(wait_s, 2))
        await asyncio.sleep(wait_s)
