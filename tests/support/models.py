"""The models of an engine, asked by jobs that are not of any gateway."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from contract.kinds import ToolResult, Usage
from contract.offers import OfferedTool
from engine.providers.keys import SecretGetter, no_secrets
from engine.providers.registry import Models, open_models
from engine.rules.failures import JobFailed
from engine.rules.toolbox import Toolbox
from engine.rules.usage import added
from engine.runtime.timeline import Timeline, Tracing
from engine.settings import EngineSettings
from engine.settings.sources import ProviderSettings
from kit.clock import SystemClock
from tests.support.clock import ManualClock
from tests.support.fake_link import ENGINE, TRACE, lease


class FakeJob:
    """See `engine.rules.kinds.Job`; keeps what it is told."""

    def __init__(self, *granted: str) -> None:
        self.job, self.attempt, self.user, self.traceparent = lease().job, 1, "ann", TRACE
        self.cancelled = threading.Event()
        self.granted = frozenset(granted)
        self.output: list[str] = []
        self.usage = Usage()
        self.timeline = Timeline(lease(), Tracing(ManualClock()))
        self.call = self.timeline.call
        self.wrote = asyncio.Event()

    async def write(self, text: str) -> None:
        self.output.append(text)
        self.wrote.set()

    def used(self, usage: Usage) -> None:
        self.usage = added(self.usage, usage)

    @property
    def codes(self) -> list[str | None]:
        """How each call ended."""
        return [call.code for call in self.usage.calls]


class NoTools:
    """See `engine.rules.toolbox.Toolbox`: an engine without any."""

    def offered(self) -> Sequence[OfferedTool]:
        return ()

    async def call(self, job: Any, name: str, arguments: Any) -> ToolResult:
        raise JobFailed("tool.unknown", f"This engine has no tool {name!r}.", retryable=False)


class Tools:
    """See `engine.rules.toolbox.Toolbox`: one tool that adds, and one that breaks."""

    def __init__(self) -> None:
        self.called: list[tuple[str, Any]] = []

    def offered(self) -> Sequence[OfferedTool]:
        schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
        return [OfferedTool(name=name, description="It adds.", arguments=schema, source="command") for name in ("add", "breaks", "shouts")]

    async def call(self, job: Any, name: str, arguments: Any) -> ToolResult:
        self.called.append((name, arguments))
        if name == "breaks":
            raise JobFailed("tool.failed", "It broke.")
        return ToolResult(content="x" * 100_000 if name == "shouts" else {"sum": arguments["a"] + 1})


Opener = Callable[..., contextlib.AbstractAsyncContextManager[Models]]


def settings(providers: dict[str, Any], **aliases: Sequence[str]) -> EngineSettings:
    made = {name: ProviderSettings(**values) for name, values in providers.items()}
    return EngineSettings(gateway="http://127.0.0.1:1", engine_id=ENGINE, data="/nowhere", providers=made, aliases=aliases)


@contextlib.asynccontextmanager
async def models(
    providers: dict[str, Any], *, clock: Any = None, secret: SecretGetter = no_secrets, **aliases: Sequence[str]
) -> AsyncIterator[Models]:
    async with open_models(settings(providers, **aliases), secret, clock or SystemClock(), lambda: 0.0) as made:
        yield made


async def ask(models: Models, job: FakeJob, kind: str = "chat", toolbox: Toolbox | None = None, **payload: Any) -> Any:
    """Run a job of the kind; what it gave."""
    if kind == "chat":
        payload = {"model": "a/small", "messages": [{"role": "user", "content": "hi"}], **payload}
    async with asyncio.timeout(20):
        return await models.kinds(toolbox or NoTools())[kind].handler(job, payload)


async def fails(models: Models, job: FakeJob, kind: str = "chat", toolbox: Toolbox | None = None, **payload: Any) -> JobFailed:
    with pytest.raises(JobFailed) as failed:
        await ask(models, job, kind, toolbox, **payload)
    return failed.value
