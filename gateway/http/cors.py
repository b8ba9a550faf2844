"""What browsers are told about pages of other origins (Fetch standard; security reference §5.3)."""

from typing import Final

from gateway.http.sanity import Headers, Named

VARY: Final = (b"vary", b"Origin")
EXPOSED: Final = b"retry-after, ratelimit, ratelimit-policy, dpop-nonce, date, x-request-id, flowork-state"
PREFLIGHT: Final[Headers] = [
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
    (
        b"access-control-allow-headers",
        b"authorization, dpop, content-type, idempotency-key, flowork-approval, traceparent, tracestate, if-match",
    ),
    (b"access-control-max-age", b"600"),
]


def is_preflight(method: str, headers: Named) -> bool:
    """Whether a browser asks before it sends the real request. The origin has been judged by then."""
    return method == "OPTIONS" and b"origin" in headers and b"access-control-request-method" in headers


def preflight(headers: Named) -> Headers:
    """What it is told, beside `allowed`."""
    if headers.get(b"access-control-request-private-network") == "true":
        return [*PREFLIGHT, (b"access-control-allow-private-network", b"true")]  # no browser waits for it any more; harmless
    return PREFLIGHT


def allowed(origin: str | None) -> Headers:
    """What lets the page read the answer: its own origin, never `*`, never with credentials (there are no cookies)."""
    if origin is None:
        return []
    return [(b"access-control-allow-origin", origin.encode()), (b"access-control-expose-headers", EXPOSED)]
