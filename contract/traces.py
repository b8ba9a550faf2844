"""Which spans of a job both ends of the engine's link name, so that either can tell of them without asking the other."""

import hashlib

from kit.trace_context import TraceContext


def attempt_span(submit: TraceContext, token: str) -> TraceContext:
    """The span of the attempt that holds this lease token.

    One attempt is one span, whoever tells its end: its engine, or the gateway when that is gone.
    """
    return _span(submit, "attempt", token)


def wait_span(submit: TraceContext, token: str) -> TraceContext:
    """The span of the wait that ended with this lease."""
    return _span(submit, "wait", token)


def _span(submit: TraceContext, name: str, token: str) -> TraceContext:
    # The token is a secret; 8 bytes of a digest tell nothing of it.
    digest = hashlib.sha256(f"flowork {name} {token}".encode()).hexdigest()
    return TraceContext(submit.trace_id, digest[:16], submit.flags)
