"""What follows a commit: events go out, waiting claims wake, the reaper hears of deadlines, start delays are measured.

Everything is read off the committed events, so that no act can change a job and forget to tell.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any

from contract.admin import Percentiles
from contract.kinds import Usage
from contract.words import EventName, JobState
from gateway.operations.attempts import Attempts
from gateway.operations.fanout import EventFanout
from gateway.operations.offers import OTHER
from gateway.operations.wake import WakeBus
from gateway.rules import pace
from gateway.store.seam import Committed
from gateway.telemetry.signals import Listener
from gateway.telemetry.spans import JobSpans
from kit.clock import SECOND, Clock
from kit.percentiles import RollingSamples, percentile

WINDOW_US = 15 * 60 * SECOND
SAMPLES_MAX = 50_000
PACE_AGE_US = SECOND // 10


class StartDelays:
    """From the commit that made a job claimable to the commit of its first lease, per engine (protocol §9)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[tuple[str, str], dict[str, int]] = {}
        """(engine, kind) -> job -> since when; the oldest first, because commits come in order."""
        self._arrivals: Counter[tuple[str, str]] = Counter()
        self._samples: dict[str, RollingSamples] = {}
        self._rates: dict[str, tuple[int, float | None]] = {}
        self._starts: dict[str, deque[tuple[int, int]]] = {}
        self._paces: dict[str, tuple[int, float | None]] = {}

    def ready(self, engine: str, kind: str, job: str, at: int) -> None:
        """A job became claimable for the first time."""
        self._waiting.setdefault((engine, kind), {})[job] = at
        self._arrivals[engine, kind] += 1

    def leased(self, engine: str, kind: str, job: str, at: int) -> float | None:
        """A job was leased; its start delay in milliseconds, where this is the first time since it became claimable here."""
        ready = self._waiting.get((engine, kind), {}).pop(job, None)
        if ready is not None:
            samples = self._samples.setdefault(engine, RollingSamples(WINDOW_US, SAMPLES_MAX))
            samples.add(at, max(0, at - ready) / 1000)
            self._starts.setdefault(engine, deque(maxlen=pace.STARTS_MAX)).append((at, ready))
            return max(0, at - ready) / 1000
        return None

    def gone(self, engine: str, kind: str, job: str) -> None:
        """A job left the queue without a lease."""
        self._waiting.get((engine, kind), {}).pop(job, None)

    def oldest_waiting_ms(self, engine: str, kinds: Iterable[str] | None = None) -> float | None:
        """How long the oldest job of these kinds (of all, when none are named) waits for its first lease; None when none waits."""
        if kinds is None:
            kinds = [kind for of, kind in self._waiting if of == engine]
        firsts = (next(iter(self._waiting.get((engine, kind), {}).values()), None) for kind in kinds)
        oldest = min((first for first in firsts if first is not None), default=None)
        return None if oldest is None else max(0, self._clock.now().steady - oldest) / 1000

    def arrivals(self, engine: str, kinds: Iterable[str]) -> int:
        """How many jobs of these kinds became claimable for the first time, since the start."""
        return sum(self._arrivals[engine, kind] for kind in kinds)

    def of(self, engine: str) -> Percentiles:
        """The last 15 minutes, in milliseconds."""
        samples = self._samples.get(engine)
        values = samples.values(self._clock.now().steady) if samples else []
        if not values:
            return Percentiles(count=0, p50=None, p95=None, p99=None)
        return Percentiles(count=len(values), p50=percentile(values, 0.5), p95=percentile(values, 0.95), p99=percentile(values, 0.99))

    def per_second(self, engine: str) -> float | None:
        """Jobs leased each second over the last minute, at most a second old; None before there were any."""
        now = self._clock.now().steady
        counted_at, rate = self._rates.get(engine, (now - SECOND, None))
        if now - counted_at >= SECOND:
            samples = self._samples.get(engine)
            rate = samples.rate_per_s(now, 60 * SECOND) if samples else None
            self._rates[engine] = (now, rate)
        return rate

    def pace_per_s(self, engine: str) -> float | None:
        """Jobs begun each second while others waited, at most `PACE_AGE_US` old; see `rules.pace`."""
        now = self._clock.now().steady
        known = self._paces.get(engine)
        if known is None or now - known[0] >= PACE_AGE_US:
            known = self._paces[engine] = now, pace.per_second(self._starts.get(engine, ()), now)
        return known[1]


class Pulse:
    """Hears every commit."""

    def __init__(
        self,
        fanout: EventFanout,
        wake: WakeBus,
        delays: StartDelays,
        attempts: Attempts,
        falls_due: Callable[[str, int], None],
        listener: Listener,
        spans: JobSpans,
        provider: Callable[[str, str], str] = lambda _engine, _model: OTHER,
    ) -> None:
        """`provider` is that of an engine's model, as a word of a bounded list."""
        self._provider = provider
        self._fanout = fanout
        self._wake = wake
        self._delays = delays
        self._attempts = attempts
        self._falls_due = falls_due
        self._listener = listener
        self._spans = spans
        self._since: dict[str, int] = {}
        """Jobs that have not ended -> when they became claimable."""

    def committed(self, engine: str, commit: Committed) -> None:
        """React to one commit of an engine's queue; called in the event loop."""
        if commit.calls:
            self._listener.committed(engine, commit.calls, commit.waited_us / SECOND, commit.took_us / SECOND)
        for event in commit.events:
            if event.name is EventName.JOB_UPDATED:
                self._job(engine, event.data, commit.at)
            self._fanout.publish(engine, event)
            if event.name is EventName.JOB_UPDATED:
                self._spans.changed(event.data, commit.at)
        for usage in commit.usages:
            self._used(engine, usage)
        if commit.due_in_us is not None:
            self._falls_due(engine, commit.due_in_us)

    def _job(self, engine: str, job: dict[str, Any], at: int) -> None:
        state = job.get("state")
        if state is not None:
            self._attempts.changed(engine, job, at)
        if state == JobState.QUEUED and job["run_at"] is None:
            if job["started_at"] is None:  # never leased: one that comes back was measured already
                self._delays.ready(engine, job["kind"], job["id"], at)
                self._since[job["id"]] = at
            self._wake.work(engine, job["kind"])
        elif state == JobState.RUNNING:
            delay_ms = self._delays.leased(engine, job["kind"], job["id"], at)
            if delay_ms is not None:
                self._listener.leased(engine, delay_ms)
            if job["cancel_requested"]:
                self._wake.news(engine)
        elif state is not None:  # one that is deleted had left before
            self._delays.gone(engine, job["kind"], job["id"])
            if JobState(state).final:
                self._ended(engine, job, at)

    def _ended(self, engine: str, job: dict[str, Any], at: int) -> None:
        since = self._since.pop(job["id"], None)
        code = None if job["error"] is None else job["error"]["code"]
        self._listener.ended(engine, JobState(job["state"]), code, None if since is None else max(0, at - since) / 1000)

    def _used(self, engine: str, usage: Usage) -> None:
        """Tokens are counted to the provider of the last call: of a chain, that is the one that answered."""
        provider = OTHER
        for call in usage.calls:
            provider = self._provider(engine, call.model)
            first_s = None if call.first_token_ms is None else call.first_token_ms / 1000
            self._listener.provider_called(engine, provider, call.took_ms / 1000, first_s, call.code)
        cost = (usage.cost_micros or 0) / 1e6
        self._listener.provider_used(engine, provider, usage.input_tokens, usage.output_tokens, cost)
