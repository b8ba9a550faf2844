"""How loud the access log's line of one answer is, so that a busy gateway's log is about what people did and what went wrong."""

import logging
from typing import Final

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def level_of(method: str, status: int | None, *, known: bool) -> int:
    """The level of an answer's line, as a number of the standard library.

    Args:
        method: of the request.
        status: of the answer; None when none was sent (a live socket that ended, a client that left).
        known: whether a user who proved who they are, or the owner on the admin listener, asked.

    Returns:
        WARNING for the gateway's own failures, INFO for what a person changed or was refused to change, else DEBUG: reading,
        engines' calls (a long poll each few milliseconds), and strangers, who could fill the log.
    """
    if status is not None and status >= 500:
        return logging.WARNING
    return logging.INFO if known and status is not None and method not in READING else logging.DEBUG
