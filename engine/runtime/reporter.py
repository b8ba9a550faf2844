"""Brings finish reports to the gateway: spooled first, then sent until the gateway has spoken.

A report travels by its own request, or rides on the next claim when one is about to be sent anyway.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence

from contract import limits
from contract.engine_link import Finished, FinishReport
from contract.errors import EngineTokenInvalid, FloworkError
from engine.rules.leases import LeaseBook
from engine.runtime.seam import TRY_AGAIN, Link
from engine.store.spool import Spool
from kit.backoff import Backoff
from kit.logs import Log

log = Log("engine.reporter")
UNAUTHORISED_WAIT_S = 30.0
RIDING_BYTES_MAX = 6 * limits.MIB
"""With the rest of the claim below the gateway's limit; one report rides always."""


class Reporter:
    """Every report of this process."""

    def __init__(self, link: Link, spool: Spool, book: LeaseBook, backoff: Backoff, uniform: Callable[[], float]) -> None:
        self._link = link
        self._spool = spool
        self._book = book
        self._backoff = backoff
        self._uniform = uniform
        self._riding: dict[str, FinishReport] = {}
        self._unsettled: set[str] = set()
        """Tokens of reports that the gateway has not spoken on."""
        self._settled = asyncio.Event()
        self._settled.set()

    async def keep(self, report: FinishReport) -> None:
        """Spool a report; from here on it survives this process."""
        self._opened(report)
        await self._spool.put(report)
        self._book.ended(report.job, report.token)

    def ride(self, report: FinishReport) -> None:
        """Let the next claim take a kept report along."""
        self._riding[report.token] = report

    async def send(self, report: FinishReport) -> None:
        """Bring a kept report to the gateway by itself; returns when the gateway has spoken."""
        failures = 0
        while True:
            try:
                await self._link.finish(report)
            except FloworkError as error:
                if error.status < 500 and error.status not in TRY_AGAIN:
                    self._close(report, error.code)
                    return
                failures += 1
                await asyncio.sleep(self._wait_s(error, failures))
            else:
                self._close(report, None)
                return

    async def send_left_over(self) -> None:
        """Send what a former process of this engine spooled, before anything is claimed."""
        for report in self._spool.all():
            self._opened(report)
            await self.send(report)

    def riding(self, most: int) -> list[FinishReport]:
        """Reports for the next claim, as many as it carries."""
        reports = list(self._riding.values())[:most]
        sizes = itertools.accumulate(len(report.model_dump_json()) for report in reports)
        return reports[: max(1, sum(1 for size in sizes if size <= RIDING_BYTES_MAX))]

    def landed(self, sent: Sequence[FinishReport], results: Sequence[Finished]) -> None:
        """The claim they rode on was answered."""
        for report, result in zip(sent, results, strict=False):
            self._riding.pop(report.token, None)
            self._close(report, result.code)

    async def all_settled(self, seconds: float) -> bool:
        """Wait until the gateway has spoken on every report; False when the time is over first (the spool keeps them)."""
        try:
            async with asyncio.timeout(seconds):
                await self._settled.wait()
        except TimeoutError:
            return False
        return True

    async def send_riding(self) -> None:
        """Send what waited for a claim by itself: none will be sent any more, or the gateway refused the one it rode on."""
        for report in list(self._riding.values()):
            self._riding.pop(report.token, None)
            await self.send(report)

    def _wait_s(self, error: FloworkError, failures: int) -> float:
        if isinstance(error, EngineTokenInvalid):
            return UNAUTHORISED_WAIT_S
        return max(float(error.retry_after_s or 0), self._backoff.wait_s(failures, self._uniform))

    def _opened(self, report: FinishReport) -> None:
        self._unsettled.add(report.token)
        self._settled.clear()

    def _close(self, report: FinishReport, code: str | None) -> None:
        if report.token not in self._unsettled:
            return  # answered before, on another way
        if code is not None:
            log.warning("engine.report_refused", job_id=report.job, outcome=report.outcome, code=code)
        self._spool.settled(report)
        self._book.forget(report.job, report.token)
        self._unsettled.discard(report.token)
        if not self._unsettled:
            self._settled.set()
