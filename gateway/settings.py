"""What an owner may change about the gateway: `[gateway]` of config.toml, `FLOWORK_GATEWAY_*`, or an argument."""

import ipaddress
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from contract import limits


class GatewaySettings(BaseModel):
    """Frozen for the life of the process."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    data: Path
    """The data folder; made with mode 0700 when absent."""
    host: str = "127.0.0.1"
    """Address of the loopback listener. Anything but loopback is refused until listeners for it exist."""
    port: Annotated[int, Field(ge=0, le=65535)] = 7717
    """Port of the loopback listener; 0 lets the system choose, for tests."""
    gui_origins: tuple[str, ...] = ()
    """Origins (scheme://host[:port]) of browser GUIs that may use this gateway, beside its own."""
    admin_over_tcp: bool = False
    """Serve the admin listener on loopback TCP with a secret file instead of a Unix socket; always so on Windows."""

    lease_ms: Annotated[int, Field(ge=500, le=600_000)] = limits.LEASE_MS
    """How long a job stays with an engine that does not renew (milliseconds)."""
    heartbeat_grace_ms: Annotated[int, Field(ge=0, le=60_000)] = int(limits.HEARTBEAT_EVERY_S * 1000) + 2000
    """After a start or a wake of the machine no lease is taken back for this long: engines get one heartbeat to renew."""
    hard_cap: Annotated[int, Field(ge=1)] = 10_000
    """Waiting jobs (scheduled and queued) of one engine beyond which submits answer 429."""
    retry_base_s: Annotated[float, Field(gt=0)] = 1.0
    """Ceiling of the first retry's wait; doubles each time. The wait is drawn evenly below the ceiling (full jitter)."""
    retry_cap_s: Annotated[float, Field(gt=0)] = 300.0
    """The ceiling never grows beyond this."""
    keep_results_s: Annotated[float, Field(ge=0)] = 7 * 24 * 3600.0
    """How long finished jobs stay, with payload, result and events."""
    open_shards: Annotated[int, Field(ge=1, le=64)] = 64
    """Queue files open at once; the longest unused one is closed first."""

    engine_token_max_age_s: Annotated[float, Field(gt=0)] = limits.ENGINE_TOKEN_MAX_AGE_S
    """Engines are told to take a new token when theirs is older."""
    engine_token_retires_s: Annotated[float, Field(ge=0)] = limits.ENGINE_TOKEN_RETIRES_S
    """How long a replaced token is still good, so that other processes of its installation can change over."""

    @field_validator("host")
    @classmethod
    def _loopback(cls, host: str) -> str:
        if not _is_loopback(host):
            raise ValueError("give a loopback address, such as 127.0.0.1 or ::1; other machines cannot be served yet")
        return host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
