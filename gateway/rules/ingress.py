"""The listeners, by name."""

from enum import StrEnum


class Ingress(StrEnum):
    """Where a request came in; trust follows it (architecture, idea 5)."""

    LOOPBACK = "loopback"
    LAN = "lan"
    TUNNEL = "tunnel"
    ADMIN = "admin"
