"""What engines offer: kinds, models and tools, as an engine tells the gateway and the gateway tells people."""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from contract.kinds import ModelName, ToolName
from contract.wire import Answer, EngineName, Request, Word
from contract.words import Role

Text = Annotated[str, StringConstraints(max_length=2000)]
OfferVersion = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
Schema = dict[str, Any]


class OfferedKind(Request):
    """A kind that an engine serves."""

    name: Word
    title: Text = ""
    payload: Schema | None = None
    """JSON Schema of its payload; None for the kinds that everybody knows (`contract.kinds.KINDS`)."""


class OfferedModel(Request):
    """A model that an engine's owner ticked, or an alias of one or several."""

    name: ModelName
    kinds: list[Literal["chat", "embed"]]
    behind: list[ModelName] = []
    """Of an alias: what it stands for, in the order in which they are tried."""


class OfferedTool(Request):
    """A tool that jobs of this engine may call."""

    name: ToolName
    description: Text = ""
    arguments: Schema
    """JSON Schema of its arguments."""
    source: Literal["mcp", "command"]


class Offer(Request):
    """Everything an instance offers: `PUT /internal/v1/offer`, when a claim's answer asks for it."""

    kinds: Annotated[list[OfferedKind], Field(max_length=256)] = []
    models: Annotated[list[OfferedModel], Field(max_length=1024)] = []
    tools: Annotated[list[OfferedTool], Field(max_length=256)] = []

    @property
    def version(self) -> str:
        """What instances announce it by: the first 16 hex digits of the SHA-256 of its canonical JSON (sorted, compact, ASCII)."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class KindView(Answer):
    """A kind, as whoever may submit it sees it."""

    name: str
    title: str
    payload: Schema
    """JSON Schema (2020-12); a submit whose payload does not fit is refused with 422."""


class ModelView(Answer):
    """A model."""

    name: str
    kinds: list[str]
    behind: list[str] = []


class ToolView(Answer):
    """A tool."""

    name: str
    description: str
    arguments: Schema


class EngineOffer(Answer):
    """What one engine offers to the caller."""

    engine: EngineName
    kinds: list[str]
    """Names of those that the caller may submit there."""
    models: list[ModelView] = []
    tools: list[ToolView] = []


class KindList(Answer):
    """`GET /api/v1/kinds`."""

    kinds: list[KindView]
    engines: list[EngineOffer]


class Grant(Answer):
    """Which role may submit a kind to an engine; the owner's word, in place of the kind's own."""

    kind: str
    role: Role | None
    """The least role; None: nobody."""


class GrantList(Answer):
    """The kinds of an engine, by name."""

    grants: list[Grant]


class GrantPut(Request):
    """Say so."""

    role: Literal[Role.RUNNER, Role.ADMIN] | None = None
