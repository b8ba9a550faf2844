"""The jobs that run now: starting them, stopping them, handing their reports on."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor

from contract.engine_link import FinishReport, Lease
from engine.rules.kinds import Kind
from engine.rules.leases import LeaseBook
from engine.rules.meter import Meter
from engine.runtime.job import RunningJob, Stop
from engine.runtime.lanes import Lanes
from engine.runtime.output import Output
from engine.runtime.reporter import Reporter
from engine.runtime.timeline import Timeline, Tracing
from engine.runtime.whitelist import Whitelist
from kit import trace_context
from kit.clock import Clock
from kit.logs import Log, bound
from kit.tasks import Crew

log = Log("engine.slots")

OutputMaker = Callable[[Lease, Callable[[], bool]], Output]


class Slots:
    """N slots. `changed` is set whenever one falls free or their number changes."""

    def __init__(
        self,
        count: int,
        kinds: Mapping[str, Kind],
        book: LeaseBook,
        reporter: Reporter,
        lanes: Lanes,
        clock: Clock,
        make_output: OutputMaker,
        tasks: Crew,
        ride: Callable[[], bool],
        whitelist: Whitelist,
        meter: Meter,
        most: int,
        tracing: Tracing,
        changed: asyncio.Event | None = None,
    ) -> None:
        """`most` is the highest number there will ever be; `changed` may be set by others too, whose news a claim announces."""
        self.count = count
        self.whitelist = whitelist
        self.changed = changed or asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()
        self._kinds = kinds
        self._book = book
        self._reporter = reporter
        self._lanes = lanes
        self._clock = clock
        self._make_output = make_output
        self._tasks = tasks
        self._ride = ride
        self._meter = meter
        self._most = most
        self._tracing = tracing
        self._running: dict[str, RunningJob] = {}
        self._threads: ThreadPoolExecutor | None = None

    @property
    def busy(self) -> int:
        """Slots taken."""
        return len(self._running)

    @property
    def free(self) -> int:
        """Slots open; none while more jobs run than there are slots, because their number was lowered."""
        return max(0, self.count - len(self._running))

    @property
    def kinds(self) -> list[str]:
        """What is announced."""
        return sorted(self._kinds)

    def resize(self, count: int) -> None:
        """Have so many slots from now on. No running job is stopped: a slot above the number is not filled again."""
        self.count = count
        self._meter.resized(count, self._clock.now().steady)
        self.changed.set()

    def start(self, lease: Lease) -> None:
        """Run a leased job."""
        began = self._clock.now().steady
        self._meter.took(lease.start_delay_ms, began)
        output = self._make_output(lease, lambda: self._book.may_act(lease.job, lease.token, self._clock.now().steady))
        job = RunningJob(lease, self._kinds, output, self._lanes, self._thread_pool, self.whitelist.allows, Timeline(lease, self._tracing))
        self._running[lease.token] = job
        self.idle.clear()
        self._tasks.start(self._run(job, output, began), f"slot-{lease.job}")

    def stop(self, jobs: Iterable[str], why: Stop) -> None:
        """Stop jobs by id; unknown ones are ignored. One that is let go counts as held no longer, at once."""
        wanted = frozenset(jobs)
        for running in list(self._running.values()):
            if running.lease.job in wanted:
                log.info("engine.job_stopped", job_id=running.lease.job, why=why.value)
                if why is Stop.LET_GO:
                    self._book.forget(running.lease.job, running.lease.token)
                running.stop(why)

    def stop_all(self, why: Stop) -> int:
        """Stop everything; how many jobs that were."""
        jobs = [running.lease.job for running in self._running.values()]
        self.stop(jobs, why)
        return len(jobs)

    async def close(self) -> None:
        """Let go of threads and processes."""
        await self._lanes.close()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, job: RunningJob, output: Output, began: int) -> None:
        trace = trace_context.parse(job.lease.traceparent)
        with bound(job_id=job.lease.job, trace_id=None if trace is None else trace.trace_id):
            await self._run_here(job, output, began)

    async def _run_here(self, job: RunningJob, output: Output, began: int) -> None:
        lease = job.lease
        sender = asyncio.create_task(output.run(), name=f"output-{lease.job}")
        try:
            report = await job.report()
            job.timeline.ended(report)
            if report is None:
                self._book.forget(lease.job, lease.token)
            else:
                await self._reporter.keep(report)
                self._bring(report)
            await job.ended()
        finally:
            sender.cancel()
            del self._running[lease.token]
            self._meter.freed(began, self._clock.now().steady)
            if not self._running:
                self.idle.set()
            self.changed.set()

    def _bring(self, report: FinishReport) -> None:
        if self._ride():
            self._reporter.ride(report)
        else:
            self._tasks.start(self._reporter.send(report), f"report-{report.job}")

    def _thread_pool(self) -> Executor:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._most, thread_name_prefix="job")
        return self._threads
