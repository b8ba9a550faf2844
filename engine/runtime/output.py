"""What a running job says: output, log lines and progress, in order, coalesced, by offset."""

import asyncio
import itertools
from collections.abc import Callable

from contract import limits
from contract.engine_link import Append, AppendRequest, Lease, LogChunk, LogLine, OutputChunk
from contract.errors import FloworkError
from contract.words import AppendStatus, LogLevel
from engine.runtime.appends import Appender
from engine.runtime.seam import TRY_AGAIN
from kit.backoff import Backoff
from kit.logs import Log
from kit.text import encodable

log = Log("engine.output")

SENDS_PER_S = 20
UNSENT_MAX = limits.MIB
CHUNK_MAX = 256 * limits.KIB
LOG_LINES_MAX = 200
LOG_BYTES_MAX = limits.MIB
"""As JSON; with the largest chunk of output beside it a request stays below the gateway's limit."""


class Output:
    """Sends what one attempt says. The first word goes at once, later ones at most 20 times a second.

    Args:
        may_act: False once the lease must be let go: nothing is sent then.
    """

    def __init__(
        self, link: Appender, instance: str, lease: Lease, may_act: Callable[[], bool], backoff: Backoff, uniform: Callable[[], float]
    ) -> None:
        self._link = link
        self._instance = instance
        self._lease = lease
        self._may_act = may_act
        self._backoff = backoff
        self._uniform = uniform
        self._text = ""
        self._text_from = 0
        self._lines: list[LogLine] = []
        self._lines_from = 0
        self._progress: float | None = None
        self._said = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._over = False

    async def write(self, text: str) -> None:
        """Add output; waits while more than 1 MiB is unsent."""
        if text:
            await self._room.wait()
            self._text += encodable(text)
            self._speak()

    def log(self, level: LogLevel, message: str) -> None:
        """Add a log line; cut at 8,192 characters."""
        self._lines.append(LogLine(level=level, message=encodable(message[:8192])))
        self._speak()

    def progress(self, share: float) -> None:
        """Say how far it is, 0..1; only the latest is sent."""
        self._progress = min(1.0, max(0.0, share))
        self._speak()

    async def flush(self) -> None:
        """Wait until everything said so far was taken, or can no longer be."""
        await self._idle.wait()

    async def run(self) -> None:
        """Send until cancelled."""
        failures = 0
        while not self._over:
            await self._said.wait()
            try:
                await self._send()
                failures = 0
            except FloworkError as error:
                if error.status < 500 and error.status not in TRY_AGAIN:
                    log.warning("engine.output_refused", job_id=self._lease.job, code=error.code)
                    self._end()
                    return
                failures += 1
                wait_s = max(float(error.retry_after_s or 0), self._backoff.wait_s(failures, self._uniform))
                await asyncio.sleep(wait_s)
                continue
            await asyncio.sleep(1 / SENDS_PER_S)

    def _speak(self) -> None:
        if self._over:
            return
        self._idle.clear()
        self._said.set()
        if len(self._text) > UNSENT_MAX:
            self._room.clear()

    async def _send(self) -> None:
        if not self._may_act():
            self._end()
            return
        text, lines, progress = self._text[:CHUNK_MAX], self._next_lines(), self._progress
        item = Append(
            job=self._lease.job,
            token=self._lease.token,
            output=OutputChunk(offset=self._text_from, text=text) if text else None,
            log=LogChunk(offset=self._lines_from, lines=lines) if lines else None,
            progress=progress,
        )
        answer = await self._link.append(AppendRequest(instance=self._instance, items=[item]))
        (result,) = answer.results
        if result.status is AppendStatus.LOST:
            self._end()
            return
        self._taken(result.output_offset, result.log_offset)
        if result.status is AppendStatus.OK and self._progress == progress:
            self._progress = None
        if not (self._text or self._lines or self._progress is not None):
            self._said.clear()
            self._idle.set()
        if len(self._text) <= UNSENT_MAX:
            self._room.set()

    def _next_lines(self) -> list[LogLine]:
        """As many lines as one request may carry."""
        sizes = itertools.accumulate(len(line.model_dump_json()) for line in self._lines[:LOG_LINES_MAX])
        return self._lines[: sum(1 for size in sizes if size <= LOG_BYTES_MAX)]

    def _taken(self, output_offset: int, log_offset: int) -> None:
        """Drop what the gateway has. An answer that was lost shows as an offset that is already further on."""
        taken = output_offset - self._text_from
        if taken > 0:
            self._text = self._text.encode()[taken:].decode(errors="ignore")
            self._text_from = output_offset
        taken = log_offset - self._lines_from
        if taken > 0:
            del self._lines[:taken]
            self._lines_from = log_offset

    def _end(self) -> None:
        self._over = True
        self._text, self._lines, self._progress = "", [], None
        self._said.clear()
        self._room.set()
        self._idle.set()
