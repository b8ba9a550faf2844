"""Asks the models of a chain, one after another and each as often as its rules allow, until one answers."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar
from urllib.parse import urlsplit

from contract.kinds import ProviderCall, Usage
from engine.providers.seam import Provider
from engine.providers.stations import Station
from engine.rules.kinds import Job, Value
from engine.rules.models import Target
from engine.rules.provider_failures import CIRCUIT_OPEN, ProviderFailed, failed
from kit.clock import MILLISECOND, SECOND, Clock
from kit.logs import Log

log = Log("engine.providers")
CANCELLED: Final = "job.cancelled"
T_co = TypeVar("T_co", covariant=True)


@dataclass(slots=True)
class Tally:
    """Of one call, filled in while it is made; it is reported however the call ends."""

    input_tokens: int = 0
    output_tokens: int = 0
    first_at: int | None = None
    """Steady microseconds of the first piece of the answer."""


@dataclass(frozen=True, slots=True)
class Line:
    """One call that is being made."""

    provider: Provider
    station: Station
    target: Target
    traceparent: str
    tally: Tally


class Act(Protocol[T_co]):
    """What is asked. It may be called again, so long as it has shown nothing (`ProviderFailed.begun`)."""

    def __call__(self, line: Line) -> Awaitable[T_co]: ...


class Caller:
    """Shared by all jobs of an engine."""

    def __init__(self, stations: Mapping[str, Station], clock: Clock, uniform: Callable[[], float]) -> None:
        self._stations = stations
        self._clock = clock
        self._uniform = uniform

    def now(self) -> int:
        """Steady microseconds."""
        return self._clock.now().steady

    async def ask(self, job: Job, operation: str, chain: Sequence[Target], act: Act[T_co]) -> tuple[Target, T_co]:
        """The first answer, and whose it is. What each call took is told to the job.

        Raises:
            ProviderFailed: of the models that were asked, the first failure that another attempt may mend, or else the last.
        """
        failures: list[ProviderFailed] = []
        for target in chain:
            try:
                return target, await self._tried(job, operation, target, act)
            except ProviderFailed as error:
                if error.begun or not error.verdict.falls_back:
                    raise
                failures.append(error)
                log.info("provider.passed_over", job_id=job.job, model=str(target), code=error.code)
        raise next((error for error in failures if error.retryable), failures[-1])

    async def _tried(self, job: Job, operation: str, target: Target, act: Act[T_co]) -> T_co:
        station = self._stations[target.provider]
        station.budget.asked(self.now())
        for made in itertools.count(1):
            try:
                return await self._once(job, operation, station, target, act)
            except ProviderFailed as error:
                wait_s = station.policy.wait_s(error, made, self._uniform)
                if wait_s is None or station.breaker(target.model).wait_us(self.now()) > 0 or not station.budget.take(self.now()):
                    raise
                log.info("provider.tried_again", job_id=job.job, model=str(target), code=error.code, wait_s=round(wait_s, 3))
            await asyncio.sleep(wait_s)
        raise AssertionError("count() has no end")

    async def _once(self, job: Job, operation: str, station: Station, target: Target, act: Act[T_co]) -> T_co:
        breaker = station.breaker(target.model)
        self._check(station, target)
        async with station.turn():
            ticket = breaker.admit(self.now())
            if ticket is None:
                raise self._open(station, target)
            tally, began, code = Tally(), self.now(), CANCELLED
            try:
                answer = await self._called(job, operation, station, target, act, tally)
            except ProviderFailed as error:
                code = error.code
                if error.verdict.ill:
                    breaker.failed(ticket, self.now())
                else:
                    breaker.succeeded()
                raise
            except BaseException:
                breaker.left(ticket)
                raise
            else:
                code = ""
                breaker.succeeded()
                return answer
            finally:
                job.used(self._usage(station, target, tally, began, code or None))

    async def _called(self, job: Job, operation: str, station: Station, target: Target, act: Act[T_co], tally: Tally) -> T_co:
        provider = await station.provider()
        with job.call(f"{operation} {target.model}", _attributes(operation, station, target)) as call:
            answer = await act(Line(provider, station, target, call.traceparent, tally))
            call.tell({"gen_ai.usage.input_tokens": tally.input_tokens, "gen_ai.usage.output_tokens": tally.output_tokens})
            return answer

    def _check(self, station: Station, target: Target) -> None:
        """An open breaker answers at once, rather than after its turn."""
        if station.breaker(target.model).wait_us(self.now()) > 0:
            raise self._open(station, target)

    def _open(self, station: Station, target: Target) -> ProviderFailed:
        wait_us = station.breaker(target.model).wait_us(self.now())
        return failed(str(target), CIRCUIT_OPEN, retry_after_s=wait_us / SECOND)

    def _usage(self, station: Station, target: Target, tally: Tally, began: int, code: str | None) -> Usage:
        call = ProviderCall(
            model=str(target),
            took_ms=max(0, self.now() - began) / MILLISECOND,
            first_token_ms=None if tally.first_at is None else max(0, tally.first_at - began) / MILLISECOND,
            code=code,
        )
        return station.used(target.model, tally.input_tokens, tally.output_tokens).model_copy(update={"calls": [call]})


def _attributes(operation: str, station: Station, target: Target) -> dict[str, Value]:
    """By OpenTelemetry's conventions for generative AI."""
    found: dict[str, Value] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": station.settings.api,
        "gen_ai.request.model": target.model,
    }
    if station.settings.base_url is not None:
        url = urlsplit(station.settings.base_url)
        found["server.address"] = url.hostname or ""
        if url.port is not None:
            found["server.port"] = url.port
    return found
