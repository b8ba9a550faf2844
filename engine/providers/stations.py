"""One provider each: how often and how many at once it is asked, how ill it is, and its client, loaded when first needed."""

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator, Callable
from typing import Final, cast

from contract.kinds import Usage
from engine.providers.keys import Key, SecretGetter
from engine.providers.seam import Provider
from engine.rules.breaker import Breaker, BreakerLimits
from engine.rules.rate import RateWindow
from engine.rules.retries import RetryBudget, RetryPolicy
from engine.rules.usage import cost_micros
from engine.settings.sources import ProviderSettings
from kit.clock import SECOND, Clock

ADAPTERS: Final = {
    "openai": ("engine.providers.openai_like", "OpenAiLike"),
    "anthropic": ("engine.providers.anthropic_like", "AnthropicLike"),
}


class Station:
    """A provider, as all jobs of this engine share it. Bound to one event loop."""

    def __init__(self, name: str, settings: ProviderSettings, secret: SecretGetter, clock: Clock) -> None:
        self.name = name
        self.settings = settings
        self.budget = RetryBudget()
        self.policy = RetryPolicy(settings.tries)
        self._clock = clock
        self._key = Key(settings.key, secret)
        self._breakers: dict[str, Breaker] = {}
        self._window = RateWindow(settings.requests_per_min)
        self._places = asyncio.Semaphore(settings.concurrency)
        self._in_order = asyncio.Lock()
        self._loading = asyncio.Lock()
        self._provider: Provider | None = None

    def breaker(self, model: str) -> Breaker:
        """Of one model."""
        if model not in self._breakers:
            limits = BreakerLimits(self.settings.breaker_failures, round(self.settings.breaker_open_s * SECOND))
            self._breakers[model] = Breaker(limits)
        return self._breakers[model]

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """A place among the calls at once, for the length of the block; whoever came first is first."""
        async with self._places:
            async with self._in_order:
                while (wait_us := self._window.wait_us(self._clock.now().steady)) > 0:
                    await asyncio.sleep(wait_us / SECOND)
                self._window.took(self._clock.now().steady)
            yield

    async def provider(self) -> Provider:
        """Its client. The vendor's package takes most of a second to load, and the engine's loop must not wait for it."""
        async with self._loading:
            if self._provider is None:
                self._provider = await asyncio.to_thread(self._load)
        return self._provider

    def _load(self) -> Provider:
        module, name = ADAPTERS[self.settings.api]
        make = cast("Callable[[str, ProviderSettings, Key], Provider]", getattr(importlib.import_module(module), name))
        return make(self.name, self.settings, self._key)

    def used(self, model: str, input_tokens: int, output_tokens: int) -> Usage:
        """Tokens, with what they cost."""
        cost = cost_micros(self.settings.prices.get(model), input_tokens, output_tokens)
        return Usage(input_tokens=input_tokens, output_tokens=output_tokens, cost_micros=cost)

    async def close(self) -> None:
        """Let go of its connections."""
        if self._provider is not None:
            await self._provider.close()
