"""What a provider's failure means: for the job, for another try, for the next one of an alias, and for the breaker."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from engine.rules.failures import JobFailed


class Trouble(Enum):
    """Failures without a status of HTTP."""

    UNREACHABLE = "unreachable"
    """No connection, or it broke."""
    TIMEOUT = "timeout"
    """A phase took longer than its deadline."""
    MALFORMED = "malformed"
    """What came is not what its wire says, or too much."""
    REDIRECTED = "redirected"
    """It points elsewhere; keys are not carried after it."""
    KEY_MISSING = "key_missing"
    """Its key is named, and not in the secret store."""
    KEY_LOCKED = "key_locked"
    """The secret store is locked or gone."""
    INPUT = "input"
    """Its wire cannot say what was asked."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about a failure."""

    code: str
    again: bool = False
    """Another try at the same model may help, soon."""
    falls_back: bool = False
    """Another model of the alias may do it."""
    ill: bool = False
    """It counts for the breaker: the provider is ill, rather than right to refuse."""
    retryable: bool = False
    """Another attempt of the job may help, later."""


_ILL: Final = {"again": True, "falls_back": True, "ill": True, "retryable": True}
RATE_LIMITED: Final = Verdict("provider.rate_limited", again=True, falls_back=True, retryable=True)
OVERLOADED: Final = Verdict("provider.overloaded", **_ILL)
UNREACHABLE: Final = Verdict("provider.unreachable", **_ILL)
TIMEOUT: Final = Verdict("provider.timeout", **_ILL)
FAILED: Final = Verdict("provider.failed", **_ILL)
MALFORMED: Final = Verdict("provider.malformed", **_ILL)
TOO_MUCH: Final = Verdict("provider.malformed")
"""An answer beyond all bounds: it would be as long, and as dear, the next time."""
REDIRECTED: Final = Verdict("provider.failed", falls_back=True)
KEY_INVALID: Final = Verdict("provider.key_invalid", falls_back=True)
KEY_LOCKED: Final = Verdict("provider.key_invalid", falls_back=True, retryable=True)
BUDGET: Final = Verdict("provider.budget", falls_back=True)
MODEL_UNKNOWN: Final = Verdict("provider.model_unknown", falls_back=True)
REFUSED: Final = Verdict("provider.refused")
INPUT_INVALID: Final = Verdict("provider.input_invalid")
TOO_LONG: Final = Verdict("provider.input_invalid", falls_back=True)
CIRCUIT_OPEN: Final = Verdict("provider.circuit_open", falls_back=True, retryable=True)

_BY_TROUBLE: Final = {
    Trouble.UNREACHABLE: UNREACHABLE,
    Trouble.TIMEOUT: TIMEOUT,
    Trouble.MALFORMED: MALFORMED,
    Trouble.REDIRECTED: REDIRECTED,
    Trouble.KEY_MISSING: KEY_INVALID,
    Trouble.KEY_LOCKED: KEY_LOCKED,
    Trouble.INPUT: INPUT_INVALID,
}
_BY_WORD: Final = {
    "insufficient_quota": BUDGET,
    "billing_error": BUDGET,
    "billing_hard_limit_reached": BUDGET,
    "content_filter": REFUSED,
    "content_policy_violation": REFUSED,
    "context_length_exceeded": TOO_LONG,
    "exceed_context_size_error": TOO_LONG,
    "model_not_found": MODEL_UNKNOWN,
    "rate_limit_error": RATE_LIMITED,
    "rate_limit_exceeded": RATE_LIMITED,
    "overloaded_error": OVERLOADED,
    "server_error": FAILED,
    "api_error": FAILED,
    "timeout_error": TIMEOUT,
    "authentication_error": KEY_INVALID,
    "permission_error": KEY_INVALID,
    "not_found_error": MODEL_UNKNOWN,
    "request_too_large": TOO_LONG,
    "invalid_api_key": KEY_INVALID,
    "invalid_request_error": INPUT_INVALID,
}
"""Words of OpenAI's and Anthropic's errors (`type` or `code`); servers that imitate them use some."""
_BY_STATUS: Final = {
    400: INPUT_INVALID,
    401: KEY_INVALID,
    402: BUDGET,
    403: KEY_INVALID,
    404: MODEL_UNKNOWN,
    408: TIMEOUT,
    409: FAILED,
    413: TOO_LONG,
    425: FAILED,
    429: RATE_LIMITED,
    503: OVERLOADED,
    504: TIMEOUT,
    529: OVERLOADED,
}


def judge(status: int | None, words: tuple[str | None, ...] = (), trouble: Trouble | None = None) -> Verdict:
    """Classify one failure.

    Args:
        status: of the HTTP answer; None when there was none, or it was 200 and the error came in the stream.
        words: `code` and `type` of the provider's error, the more telling one first.
        trouble: what happened instead of an answer.

    Returns:
        The first word that says more than the status; else what the status says. Whatever is unknown counts as the provider's failure.
    """
    if trouble is not None:
        return _BY_TROUBLE[trouble]
    known = [_BY_WORD[word] for word in words if word in _BY_WORD]
    if status is None or 200 <= status < 300:
        return known[0] if known else FAILED
    said = known[0] if known else None
    if status >= 500:  # a gateway in between may repeat old words with a new status; what is ill is not to be blamed on the person
        return _BY_STATUS.get(status, FAILED)
    if said is not None and said is not INPUT_INVALID:
        return said
    if 300 <= status < 400:
        return REDIRECTED
    return _BY_STATUS.get(status, INPUT_INVALID)


class ProviderFailed(JobFailed):
    """One call to a provider failed. `retry_after_s` is what it asked for; `begun`: text of this call has gone out to the person.

    The message is for the person, and has neither key nor words of a person or provider in it.
    """

    def __init__(self, verdict: Verdict, message: str, retry_after_s: float | None = None) -> None:
        self.verdict = verdict
        self.begun = False
        super().__init__(verdict.code, message, retryable=verdict.retryable, retry_after_s=retry_after_s)


_SAYS: Final = {
    "provider.rate_limited": "asks for fewer requests",
    "provider.overloaded": "is overloaded",
    "provider.unreachable": "cannot be reached, or hung up",
    "provider.timeout": "took too long",
    "provider.failed": "failed",
    "provider.malformed": "answered what cannot be read",
    "provider.key_invalid": "does not take its key; the engine's owner sets it with 'flowork providers key set'",
    "provider.budget": "has no credit left; the engine's owner must look after it",
    "provider.model_unknown": "does not have this model",
    "provider.refused": "refuses this by its content rules",
    "provider.input_invalid": "does not take this request",
    "provider.circuit_open": "failed repeatedly and is left alone for a while",
}


def failed(target: str, verdict: Verdict, *, status: int | None = None, retry_after_s: float | None = None) -> ProviderFailed:
    """The failure of `provider/model`, in words for a person."""
    shown = "" if status is None else f" (status {status})"
    return ProviderFailed(verdict, f"{target} {_SAYS[verdict.code]}{shown}.", retry_after_s)


def retry_after_s(text: str | None, milliseconds: str | None = None) -> float | None:
    """Seconds of a `Retry-After` header (RFC 9110 §10.2.3) or of `retry-after-ms`; None where there is none, or a date."""
    for said, unit in ((milliseconds, 1000.0), (text, 1.0)):
        try:
            value = float(said or "") / unit
        except ValueError:
            continue
        if 0 <= value < float("inf"):
            return value
    return None
