"""What to make of a tunnel client: how the endpoint is, when to try again, and what cannot be tried again."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contract.endpoint import EndpointKind, EndpointState

FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 60.0
QUICK_WAIT_S: Final = 30.0
"""Between two creations of quick tunnels: Cloudflare limits them."""
PROVEN_S: Final = 60.0
"""Ready for so long, a client has earned that its next failure counts as the first."""
NOT_READY_S: Final = 90.0
"""A client that is not ready for so long hangs, and is started anew."""
USUAL_CONNECTIONS: Final = 2
"""A named tunnel opens four; below this it is degraded. A quick tunnel has one."""
QUICK_NAME: Final = re.compile(r"https://([-a-z0-9]+\.trycloudflare\.com)(?![-.\w])")
HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?")


class Fatal(StrEnum):
    """What trying again cannot mend."""

    PROGRAM = "program"
    TOKEN_MISSING = "token_missing"  # noqa: S105 - a word
    TOKEN_WRONG = "token_wrong"  # noqa: S105 - a word
    ORIGIN = "origin"
    TOO_OLD = "too_old"
    SOCKET = "socket"


REASONS: Final = {
    Fatal.PROGRAM: "cloudflared is not installed, or not where the settings say. Install it, or set [endpoint] program.",
    Fatal.TOKEN_MISSING: "There is no token for the named tunnel. Copy it from Cloudflare's dashboard: flowork endpoint set named --token",
    Fatal.TOKEN_WRONG: "Cloudflare does not take the tunnel's token. Copy it again from its dashboard: flowork endpoint set named --token",
    Fatal.TOO_OLD: "This cloudflared does not know what Flowork asks of it. Update it, then restart the endpoint.",
    Fatal.SOCKET: "A quick tunnel cannot lead to a Unix socket. Set tunnel_over_tcp = true under [gateway] in config.toml.",
    Fatal.ORIGIN: "The origin is missing: write the https address under which the tunnel is published.",
}
_TOKEN: Final = ("tunnel token is not valid", "invalid tunnel secret", "unauthorized: failed to get tunnel", "tunnel credentials")


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of a running client, at one look."""

    connections: int
    """That its edge has accepted."""
    origin: str | None
    """Where it is published; None while it is not known."""
    reached: bool | None
    """Was the gateway reached from outside? None while nobody has looked since the origin is known."""


def judge(kind: EndpointKind, reading: Reading) -> EndpointState:
    """How the endpoint is while its client runs."""
    if reading.connections == 0 or reading.origin is None or reading.reached is None:
        return EndpointState.STARTING
    if not reading.reached:
        return EndpointState.UNREACHABLE
    return EndpointState.DEGRADED if kind is EndpointKind.NAMED and reading.connections < USUAL_CONNECTIONS else EndpointState.READY


def wait_s(kind: EndpointKind, failures: int, uniform: Callable[[], float]) -> float:
    """How long to wait before the next start; `failures` in a row, from 1 on. Half of it is drawn."""
    ceiling = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures - 1, 16))
    wait = ceiling * (0.5 + uniform() / 2)
    return max(QUICK_WAIT_S, wait) if kind is EndpointKind.QUICK else wait


def fatal(lines: Iterable[str]) -> Fatal | None:
    """Does what the client said last tell of something that nobody mends by waiting? The word "error" alone tells nothing."""
    for line in lines:
        said = line.lower()
        if "flag provided but not defined" in said:
            return Fatal.TOO_OLD
        if any(words in said for words in _TOKEN):
            return Fatal.TOKEN_WRONG
    return None


def quick_host(line: str) -> str | None:
    """The name of a quick tunnel in a line of its client, if it is there."""
    found = QUICK_NAME.search(line)
    return None if found is None else found[1]


def origin_of(host: str) -> str | None:
    """The origin of a host that a client names; None for what is none."""
    return f"https://{host}" if HOST.fullmatch(host) else None
