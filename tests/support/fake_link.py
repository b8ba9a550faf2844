"""The gateway as an engine sees it, in memory: `engine.runtime.seam.Link` with scripted answers."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from inspect import isawaitable
from typing import Any, Generic, TypeVar

from contract import limits
from contract.engine_link import (
    AppendAnswer,
    Appended,
    AppendRequest,
    ClaimAnswer,
    ClaimRequest,
    Extended,
    FinishAnswer,
    FinishReport,
    HeartbeatAnswer,
    HeartbeatRequest,
    Lease,
    TokenIssued,
    Whitelist,
)
from contract.offers import Offer
from contract.words import AppendStatus, Outcome

ENGINE = "abcd"
INSTANCE = "1" * 32
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

Q = TypeVar("Q")
A = TypeVar("A")


class Call(Generic[Q, A]):
    """One of the four calls: what was asked, and what is answered.

    An answer is a value, an exception to raise, a function of the request, or an awaitable (also one that a function
    gives), which holds the answer back until it is done. Without a scripted answer, `otherwise` is asked.
    """

    def __init__(self, otherwise: Callable[[Q], A | Awaitable[A]]) -> None:
        self.asked: list[Q] = []
        self.broken_off = 0
        self._otherwise = otherwise
        self._answers: deque[Any] = deque()
        self._waiting: list[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._lock = threading.Lock()

    def then(self, *answers: Any) -> None:
        """Script the next answers."""
        self._answers.extend(answers)

    async def arrived(self, count: int) -> Q:
        """Wait until `count` requests came, in all; the one of that number. Calls may come from another thread."""
        reached = asyncio.Event()
        with self._lock:
            if len(self.asked) >= count:
                return self.asked[count - 1]
            self._waiting.append((count, asyncio.get_running_loop(), reached))
        async with asyncio.timeout(10):
            await reached.wait()
        return self.asked[count - 1]

    async def __call__(self, request: Q) -> A:
        """Answer as scripted."""
        with self._lock:
            self.asked.append(request)
            for waiting in [waiting for waiting in self._waiting if waiting[0] <= len(self.asked)]:
                self._waiting.remove(waiting)
                waiting[1].call_soon_threadsafe(waiting[2].set)
        answer = self._answers.popleft() if self._answers else self._otherwise
        try:
            if callable(answer):
                answer = answer(request)
            if isawaitable(answer):
                answer = await answer
        except asyncio.CancelledError:
            self.broken_off += 1
            raise
        if isinstance(answer, BaseException):
            raise answer
        return answer


class FakeLink:
    """Left alone it has no work, renews every lease, takes everything said, and believes every report."""

    def __init__(self) -> None:
        self.said: dict[str, bytes] = {}
        """Output taken, by lease token."""
        self.lines: dict[str, list[str]] = {}
        """Log lines taken, by lease token."""
        self.history: list[str] = []
        """The names of the calls, in the order they came."""
        self.claims: Call[ClaimRequest, ClaimAnswer] = Call(_no_work)
        self.heartbeats: Call[HeartbeatRequest, HeartbeatAnswer] = Call(extend_all)
        self.appends: Call[AppendRequest, AppendAnswer] = Call(self.take)
        self.finishes: Call[FinishReport, FinishAnswer] = Call(lambda _: FinishAnswer())
        self.whitelists: Call[None, Whitelist] = Call(lambda _: Whitelist(version=1, users=["ann"]))
        self.renewals: Call[None, TokenIssued] = Call(lambda _: TokenIssued(token="new"))
        self.offers: Call[Offer, None] = Call(lambda _: None)
        self.proofs: Call[str, None] = Call(lambda _: None)

    async def claim(self, request: ClaimRequest) -> ClaimAnswer:
        """`Link.claim`."""
        self.history.append("claim")
        return await self.claims(request)

    async def heartbeat(self, request: HeartbeatRequest) -> HeartbeatAnswer:
        """`Link.heartbeat`."""
        self.history.append("heartbeat")
        return await self.heartbeats(request)

    async def append(self, request: AppendRequest) -> AppendAnswer:
        """`Link.append`."""
        self.history.append("append")
        return await self.appends(request)

    async def finish(self, report: FinishReport) -> FinishAnswer:
        """`Link.finish`."""
        self.history.append("finish")
        return await self.finishes(report)

    async def whitelist(self) -> Whitelist:
        """`Link.whitelist`."""
        self.history.append("whitelist")
        return await self.whitelists(None)

    async def offer(self, offer: Offer) -> None:
        """`Link.offer`."""
        self.history.append("offer")
        await self.offers(offer)

    async def renew_token(self) -> TokenIssued:
        """`Link.renew_token`."""
        self.history.append("renew_token")
        return await self.renewals(None)

    async def prove(self, token: str) -> None:
        """`Link.prove`."""
        self.history.append("prove")
        await self.proofs(token)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["FakeLink"]:
        """`LinkOpener`."""
        yield self

    def take(self, request: AppendRequest) -> AppendAnswer:
        """Take output and lines that begin where the last ones ended; else name the offsets."""
        (item,) = request.items
        said, lines = self.said.setdefault(item.token, b""), self.lines.setdefault(item.token, [])
        fits = (item.output is None or item.output.offset == len(said)) and (item.log is None or item.log.offset == len(lines))
        if fits:
            said += b"" if item.output is None else item.output.text.encode()
            lines += [] if item.log is None else [line.message for line in item.log.lines]
            self.said[item.token] = said
        status = AppendStatus.OK if fits else AppendStatus.OFFSET
        return appended(item.job, status, len(said), len(lines))


async def _no_work(request: ClaimRequest) -> ClaimAnswer:
    """A long poll that nothing ends; one that does not wait is answered."""
    return ClaimAnswer() if request.wait_ms == 0 else await asyncio.get_running_loop().create_future()


def extend_all(request: HeartbeatRequest) -> HeartbeatAnswer:
    """Renew every lease."""
    return HeartbeatAnswer(extended=[Extended(job=held.job, lease_ms=limits.LEASE_MS) for held in request.leases])


def appended(job: str, status: AppendStatus = AppendStatus.OK, output_offset: int = 0, log_offset: int = 0) -> AppendAnswer:
    """The answer for one item."""
    return AppendAnswer(results=[Appended(job=job, status=status, output_offset=output_offset, log_offset=log_offset)])


def job_id(number: int = 1) -> str:
    """A well-formed job id."""
    return f"{ENGINE}_01900000-0000-7000-8000-{number:012x}"


def lease(number: int = 1, kind: str = "work", payload: Any = None, *, grant: int = 1, **changes: Any) -> Lease:
    """The lease of job `number`; `grant` tells the attempts of one job apart."""
    values: dict[str, Any] = {
        "job": job_id(number),
        "token": f"{number:016x}{grant:016x}",
        "attempt": grant,
        "epoch": 1,
        "lease_ms": limits.LEASE_MS,
        "kind": kind,
        "payload": payload,
        "user": "ann",
        "timeout_s": 300.0,
        "traceparent": TRACE,
    }
    return Lease(**{**values, **changes})


def report(number: int = 1, outcome: Outcome = Outcome.SUCCEEDED, *, grant: int = 1, **changes: Any) -> FinishReport:
    """The report of that lease."""
    held = lease(number, grant=grant)
    return FinishReport(job=held.job, token=held.token, outcome=outcome, **changes)
