"""Why attempts fail, once: the codes of `JobError` that are our own. Kinds of third parties bring others.

`contract.errors` has what is answered to a caller; this is what stands in a job that ended badly.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class FailureClass(StrEnum):
    """What a failure means for the job."""

    RETRYABLE = "retryable"
    """Another attempt may help, and is made while there are any left."""
    FATAL = "fatal"
    """It would fail again in the same way."""
    REFUSED = "refused"
    """Somebody has the right to say no, and did."""
    BUDGET = "budget"
    """Money or tokens are spent."""


@dataclass(frozen=True, slots=True)
class JobFailure:
    """One code."""

    kind: FailureClass
    says: str
    asker: bool = False
    """By whoever asked, so that no promise is broken by it (protocol §9)."""


JOB_FAILURES: Final = {
    "http.status": JobFailure(FailureClass.RETRYABLE, "The server answered 5xx, 408, 425 or 429."),
    "http.unreachable": JobFailure(FailureClass.RETRYABLE, "No connection, or it broke."),
    "job.exception": JobFailure(FailureClass.RETRYABLE, "The handler raised what it should not."),
    "job.failed": JobFailure(FailureClass.RETRYABLE, "The engine gave no reason."),
    "job.process_died": JobFailure(FailureClass.RETRYABLE, "The process that ran it died."),
    "job.timeout": JobFailure(FailureClass.RETRYABLE, "It ran longer than its `timeout_s`."),
    "provider.circuit_open": JobFailure(FailureClass.RETRYABLE, "The model failed several times in a row, and is left alone for a while."),
    "provider.failed": JobFailure(FailureClass.RETRYABLE, "The provider failed: 5xx, or an error in mid-answer."),
    "provider.malformed": JobFailure(FailureClass.RETRYABLE, "What came is not what its wire says, or has no end."),
    "provider.overloaded": JobFailure(FailureClass.RETRYABLE, "The provider has too much to do."),
    "provider.rate_limited": JobFailure(FailureClass.RETRYABLE, "The provider takes no more for now."),
    "provider.timeout": JobFailure(FailureClass.RETRYABLE, "A phase took longer than its deadline."),
    "provider.unreachable": JobFailure(FailureClass.RETRYABLE, "No connection to the provider, or it broke."),
    "tool.failed": JobFailure(FailureClass.RETRYABLE, "The tool failed."),
    "tool.timeout": JobFailure(FailureClass.RETRYABLE, "The tool took longer than its deadline."),
    "tool.unavailable": JobFailure(FailureClass.RETRYABLE, "The tool's server does not run."),
    "http.body_refused": JobFailure(FailureClass.FATAL, "The answer is larger, or unpacks to more, than is taken."),
    "http.too_many_redirects": JobFailure(FailureClass.FATAL, "It was sent on more than three times."),
    "job.cancelled": JobFailure(FailureClass.FATAL, "It was cancelled."),
    "job.lease_lost": JobFailure(FailureClass.FATAL, "Engines vanished each time they ran it."),
    "job.result_invalid": JobFailure(FailureClass.FATAL, "The handler's result is no JSON, or too large."),
    "provider.key_invalid": JobFailure(FailureClass.FATAL, "The provider's key is missing, locked away, or not taken."),
    "tool.too_many": JobFailure(FailureClass.FATAL, "The chat called tools too often."),
    "job.kind_unserved": JobFailure(FailureClass.FATAL, "The engine does not serve the kind.", asker=True),
    "job.payload_invalid": JobFailure(FailureClass.FATAL, "The payload does not fit its kind.", asker=True),
    "provider.input_invalid": JobFailure(FailureClass.FATAL, "The provider does not take it: too long, or beyond it.", asker=True),
    "provider.model_unknown": JobFailure(FailureClass.FATAL, "There is no such model, or the owner has not ticked it.", asker=True),
    "tool.arguments_invalid": JobFailure(FailureClass.FATAL, "The arguments do not fit the tool's schema.", asker=True),
    "tool.unknown": JobFailure(FailureClass.FATAL, "The engine has no such tool.", asker=True),
    "engine.user_not_allowed": JobFailure(FailureClass.REFUSED, "The engine may not work for the job's user.", asker=True),
    "http.address_refused": JobFailure(FailureClass.REFUSED, "The host leads to an address where jobs are not let.", asker=True),
    "http.host_not_allowed": JobFailure(FailureClass.REFUSED, "The host is not on the owner's list.", asker=True),
    "provider.refused": JobFailure(FailureClass.REFUSED, "The provider will not answer this.", asker=True),
    "tool.not_allowed": JobFailure(FailureClass.REFUSED, "The owner has not allowed its user the engine's tools.", asker=True),
    "provider.budget": JobFailure(FailureClass.BUDGET, "The provider wants money."),
}
"""By code. An attempt's own word on whether it is tried again counts more than the class, which is the usual case."""
