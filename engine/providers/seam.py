"""What the kinds need of a provider; the adapters have it over the vendors' clients."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

from contract.kinds import ChatPayload, FunctionTool, Message
from engine.rules.answers import Piece


@dataclass(frozen=True, slots=True)
class ChatAsked:
    """One question to one model."""

    model: str
    payload: ChatPayload
    """What the person wants of the answer."""
    messages: Sequence[Message]
    """The conversation so far, answers of tools included."""
    tools: Sequence[FunctionTool]
    """The person's and the engine's."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """What texts became, in their order."""

    vectors: list[list[float]]
    input_tokens: int | None


class Provider(Protocol):
    """A service that runs models. Each call raises ProviderFailed; cancelling one closes its connection at once."""

    def chat(self, asked: ChatAsked, traceparent: str) -> AsyncGenerator[Piece, None]:
        """The answer in pieces, of which `Ended` tells that it is whole. Close the generator."""

    async def embed(self, model: str, inputs: Sequence[str], dimensions: int | None, traceparent: str) -> Vectors:
        """Turn texts into vectors."""

    async def models(self) -> list[str]:
        """What it lists, sorted."""

    async def close(self) -> None:
        """Let go of its connections."""
