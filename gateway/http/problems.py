"""Failures as RFC 9457 problem+json: one place, never the input, a stack or SQL."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from contract.drain import DRAINING_HEADER
from contract.errors import (
    AuthenticationInvalid,
    FloworkError,
    MethodNotAllowed,
    MetricsTokenInvalid,
    ProofInvalid,
    QueueDraining,
    RequestInvalid,
    RouteUnknown,
    ServerDraining,
)
from gateway.http import openai_errors
from kit.logs import Log
from kit.strict_json import encode

log = Log("http")
MEDIA_TYPE = "application/problem+json"
FIELDS_NAMED_MAX = 10
CLIENT_LEFT = 499


def response(error: FloworkError, request_id: str | None) -> Response:
    """Render one failure."""
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    if isinstance(error, QueueDraining | ServerDraining):
        headers[DRAINING_HEADER] = "draining"
    if error.status == 401:
        headers["WWW-Authenticate"] = _scheme(error)
    if error.status == 429:
        headers |= _rate_limit(error)
    return Response(encode(error.problem(request_id)), error.status, headers, MEDIA_TYPE)


def rendered(path: str, error: FloworkError, request_id: str | None) -> Response:
    """Render one failure as the clients of a path read it."""
    return openai_errors.response(error) if path.startswith(openai_errors.PREFIX) else response(error, request_id)


def _rate_limit(error: FloworkError) -> dict[str, str]:
    """Draft-ietf-httpapi-ratelimit-headers-10: nothing is left, until then."""
    policy = error.code.rpartition(".")[2]
    headers = {"RateLimit": f'"{policy}";r=0;t={error.retry_after_s}'}
    if "quota" in error.extra:
        headers["RateLimit-Policy"] = f'"{policy}";q={error.extra["quota"]};w={error.extra["window_s"]}'
    return headers


def _scheme(error: FloworkError) -> str:
    """How to authenticate instead (RFC 9110 §11.6.1, RFC 9449 §7.1)."""
    if isinstance(error, MetricsTokenInvalid):
        return "Bearer"  # RFC 6750
    if not error.code.startswith("auth."):
        return "X-Engine-Token"
    if isinstance(error, ProofInvalid):
        return 'DPoP error="invalid_dpop_proof", algs="ES256"'
    return 'DPoP error="invalid_token", algs="ES256"' if isinstance(error, AuthenticationInvalid) else 'DPoP algs="ES256"'


def invalid(error: ValidationError | RequestValidationError) -> RequestInvalid:
    """Say which fields are wrong and why, without what was in them."""
    told = []
    for mistake in error.errors()[:FIELDS_NAMED_MAX]:
        place = ".".join(str(part) for part in mistake["loc"] if part not in {"body", "query", "header", "path"})
        told.append(f"{place or 'body'}: {mistake['msg']}")
    return RequestInvalid("; ".join(told) + ".")


def install(app: FastAPI) -> None:
    """Make every failure of an app a problem document."""

    async def flowork(request: Request, error: Exception) -> Response:
        assert isinstance(error, FloworkError)
        request.state.problem = error.code
        return rendered(request.url.path, error, request.state.request_id)

    async def validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError | ValidationError)
        return rendered(request.url.path, invalid(error), request.state.request_id)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        answer = rendered(request.url.path, _of_status(error.status_code), request.state.request_id)
        answer.headers.update(error.headers or {})
        return answer

    async def left(request: Request, error: Exception) -> Response:  # noqa: ARG001
        return Response(status_code=CLIENT_LEFT)  # goes nowhere

    async def unexpected(request: Request, error: Exception) -> Response:
        log.error("http.unexpected", exc_info=error, route=getattr(request.scope.get("route"), "path", None))
        return rendered(request.url.path, FloworkError(), request.state.request_id)

    handlers: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
        FloworkError: flowork,
        RequestValidationError: validation,
        ValidationError: validation,
        HTTPException: http,
        ClientDisconnect: left,
        Exception: unexpected,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def _of_status(status: int) -> FloworkError:
    match status:
        case 404:
            return RouteUnknown()
        case 405:
            return MethodNotAllowed()
        case _:
            return RequestInvalid(f"The request was refused ({status}).")
