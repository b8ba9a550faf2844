"""What an owner may change about the gateway: `[gateway]` of config.toml, `FLOWORK_GATEWAY_*`, or an argument."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from contract import limits
from kit.otlp import OtlpSettings


class GatewaySettings(BaseModel):
    """Frozen for the life of the process."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    data: Path
    """The data folder; made with mode 0700 when absent."""
    host: str = "127.0.0.1"
    """Address of the loopback listener. Other machines come by `lan_host` or by the tunnel."""
    port: Annotated[int, Field(ge=0, le=65535)] = 7717
    """Port of the loopback listener; 0 lets the system choose, for tests."""
    gui_origins: tuple[str, ...] = ()
    """Origins (scheme://host[:port]) of browser GUIs that may use this gateway, beside its own; exact, without wildcards."""
    lan_host: str | None = None
    """Address of the network interface on which other machines of the local network are served; None serves none.

    It is plain http: whoever can read that network can read the jobs. Engines are not served there.
    """
    lan_port: Annotated[int, Field(ge=0, le=65535)] = 7718
    """Port of that listener; 0 lets the system choose, for tests."""
    lan_names: tuple[str, ...] = ()
    """Host names and addresses by which browsers reach it, beside `lan_host`; needed when that is 0.0.0.0 or ::."""
    tunnel: bool = False
    """Listen for a tunnel client on this machine (`run/tunnel.json` tells it how); needs `public_origins`."""
    tunnel_over_tcp: bool = False
    """Use a loopback port instead of the Unix socket `run/tunnel.sock`; always so on Windows."""
    tunnel_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Port of that listener on loopback, where it uses one; None: two above `port`. 0 lets the system choose, for tests."""
    public_origins: tuple[str, ...] = ()
    """Origins (https://host) under which the tunnel publishes this gateway."""
    accept_remote_engines: bool = False
    """Serve engines (`/internal`) through the tunnel too."""
    admin_over_tcp: bool = False
    """Serve the admin listener on loopback TCP with a secret file instead of a Unix socket; always so on Windows."""

    ip_rate_per_s: Annotated[float, Field(gt=0)] = 60.0
    """Requests a second of one address (IPv6: of one /64), in the long run."""
    ip_burst: Annotated[int, Field(ge=5)] = 200
    """Of these, so many at once."""
    user_rate_per_s: Annotated[float, Field(gt=0)] = 50.0
    """Requests a second of one user, from wherever, in the long run."""
    user_burst: Annotated[int, Field(ge=1)] = 200
    """Of these, so many at once."""
    auth_per_min: Annotated[float, Field(ge=5)] = 10.0
    """Attempts of one address to sign in, pair or enrol; failing costs five."""
    auth_all_per_min: Annotated[float, Field(ge=5)] = 60.0
    """Attempts of everybody together; a third of them is kept for devices that are known here."""
    header_deadline_s: Annotated[float, Field(gt=0)] = 10.0
    """Time for the headers of a request, and for the CONNECT of a live socket (seconds)."""
    body_deadline_s: Annotated[float, Field(gt=0)] = 30.0
    """Time for its body (seconds), however large."""
    audit_heads: Path | None = None
    """Text file, outside the data folder, that gets each signed head of the audit log; None: `<data>.witness/audit-heads.log`."""
    audit_quota_bytes: Annotated[int, Field(ge=1)] = 256 * 1024 * 1024
    """An alarm tells when audit.db passes 80 % of this (bytes). Nothing is refused because of it."""

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

    user_share: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Part of `hard_cap` that one user's waiting jobs may take, so that others find a place; 1 lets one user fill a queue."""
    admission_max_wait_s: Annotated[float, Field(gt=0)] = 900.0
    """Submits whose jobs would wait longer for a slot answer 429 (seconds): better to be told than to wait for nothing.

    Expected from the jobs before it, the slots that are up and the measured time of an attempt; without these it admits.
    """
    memory_free_min_bytes: Annotated[int, Field(ge=0)] = 128 * limits.MIB
    """Submits answer 429 while the machine has less memory than this (bytes), before it swaps; 0 does not look."""
    disk_free_min_bytes: Annotated[int, Field(ge=0)] = 256 * limits.MIB
    """Submits answer 429 while the data folder's disk has less room than this (bytes), so that running jobs can end; 0 does not look."""
    submit_burst: Annotated[int, Field(ge=limits.BATCH_MAX_ITEMS)] = 1000
    """Jobs that a user, or an address elsewhere, may submit at once. In the long run as many as twice what engines can serve."""
    canary_percent: Annotated[int, Field(ge=0, le=100)] = 10
    """Of the claims that canary instances and others wait for at once, so many in a hundred go to canaries; a rollout may say another."""

    gui: Path | None = None
    """Folder of the built browser GUI, served at `/`; None serves the one that comes with the program, if it does."""

    otlp: OtlpSettings = OtlpSettings()
    """Where metrics and spans are sent: the table `[otlp]`, shared with the engine."""

    @property
    def tunnel_listener_port(self) -> int:
        """See `tunnel_port`."""
        if self.tunnel_port is not None:
            return self.tunnel_port
        return 0 if self.port in {0, 65534, 65535} else self.port + 2

    @field_validator("host")
    @classmethod
    def _loopback(cls, host: str) -> str:
        try:
            at_home = ipaddress.ip_address(host).is_loopback
        except ValueError:
            at_home = False
        if not at_home:
            raise ValueError("give a loopback address, such as 127.0.0.1 or ::1; lan_host is for other machines")
        return host

    @field_validator("lan_host")
    @classmethod
    def _not_loopback(cls, host: str | None) -> str | None:
        if host is not None and _address(host).is_loopback:
            raise ValueError("that is loopback, which is always served; give the address of a network interface")
        return host

    @field_validator("lan_names")
    @classmethod
    def _plain_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no host name in lower case, or an address, without a port")
        return names

    @field_validator("gui_origins", "public_origins")
    @classmethod
    def _exact(cls, origins: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for origin in origins:
            _check_origin(origin, {"https"} if info.field_name == "public_origins" else {"http", "https"})
        return origins

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.tunnel and not self.public_origins:
            raise ValueError("tunnel needs public_origins: the https origin under which it publishes this gateway")
        if self.lan_host is not None and _address(self.lan_host).is_unspecified and not self.lan_names:
            raise ValueError(f"lan_host {self.lan_host} needs lan_names: the names or addresses that browsers will use")
        return self


_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?|\[[0-9a-f:.]+\]")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no IP address") from error


def _check_origin(origin: str, schemes: set[str]) -> None:
    """As a browser writes it (RFC 6454 §6.2): nothing that only looks like it, or that would match more than one."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{origin!r} is no origin") from error
    if parts.scheme not in schemes or origin != origin.lower():
        raise ValueError(f"{origin!r} is no origin: write {' or '.join(sorted(schemes))}://host[:port] in lower case")
    if not _NAME.fullmatch(parts.hostname or "") and not (parts.hostname and ":" in parts.hostname):
        raise ValueError(f"{origin!r} is no origin: the host must be one name or address, without wildcards")
    if port == {"http": 80, "https": 443}[parts.scheme]:
        raise ValueError(f"{origin!r}: leave out port {port}, as browsers do")
    bare = f"{parts.scheme}://[{parts.hostname}]" if ":" in (parts.hostname or "") else f"{parts.scheme}://{parts.hostname}"
    if origin != (bare if port is None else f"{bare}:{port}"):
        raise ValueError(f"{origin!r} is no origin: nothing may follow the host and its port, not even a slash")
