"""What an owner may change about an engine: `[engine]` of config.toml, `FLOWORK_ENGINE_*`, or an argument."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from contract import limits
from contract.wire import EngineId


class EngineSettings(BaseModel):
    """Frozen for the life of the process."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    gateway: str
    """Where the gateway listens: `http://127.0.0.1:7717`."""
    engine_id: EngineId
    """The engine this process serves."""
    data: Path
    """The data folder; the spool of unacknowledged reports lies in `engine/<engine id>/` below it."""
    slots: Annotated[int, Field(ge=1, le=1024)] = 4
    """Jobs that run at once."""
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
