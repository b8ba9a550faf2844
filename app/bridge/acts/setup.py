"""The first run: where keys are kept, where models come from, the endpoint, and starting with the session."""

from dataclasses import dataclass, field

from app.bridge.acts import Act
from contract.endpoint import EndpointKind, EndpointView


@dataclass(frozen=True)
class SecretsPlace:
    """Where keys are."""

    place: str
    """`keyring`, `file`, `clear`, or empty while none was chosen."""
    kind: str
    """In words: `keyring (Secret Service)`. Of the keyring that would be used, while none was chosen; empty where there is none."""
    state: str
    """`open`, `locked`, `unavailable`, or `not chosen yet`."""
    reason: str = ""
    """Why the keyring cannot be used, if it cannot."""


@dataclass(frozen=True)
class LookAtSecrets(Act[SecretsPlace]):
    """Asks nobody for anything."""


@dataclass(frozen=True)
class ChooseSecrets(Act[SecretsPlace]):
    """Keep keys there from the first one on: `keyring`, `file` (under a passphrase) or `clear`."""

    place: str
    passphrase: str = field(default="", repr=False)


@dataclass(frozen=True)
class ModelServer:
    """A server of models."""

    name: str
    address: str
    models: tuple[str, ...]
    configured: bool
    """Its models can be used already."""


@dataclass(frozen=True)
class Sources:
    """Where models and tools come from."""

    servers: tuple[ModelServer, ...]
    """Found on this machine."""
    providers: tuple[str, ...]
    """Configured already, by name."""
    tools: tuple[str, ...]
    """Names of the configured servers of tools and commands."""


@dataclass(frozen=True)
class FindSources(Act[Sources]):
    """Look now."""


@dataclass(frozen=True)
class UseServers(Act[Sources]):
    """Let jobs use every model of these servers, from the next start of the gateway on."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class KeyAdded:
    """A key that was tried and is kept."""

    name: str
    models: int
    """How many models the provider lists for it."""


@dataclass(frozen=True)
class AddKey(Act[KeyAdded]):
    """Try a key at its provider, then keep it and let jobs use every model."""

    api: str
    """`openai` or `anthropic`."""
    key: str = field(repr=False)
    base_url: str | None = None
    """None: the vendor's own address."""


@dataclass(frozen=True)
class ChooseEndpoint(Act[EndpointView]):
    """Be reached from elsewhere in this way, from now on."""

    kind: EndpointKind
    origin: str | None = None
    token: str = field(default="", repr=False)
    """Of a named tunnel; empty leaves the one that is kept."""


@dataclass(frozen=True)
class AutostartView:
    """Starting with the session."""

    state: str
    """`on`, `off`, `foreign` or `disabled_by_system`."""
    where: str


@dataclass(frozen=True)
class LookAtAutostart(Act[AutostartView]):
    """How it is."""


@dataclass(frozen=True)
class SetAutostart(Act[AutostartView]):
    """Make it so, where it may be; how it is then."""

    on: bool


@dataclass(frozen=True)
class NeedsSetup(Act[bool]):
    """Was nothing ever set up here: neither settings of the desktop, nor a paired device?"""


@dataclass(frozen=True)
class EndSetup(Act[None]):
    """Do not show the first run by itself any more."""
