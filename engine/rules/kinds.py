"""What an engine can do: kinds, how each is run, and what a handler may know and say."""

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from contract.kinds import Usage
from contract.words import LogLevel

Value = str | int | float | bool


class Call(Protocol):
    """One call to somebody else, while it is made."""

    traceparent: str
    """What they are told to continue."""

    def tell(self, attributes: Mapping[str, Value]) -> None:
        """Add what is known by now."""


class Job(Protocol):
    """The attempt a handler works on."""

    job: str
    attempt: int
    user: str
    traceparent: str
    cancelled: threading.Event
    """Set when the job should stop; handlers in threads look at it."""
    granted: frozenset[str]
    """The kinds that its user may use on this engine, by the gateway's word at the lease."""

    async def write(self, text: str) -> None:
        """Stream output to the user; waits while too much is unsent."""

    def write_sync(self, text: str) -> None:
        """`write`, from a thread."""

    def log(self, message: str, level: LogLevel = LogLevel.INFO) -> None:
        """Log a line to the user; from any thread."""

    def call(self, name: str, attributes: Mapping[str, Value]) -> AbstractContextManager[Call]:
        """Around a call to a provider or a tool: a phase of the job's timeline, and a span where the trace is recorded; from any thread.

        `name` and `attributes` go to the owner's collector: nothing of a person's words, no address below the host.
        """

    def progress(self, share: float) -> None:
        """Say how far it is, 0..1; from any thread."""

    def used(self, usage: Usage) -> None:
        """Add what was taken of a provider; it is reported however the attempt ends. In the engine's loop."""


class Runs(Enum):
    """Where a handler runs."""

    ASYNC = "async"
    """`async def handler(job, payload)` in the engine's loop."""
    THREAD = "thread"
    """`def handler(job, payload)` in a thread."""
    PROCESS = "process"
    """`def handler(payload)` in a process of its own, for work that computes; module-level and picklable."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job."""

    name: str
    handler: Callable[..., Any]
    runs: Runs = Runs.ASYNC
    title: str = ""
    """For people."""
    payload: dict[str, Any] | None = None
    """JSON Schema (2020-12) of its payload; None for the kinds that everybody knows (`contract.kinds.KINDS`)."""
