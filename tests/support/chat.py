"""A model that is none: kinds `chat` and `embed` that answer as their test says, token by token, through the real line."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from contract.kinds import ProviderCall, Usage
from engine.rules.failures import JobFailed
from engine.rules.kinds import Job, Kind

TOOL_CALL = {"id": "call-1", "type": "function", "function": {"name": "weather", "arguments": '{"at": "Bern"}'}}


@dataclass
class Model:
    """What it says, and what has become of its jobs. The last message of a conversation may ask for a fault by its text."""

    words: list[str] = field(default_factory=lambda: ["Grü", "ße", " aus", " der", " Küche"])
    asked: list[dict[str, Any]] = field(default_factory=list)
    said: asyncio.Event = field(default_factory=asyncio.Event)
    """Some word was written."""
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it may say more than its first word."""
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    """A job was cancelled under it."""
    usage: Usage = field(
        default_factory=lambda: Usage(
            input_tokens=11, output_tokens=5, cost_micros=700, calls=[ProviderCall(model="fake/one", took_ms=30, first_token_ms=10)]
        )
    )
    grants: list[frozenset[str]] = field(default_factory=list)

    async def chat(self, job: Job, payload: Any) -> Any:
        self.asked.append(payload)
        self.grants.append(job.granted)
        wish = payload["messages"][-1]["content"]
        if wish == "fail":
            job.used(self.usage)
            raise JobFailed("provider.down", "The provider is down.", retryable=False)
        try:
            return await self._answer(job, payload, wish)
        except asyncio.CancelledError:
            self.stopped.set()
            raise

    async def _answer(self, job: Job, payload: Any, wish: str) -> Any:
        usage = self.usage
        if wish == "tool":
            message = {"role": "assistant", "tool_calls": [TOOL_CALL]}
            return self._end(job, usage, message, "tool_calls")
        words = [] if wish == "silent" else self.words
        for index, word in enumerate(words):
            await job.write(word)
            self.said.set()
            if wish == "wait" and index == 0:
                await self.go_on.wait()
        return self._end(job, usage, {"role": "assistant", "content": "".join(self.words)}, "stop")

    @staticmethod
    def _end(job: Job, usage: Usage, message: dict[str, Any], reason: str) -> dict[str, Any]:
        job.used(usage)
        return {"model": "fake/one", "message": message, "finish_reason": reason, "usage": usage.model_dump(), "steps": []}

    async def embed(self, job: Job, payload: Any) -> Any:
        usage = Usage(input_tokens=3)
        job.used(usage)
        vectors = [[float(len(text)), 0.5] for text in payload["input"]]
        return {"model": "fake/embed", "vectors": vectors, "usage": usage.model_dump()}

    @property
    def served(self) -> dict[str, Kind]:
        return {"chat": Kind("chat", self.chat), "embed": Kind("embed", self.embed)}
