"""What a job may ask of the web: which hosts the owner listed, which headers may be sent, and what goes along with a redirect."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.rules.failures import JobFailed

REDIRECTS_MAX: Final = 3
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
SCHEMES: Final = {"http": 80, "https": 443}
RATIO_MAX: Final = 200
"""How many times its size a compressed body may have, once it is long."""
RATIO_FROM_BYTES: Final = 1024 * 1024
_OURS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect"})
_KEPT_ELSEWHERE: Final = frozenset({"accept", "accept-language", "content-type", "user-agent", "traceparent"})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a URL leads."""

    scheme: str
    host: str
    port: int

    @property
    def plain(self) -> bool:
        """Is the port the scheme's own?"""
        return SCHEMES.get(self.scheme) == self.port


@dataclass(frozen=True, slots=True)
class Hosts:
    """The owner's lists, in lower case: `name` stands for the schemes' own ports, `name:port` for that one."""

    listed: frozenset[str]
    private: frozenset[str] = frozenset()
    """Of the listed ones, those that may be on this machine or in a private network."""

    def allows(self, origin: Origin) -> bool:
        """Did the owner list it, exactly?"""
        return origin.scheme in SCHEMES and _on(origin, self.listed)

    def is_private(self, origin: Origin) -> bool:
        """Did the owner say that it is private?"""
        return _on(origin, self.private)


def hosts(listed: tuple[str, ...], private: tuple[str, ...]) -> Hosts:
    """The lists as the owner wrote them."""
    return Hosts(frozenset(host.lower() for host in listed), frozenset(host.lower() for host in private))


def checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """A person's headers.

    Raises:
        JobFailed: one of them belongs to the connection: it would make another request of this one.
    """
    if wrong := sorted(name for name in headers if name.lower() in _OURS or name.lower().startswith("proxy-")):
        raise JobFailed("job.payload_invalid", f"headers: {', '.join(wrong)[:100]} is made by the engine.", retryable=False)
    return dict(headers)


def headers_for(headers: Mapping[str, str], was: Origin, now: Origin) -> dict[str, str]:
    """What of the headers goes along with a redirect: elsewhere, nothing that could be a credential."""
    return {name: value for name, value in headers.items() if was == now or name.lower() in _KEPT_ELSEWHERE}


def method_for(method: str, status: int) -> tuple[str, bool]:
    """The next request's method, and whether the body goes along (RFC 9110 §15.4)."""
    if status in {307, 308} or method in {"GET", "HEAD"}:
        return method, True
    return "GET", False


def too_dense(packed: int, unpacked: int) -> bool:
    """Is so long a body out of so few bytes meant to fill the memory?"""
    return unpacked > RATIO_FROM_BYTES and unpacked > RATIO_MAX * max(packed, 1)


def _on(origin: Origin, listed: frozenset[str]) -> bool:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return f"{host}:{origin.port}" in listed or (origin.plain and (host in listed or origin.host in listed))
