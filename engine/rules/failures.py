"""How a job says that it failed."""


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
