"""How a job says that it failed, and how that is told to the gateway."""

import math
from typing import Any

from contract.engine_link import Failure
from kit.text import encodable

WAIT_MAX_S = 24 * 3600.0


class JobFailed(Exception):
    """Raised by a handler.

    Args:
        code: stable word, `kind.reason`.
        message: for a person; no secrets.
        retryable: False when trying again cannot help.
        retry_after_s: the least wait before another attempt (seconds).
    """

    def __init__(self, code: str, message: str, *, retryable: bool = True, retry_after_s: float | None = None) -> None:
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        super().__init__(f"{code}: {message}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.code, self.message, self.retryable, self.retry_after_s)  # out of a process of its own


def _again(code: str, message: str, retryable: bool, retry_after_s: float | None) -> JobFailed:
    return JobFailed(code, message, retryable=retryable, retry_after_s=retry_after_s)


def told(error: JobFailed) -> Failure:
    """What the wire takes of a failure, whatever a handler, or a server it called, put into it."""
    wait_s = error.retry_after_s
    return Failure(
        code=encodable(str(error.code))[:64],
        message=encodable(str(error.message))[:4096],
        retryable=bool(error.retryable),
        retry_after_s=None if wait_s is None or math.isnan(wait_s) else min(WAIT_MAX_S, max(0.0, wait_s)),
    )


def unexpected(error: BaseException) -> JobFailed:
    """An exception that no handler meant to raise."""
    return JobFailed("job.exception", f"{type(error).__name__}: {error}"[:500])
