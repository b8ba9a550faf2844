"""Which kinds a user may submit where: the owner's grants, and what is published of kinds, models and tools."""

from dataclasses import dataclass, field
from typing import Any

from contract.errors import KindNotAllowed
from contract.kinds import KINDS
from contract.offers import EngineOffer, Grant, GrantList, KindList, KindView, ModelView, ToolView
from contract.words import Role
from gateway.operations.audit import Audit
from gateway.operations.offers import Offers
from gateway.operations.sharing import Sharing
from gateway.operations.sources import Sources
from gateway.rules import grants
from gateway.rules.payloads import MODELLED
from gateway.store.control import EngineRow
from gateway.store.grants import GrantRows

TOOLS = "tool"
NOBODY = "nobody"


@dataclass(slots=True)
class Kinds:
    """A cache over control.db: this process is its only writer."""

    store: GrantRows
    sources: Sources
    sharing: Sharing
    offers: Offers
    audit: Audit
    _grants: dict[str, dict[str, Role | None]] = field(default_factory=dict)
    """By engine, then kind."""

    async def load(self) -> None:
        """Read what is kept."""
        self._grants = await self.store.all()

    def may(self, user: str, engine: str, kind: str) -> bool:
        """Whether a user may submit a kind to an engine, by id."""
        return grants.may(self.sharing.role(user, engine), kind, self._grants.get(engine, {}))

    def check(self, user: str, engine: str, kind: str) -> None:
        """See that a user may submit a kind to an engine.

        Raises:
            KindNotAllowed.
        """
        if not self.may(user, engine, kind):
            name = self.sources.name_of(engine)
            raise KindNotAllowed(f"{kind!r} is not allowed for you on {name}. The gateway's owner can: flowork engines allow {name} {kind}")

    def granted(self, user: str, engine: str) -> list[str]:
        """Every kind that a user may use on an engine, as the leases of their jobs tell."""
        return grants.allowed(self.sharing.role(user, engine), self._grants.get(engine, {}))

    async def allow(self, id_or_name: str, kind: str, role: Role | None, actor: str) -> Grant:
        """Say which role may submit a kind to an engine; None: nobody. It holds for the next submit and the next lease.

        Raises:
            EngineUnknown, AuditUnavailable.
        """
        engine = self.sources.engine(id_or_name)
        await self.audit.note("engine.allow_kind", actor, engine.id, kind=kind, role=NOBODY if role is None else role)
        await self.store.put(engine.id, kind, role)
        self._grants.setdefault(engine.id, {})[kind] = role
        return Grant(kind=kind, role=role)

    def listing(self, id_or_name: str) -> GrantList:
        """What holds for the kinds of an engine: those it serves, and those the owner spoke of.

        Raises:
            EngineUnknown.
        """
        engine = self.sources.engine(id_or_name).id
        told = grants.worded(self._grants.get(engine, {}), self.offers.kinds(engine))
        return GrantList(grants=[Grant(kind=kind, role=role) for kind, role in told.items()])

    def published(self, user: str) -> KindList:
        """What a user may submit, and to which engine."""
        kinds: dict[str, KindView] = {}
        engines = []
        for row in self.sharing.runnable(user):
            titles = {kind: title for kind, title in sorted(self.offers.kinds(row.id).items()) if self.may(user, row.id, kind)}
            for kind, title in titles.items():
                kinds.setdefault(kind, KindView(name=kind, title=title, payload=self._schema(row.id, kind)))
            engines.append(self._offer(row, list(titles)))
        return KindList(kinds=[kinds[name] for name in sorted(kinds)], engines=engines)

    def _offer(self, row: EngineRow, kinds: list[str]) -> EngineOffer:
        models = {
            model.name: ModelView(name=model.name, kinds=usable, behind=model.behind)
            for known in self.offers.of(row.id)
            for model in known.offer.models
            if (usable := [str(kind) for kind in model.kinds if kind in kinds])
        }
        tools = [ToolView(name=tool.name, description=tool.description, arguments=tool.arguments) for tool in self.offers.tools(row.id)]
        may_call = TOOLS in kinds
        return EngineOffer(engine=row.name, kinds=kinds, models=[models[name] for name in sorted(models)], tools=tools if may_call else [])

    def _schema(self, engine: str, kind: str) -> dict[str, Any]:
        if kind in KINDS:
            return KINDS[kind].schema
        validator = self.offers.schema(engine, kind)
        return {} if validator is None else dict(validator.schema)


def models_of(kinds: Kinds, engine: str, usable: frozenset[str]) -> list[str]:
    """The models of an engine that these kinds can use, by name."""
    return sorted({name for kind in MODELLED & usable for name in kinds.offers.models(engine, kind) or ()})
