"""Failures as OpenAI's error objects, for what is served below `/v1`."""

from typing import Any, Final

from starlette.responses import Response

from contract.errors import BudgetExhausted, FloworkError
from kit.strict_json import encode

PREFIX: Final = "/v1/"
STATUS: Final = {"job.payload_invalid": 400, "model.unknown": 404, "job.kind_unserved": 503, "engine.unknown": 403}
"""Where that wire answers otherwise than ours."""
CODES: Final = {
    "auth.api_key_invalid": "invalid_api_key",
    "model.unknown": "model_not_found",
    "budget.exhausted": "insufficient_quota",
}
RATE: Final = "rate_limit_exceeded"


def status_of(error: FloworkError) -> int:
    """The status that clients of that wire expect."""
    return STATUS.get(error.code, error.status)


def document(error: FloworkError) -> dict[str, Any]:
    """`{"error": ...}`; `code` is OpenAI's where it has one, else ours, or that of the job's failure."""
    status = status_of(error)
    code = CODES.get(error.code) or error.extra.get("job_code") or (RATE if status == 429 else error.code)
    param = error.extra.get("param")
    return {
        "error": {
            "message": error.detail.replace("payload.", ""),
            "type": _type(status, error),
            "param": param.removeprefix("payload.") if isinstance(param, str) else None,
            "code": code,
        }
    }


def response(error: FloworkError) -> Response:
    """Render one failure."""
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    status = status_of(error)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, BudgetExhausted):
        headers["X-Should-Retry"] = "false"  # what the official clients heed: midnight is far
    return Response(encode(document(error)), status, headers, "application/json")


def _type(status: int, error: FloworkError) -> str:
    if isinstance(error, BudgetExhausted):
        return "insufficient_quota"
    match status:
        case 401:
            return "authentication_error"
        case 403:
            return "permission_error"
        case 429:
            return "rate_limit_error"
        case _:
            return "server_error" if status >= 500 else "invalid_request_error"
