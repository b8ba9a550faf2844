"""The models of an engine, by its owner's settings: what is offered, and the kinds that reach them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from contract.offers import OfferedModel
from engine.providers import chat, embed
from engine.providers.caller import Caller
from engine.providers.keys import SecretGetter
from engine.providers.stations import Station
from engine.rules.failures import JobFailed
from engine.rules.kinds import Kind
from engine.rules.models import EVERY, Target, chain, offered
from engine.rules.provider_failures import ProviderFailed
from engine.rules.toolbox import Toolbox
from engine.settings import EngineSettings
from kit.backoff import Backoff
from kit.clock import Clock
from kit.logs import Log

log = Log("engine.providers")
LISTING: Backoff = Backoff(5.0, 300.0)
"""Waits before a provider that did not list its models is asked again (seconds)."""
LIST_S = 30.0


class Models:
    """What an engine's providers have. Bound to one event loop."""

    def __init__(self, settings: EngineSettings, secret: SecretGetter, clock: Clock, uniform: Callable[[], float]) -> None:
        self._settings = settings
        self._uniform = uniform
        self._listed: dict[str, list[str]] = {}
        self._stations = {name: Station(name, one, secret, clock) for name, one in settings.providers.items()}
        self._caller = Caller(self._stations, clock, uniform)
        self._offered = self._look()

    @property
    def offered(self) -> Sequence[OfferedModel]:
        """Models and aliases that jobs may ask for now."""
        return self._offered

    def chain(self, name: str, kind: str) -> tuple[Target, ...]:
        """What stands behind a name; see `engine.rules.models.chain`.

        Raises:
            JobFailed: nothing does. Another attempt may help while a provider that offers every model has not told its list.
        """
        found = chain(self._offered, name, kind)
        if not found:
            waits = any(EVERY in one.models and each not in self._listed for each, one in self._settings.providers.items())
            raise JobFailed("provider.model_unknown", f"This engine offers no model {name!r} for {kind}.", retryable=waits)
        return found

    def kinds(self, toolbox: Toolbox) -> dict[str, Kind]:
        """`chat` and `embed`, where there are providers."""
        if not self._stations:
            return {}
        made = [chat.kind(self._caller, self.chain, toolbox)]
        if any(one.embeds for one in self._settings.providers.values()):
            made.append(embed.kind(self._caller, self.chain))
        return {kind.name: kind for kind in made}

    async def run(self, changed: Callable[[], None]) -> None:
        """Ask the providers that offer every model for their lists, until each has answered; `changed` is called after each answer."""
        async with asyncio.TaskGroup() as group:
            for name, one in self._settings.providers.items():
                if EVERY in one.models:
                    group.create_task(self._list(name, changed), name=f"models-{name}")

    async def _list(self, name: str, changed: Callable[[], None]) -> None:
        failures = 0
        while name not in self._listed:
            try:
                async with asyncio.timeout(LIST_S):
                    self._listed[name] = await (await self._stations[name].provider()).models()
            except Exception as error:  # noqa: BLE001 - a provider of which nothing works must not end the engine
                failures += 1
                code = error.code if isinstance(error, ProviderFailed) else type(error).__name__
                log.warning("provider.not_listed", provider=name, code=code)
                await asyncio.sleep(LISTING.wait_s(failures, self._uniform))
        self._offered = self._look()
        changed()

    def _look(self) -> list[OfferedModel]:
        return offered(self._settings.providers, self._settings.aliases, self._listed)

    async def close(self) -> None:
        """Let go of all connections."""
        for station in self._stations.values():
            await station.close()


@contextlib.asynccontextmanager
async def open_models(settings: EngineSettings, secret: SecretGetter, clock: Clock, uniform: Callable[[], float]) -> AsyncIterator[Models]:
    """The models, for the length of the block."""
    models = Models(settings, secret, clock, uniform)
    try:
        yield models
    finally:
        await models.close()
