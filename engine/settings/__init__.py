"""What an owner may change about an engine: `[engine]` of config.toml, `FLOWORK_ENGINE_*`, or an argument."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contract import limits
from contract.wire import EngineId
from engine.settings.sources import Alias, CommandSettings, McpSettings, Name, ProviderSettings
from kit.config import Config
from kit.otlp import OtlpSettings

OTHER_NAMES = (
    ("CORE_MAX_WORKERS", "slots_max"),
    ("SLO_TARGET_LATENCY", "slo_target_latency_s"),
    ("SCALING_HEADROOM", "headroom_factor"),
    ("HEADROOM_FACTOR", "headroom_factor"),
)
"""Variables that are heard beside `FLOWORK_ENGINE_*`, older names first."""
TABLES = ("gateway", "engine", "local", "otlp", "logs", "providers", "aliases", "mcp", "commands", "desktop", "endpoint", "update")
"""Of config.toml, which gateway and engine share."""
SlotCount = Annotated[int, Field(ge=1, le=1024)]


class EngineSettings(BaseModel):
    """Frozen for the life of the process."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    gateway: str
    """Where the gateway listens: `http://127.0.0.1:7717`."""
    engine_id: EngineId
    """The engine this process serves."""
    data: Path
    """The data folder; the spool of unacknowledged reports lies in `engine/<engine id>/` below it."""
    slots: SlotCount | None = None
    """Jobs that run at once; None lets the engine choose between `slots_min` and `slots_max` by what it measures."""
    cpu_processes: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes for jobs that compute; started with the first such job."""
    echo: bool = False
    """Serve the `echo` kinds, for demo, tests and bench."""
    http_hosts: tuple[str, ...] = ()
    """Hosts (`name` or `name:port`) that the `http` kind may call; empty switches the kind off."""
    heartbeat_s: Annotated[float, Field(gt=0)] = limits.HEARTBEAT_EVERY_S
    """Seconds between heartbeats; shorter than a third of the gateway's lease."""
    claim_wait_ms: Annotated[int, Field(ge=0, le=limits.CLAIM_WAIT_MAX_MS)] = limits.CLAIM_WAIT_MAX_MS
    """How long one claim waits for work (milliseconds)."""
    backoff_base_s: Annotated[float, Field(gt=0)] = 0.2
    """Ceiling of the first wait after a failure to reach the gateway; doubles each time."""
    backoff_cap_s: Annotated[float, Field(gt=0)] = 30.0
    """The ceiling never grows beyond this."""
    canary: bool = False
    """Announce this process as a canary: it gets a small share of the jobs while others wait for them too."""
    drain_deadline_s: Annotated[float, Field(ge=0)] = 20.0
    """How long a stop waits for running jobs before it gives them back."""

    slots_min: SlotCount = 1
    """The fewest slots the engine may choose."""
    slots_max: SlotCount = 16
    """The most slots the engine may choose; most jobs wait for others, so more than a machine has cores."""
    slo_target_latency_s: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] = 0.15
    """The start delay aimed at (seconds). Slots are added at three times this, so before the promise of 0.5 s is broken."""
    headroom_factor: Annotated[float, Field(ge=1.3, le=100, allow_inf_nan=False)] = 1.3
    """How many times the highest rate of the last 90 windows must fit into the slots."""
    scaling_window_s: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] = 10.0
    """Seconds between two decisions. Streaks and what is remembered are counted in windows."""

    http_private: tuple[str, ...] = ()
    """Of `http_hosts`, those (`name:port`, `address:port`) that may be on this machine or in a private network."""
    closed_ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = ()
    """Ports of this machine that the `http` kind never calls, whatever is listed. The gateway's are always among them."""
    extra_kinds: tuple[str, ...] = ()
    """Kinds of installed packages (entry points `flowork.kinds`) to serve, by name."""
    providers: dict[Name, ProviderSettings] = {}
    """The tables `[providers.NAME]`."""
    aliases: dict[Alias, Annotated[tuple[str, ...], Field(min_length=1)]] = {}
    """`[aliases]`: a name -> `provider/model`, or several, in the order in which they are tried."""
    mcp: dict[Name, McpSettings] = {}
    """The tables `[mcp.NAME]`."""
    commands: dict[Name, CommandSettings] = {}
    """The tables `[commands.NAME]`."""

    otlp: OtlpSettings = OtlpSettings()
    """Where spans are sent: the table `[otlp]`, shared with the gateway."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.slots_min > self.slots_max:
            raise ValueError(f"slots_min ({self.slots_min}) is above slots_max ({self.slots_max})")
        return self

    @model_validator(mode="after")
    def _private(self) -> Self:
        listed = {host.lower() for host in self.http_hosts}
        if unlisted := [host for host in self.http_private if host.lower() not in listed]:
            raise ValueError(f"http_private: {', '.join(unlisted)} is not in http_hosts")
        return self


def sources(found: Config) -> dict[str, Any]:
    """Where models and tools come from, as settings of an engine; mistakes are collected in `found`."""
    return {
        "providers": found.named("providers", ProviderSettings),
        "aliases": found.tables.get("aliases", {}),
        "mcp": found.named("mcp", McpSettings),
        "commands": found.named("commands", CommandSettings),
    }
