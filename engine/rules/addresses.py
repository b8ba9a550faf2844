"""Which addresses the engine may call for a job (security reference §5.8): a judge of numbers, never of names.

`is_global` of the standard library is one question of several: Python 3.11 says True for NAT64, 6to4 and multicast addresses.
"""

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
PLAIN_PORTS: Final = frozenset({80, 443})
FREE_PORTS_FROM: Final = 1024

_NAT64: Final = IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = IPv6Network("::/96")
_TRANSLATED: Final = IPv6Network("::ffff:0:0:0/96")
_NEVER: Final[tuple[Network, ...]] = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("169.254.0.0/16"),  # link-local, with the clouds' metadata
    IPv4Network("168.63.129.16/32"),  # a cloud's metadata at a public address
    IPv4Network("100.100.100.200/32"),  # a cloud's metadata
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("198.18.0.0/15"),
    IPv4Network("224.0.0.0/3"),  # multicast, reserved, broadcast
    IPv6Network("64:ff9b:1::/48"),  # NAT64 of a private network: what is inside depends on its owner
    IPv6Network("fd00:ec2::/32"),  # a cloud's metadata
    IPv6Network("fe80::/10"),
    IPv6Network("fec0::/10"),
    IPv6Network("ff00::/8"),
)
_PRIVATE: Final[tuple[Network, ...]] = (
    IPv4Network("127.0.0.0/8"),
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("100.64.0.0/10"),
    IPv6Network("::1/128"),
    IPv6Network("fc00::/7"),
)


class Place(Enum):
    """Where an address is."""

    PUBLIC = "public"
    PRIVATE = "private"
    """This machine or a network of its owner: only where the owner listed it as such."""
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True)
class Ground:
    """What is the owner's own."""

    own: frozenset[Address] = frozenset()
    """Addresses of this machine; a public one counts as private."""
    gateway: frozenset[tuple[Address, int]] = frozenset()
    """Where the gateway listens: never called."""
    closed_ports: frozenset[int] = frozenset()
    """Ports of this machine that are never called."""


def unwrapped(address: Address) -> Address:
    """The address that is reached in the end: IPv4 within IPv6 (mapped, translated, compatible, 6to4, Teredo, NAT64) taken out."""
    while isinstance(address, IPv6Address):
        inner = _inner(address)
        if inner is None:
            return address
        address = inner
    return address


def place(address: Address, ground: Ground) -> Place:
    """Where an address is, when everything it is wrapped in is taken off."""
    found = unwrapped(address)
    if any(found in network for network in _NEVER if network.version == found.version):
        return Place.FORBIDDEN
    if found in ground.own or any(found in network for network in _PRIVATE if network.version == found.version):
        return Place.PRIVATE
    odd = found.is_multicast or found.is_reserved or found.is_unspecified or found.is_link_local or found.is_loopback
    return Place.PUBLIC if found.is_global and not odd else Place.FORBIDDEN


def port_allowed(port: int) -> bool:
    """80, 443, and those that no system service has."""
    return port in PLAIN_PORTS or FREE_PORTS_FROM <= port <= 65535


def may_call(address: Address, port: int, ground: Ground, *, private: bool) -> bool:
    """May a job call this? `private`: the owner listed this host and port as private."""
    where, found = place(address, ground), unwrapped(address)
    own = found.is_loopback or found in ground.own
    if not port_allowed(port) or (found, port) in ground.gateway or (own and port in ground.closed_ports):
        return False
    return where is Place.PUBLIC or (private and where is Place.PRIVATE)


def parsed(text: str) -> Address | None:
    """An address as `getaddrinfo` gives it; a zone (`%eth0`) is left off."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _inner(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    wraps = address in _NAT64 or address in _TRANSLATED or (address in _COMPATIBLE and int(address) > 1)
    return IPv4Address(int(address) & 0xFFFF_FFFF) if wraps else None
