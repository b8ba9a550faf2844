"""Where requests come in. Trust follows the listener, never the peer address (architecture, idea 5; security reference §5.1)."""

import hmac
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from contract.errors import BadHeader, ForwardedNotAllowed, HostNotAllowed
from gateway.http.sanity import Named
from gateway.rules.ingress import Ingress

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
FORWARDING: Final = frozenset({b"forwarded", b"cf-connecting-ip", b"cf-connecting-ipv6", b"true-client-ip", b"x-real-ip"})
FORWARDING_PREFIX: Final = b"x-forwarded-"
AT_HOME: Final = ("/admin", "/internal", "/metrics")
"""What listeners that strangers can reach do not serve."""
ENGINES: Final = "/internal"


@dataclass(frozen=True, slots=True)
class Came:
    """How one request came in."""

    client: str
    """The address it is counted under; empty where there is none (the owner's Unix socket)."""
    origin: str
    """The gateway's own public origin on this way, scheme://host[:port]: what a DPoP proof names as its target."""


class Door(Protocol):
    """One listener's rules."""

    @property
    def ingress(self) -> Ingress:
        """Its name."""

    def came(self, headers: Named, peer: str) -> Came:
        """Judge the Host and the forwarding headers of a request that has exactly one Host.

        Raises:
            HostNotAllowed, ForwardedNotAllowed, BadHeader.
        """

    def serves(self, path: str) -> bool:
        """Whether this path exists here at all."""


@dataclass(frozen=True, slots=True)
class Direct:
    """A listener that its callers reach without a proxy: loopback, LAN, and the owner's."""

    ingress: Ingress
    hosts: frozenset[str] | None
    """Host headers that are ours, lower case, with and without the port; None where the listener itself says who calls."""
    closed: tuple[str, ...] = ()

    def came(self, headers: Named, peer: str) -> Came:
        host = headers.get(b"host", "").lower()
        if self.hosts is not None and host not in self.hosts:
            raise HostNotAllowed
        if any(name in FORWARDING or name.startswith(FORWARDING_PREFIX) for name in headers):
            raise ForwardedNotAllowed
        return Came(peer, f"http://{host}")

    def serves(self, path: str) -> bool:
        return not _below(path, self.closed)


class PublicHosts(Protocol):
    """Under which names the tunnel publishes this gateway just now."""

    def has_host(self, host: str) -> bool:
        """Is this one of them?"""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """The listener of a tunnel client, which alone knows the host name that opens it.

    cloudflared sets `Host` to its `httpHostHeader` and `X-Forwarded-Host` to the name that was asked for; Cloudflare's
    edge sets `CF-Connecting-IP`. The other forwarding headers are let through and never read.
    """

    secret_host: str
    public: PublicHosts
    remote_engines: bool
    ingress: Ingress = Ingress.TUNNEL

    def came(self, headers: Named, peer: str) -> Came:  # noqa: ARG002 - everybody is the tunnel client here
        host = headers.get(b"host", "")
        if not hmac.compare_digest(host.encode(), self.secret_host.encode()):
            raise HostNotAllowed
        asked = headers.get(b"x-forwarded-host", "").lower()
        if not self.public.has_host(asked):
            raise HostNotAllowed
        return Came(_address(headers.get(b"cf-connecting-ip", "")), f"https://{asked}")

    def serves(self, path: str) -> bool:
        return not _below(path, AT_HOME) or (self.remote_engines and _below(path, (ENGINES,)))


def secret_host(door: Door) -> str:
    """The Host header that opens a tunnel's door; empty for another one."""
    return door.secret_host if isinstance(door, Tunnel) else ""


def hosts_with_port(names: Iterable[str], port: int) -> frozenset[str]:
    """The Host headers of names: with the port, and without it for callers that leave it out."""
    return frozenset(host for name in names for host in (name, f"{name}:{port}"))


def bracketed(address: str) -> str:
    """An address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address


def _below(path: str, prefixes: tuple[str, ...]) -> bool:
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes)


def _address(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        address = None
    if address is None or "%" in text:  # a scope id may hold anything, and nobody far away has one
        raise BadHeader("CF-Connecting-IP must be one IP address.")
    return str(address)
