"""What engines offer, as their instances told it. In memory: it is asked for anew when an instance names a version that is not known."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contract.kinds import KINDS
from contract.offers import Offer, OfferedTool
from gateway.operations.presence import Instance, Presence
from gateway.rules.payloads import compiled

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

OTHER = "other"
"""The provider of a model that nobody offers."""


@dataclass(frozen=True, slots=True)
class Published:
    """An offer, with the schemas of its kinds ready for use."""

    offer: Offer
    validators: dict[str, "Validator"]
    providers: frozenset[str]


@dataclass(slots=True)
class Offers:
    """The offers of the instances that are known."""

    presence: Presence
    _known: dict[str, dict[str, Published]] = field(default_factory=dict)
    """By engine, then version."""

    def wanted(self, instance: Instance) -> bool:
        """Whether an instance announces an offer that is not known here."""
        version = instance.announce.offer
        return version is not None and version not in self._known.get(instance.engine, {})

    async def put(self, engine: str, offer: Offer) -> None:
        """Take in what an instance of an engine offers; what no instance announces any more is forgotten.

        Raises:
            OfferInvalid: a schema in it cannot be used.
        """
        published = await asyncio.to_thread(_published, offer)
        announced = {instance.announce.offer for instance in self.presence.of(engine)}
        kept = {version: known for version, known in self._known.get(engine, {}).items() if version in announced}
        self._known[engine] = {**kept, offer.version: published}

    def of(self, engine: str) -> list[Published]:
        """What the instances of an engine offer that are up; where none is, what those offered that were heard last."""
        return [known for _, known in self._heard(engine) if known is not None]

    def kinds(self, engine: str) -> dict[str, str]:
        """Every kind that instances of an engine serve, with its title; up or heard lately, as in `of`."""
        found: dict[str, str] = {}
        for instance, known in self._heard(engine):
            titles = {} if known is None else {kind.name: kind.title for kind in known.offer.kinds}
            for kind in instance.announce.kinds:
                spec = KINDS.get(kind)
                found.setdefault(kind, spec.title if spec is not None else titles.get(kind) or kind)
        return found

    def schema(self, engine: str, kind: str) -> "Validator | None":
        """The schema of a kind of a third party; None where no instance gave one."""
        return next((known.validators[kind] for known in self.of(engine) if kind in known.validators), None)

    def models(self, engine: str, kind: str) -> list[str] | None:
        """The names of an engine's models for `chat` or `embed`; None while some instance that serves it has not told."""
        found: set[str] = set()
        told = False
        for instance, known in self._heard(engine):
            if kind not in instance.announce.kinds:
                continue
            if known is None:
                return None
            told = True
            found |= {model.name for model in known.offer.models if kind in model.kinds}
        return sorted(found) if told else None

    def tools(self, engine: str) -> list[OfferedTool]:
        """The tools of an engine, by name."""
        found = {tool.name: tool for known in self.of(engine) for tool in known.offer.tools}
        return [found[name] for name in sorted(found)]

    def provider(self, engine: str, model: str) -> str:
        """The provider of a model, as a word of a bounded list."""
        provider, slash, _ = model.partition("/")
        known = slash and any(provider in offered.providers for offered in self._known.get(engine, {}).values())
        return provider if known else OTHER

    def _heard(self, engine: str) -> Iterator[tuple[Instance, Published | None]]:
        offers = self._known.get(engine, {})
        for instance in self.presence.up(engine) or self.presence.of(engine):
            version = instance.announce.offer
            yield instance, None if version is None else offers.get(version)


def _published(offer: Offer) -> Published:
    validators = {
        kind.name: compiled(kind.name, kind.payload) for kind in offer.kinds if kind.payload is not None and kind.name not in KINDS
    }
    names = (name for model in offer.models for name in (model.name, *model.behind))
    return Published(offer, validators, frozenset(name.partition("/")[0] for name in names if "/" in name))
