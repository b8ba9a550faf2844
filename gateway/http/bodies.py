"""Bodies in and out: strict JSON with a limit for each route, models for both directions in the OpenAPI page."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from fastapi import FastAPI, Request
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import models_json_schema
from starlette.responses import Response

from contract import limits
from contract.errors import BodyTooLarge, MediaTypeUnsupported, RequestInvalid
from contract.jobs import Problem
from gateway.http.problems import invalid
from kit import strict_json

M = TypeVar("M", bound=BaseModel)
REF = "#/components/schemas/{model}"
_documented: dict[type[BaseModel], None] = {Problem: None}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a body may hold beside its bytes and its depth."""

    nodes: int | None
    """Values in all. None for engines: a result that was refused for it could never be reported."""
    unique_names: bool
    """Refuse a member named twice; payloads are taken as they are, the last one counts."""


CONTROL: Final = Bounds(limits.JSON_MAX_NODES, unique_names=True)
PAYLOAD: Final = Bounds(limits.PAYLOAD_JSON_MAX_NODES, unique_names=False)
REPORT: Final = Bounds(None, unique_names=False)
OFFER: Final = Bounds(limits.PAYLOAD_JSON_MAX_NODES, unique_names=True)


async def read(request: Request, model: type[M], limit: int = limits.BODY_MAX_BYTES, bounds: Bounds = CONTROL) -> M:
    """Read, bound and validate a JSON body, and hold it against the caller's proof.

    Raises:
        MediaTypeUnsupported, BodyTooLarge, RequestInvalid, ProofInvalid, ProofBodyHashMissing.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" or "content-encoding" in request.headers:
        raise MediaTypeUnsupported
    raw = await whole(request, limit)
    if (proof := getattr(request.state, "proof", None)) is not None:
        proof.check_body(raw)
    try:
        decoded = strict_json.decode(raw, limits.JSON_MAX_DEPTH, bounds.nodes, unique_names=bounds.unique_names)
        return model.model_validate(decoded)
    except strict_json.JsonRefused as error:
        raise RequestInvalid(f"body: {error}.") from error
    except ValidationError as error:
        raise invalid(error) from error


async def whole(request: Request, limit: int = limits.BODY_MAX_BYTES) -> bytes:
    """The body's bytes, which may be asked for again.

    Raises:
        BodyTooLarge.
    """
    if not hasattr(request.state, "body"):
        request.state.body = await _bytes(request, limit)
    return request.state.body  # type: ignore[no-any-return]


async def _bytes(request: Request, limit: int) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise BodyTooLarge(f"The body has {announced} bytes; the most here is {limit}.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge(f"The body has more than {limit} bytes.")
    return bytes(body)


def body(model: type[M], limit: int = limits.BODY_MAX_BYTES, bounds: Bounds = CONTROL) -> Callable[[Request], Awaitable[M]]:
    """A dependency that gives the validated body."""

    async def reader(request: Request) -> M:
        return await read(request, model, limit, bounds)

    return reader


def takes(model: type[BaseModel]) -> dict[str, Any]:
    """`openapi_extra` of a route that reads `model`."""
    _documented[model] = None
    schema = {"$ref": REF.format(model=model.__name__)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def rendered(answer: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A model as a JSON response."""
    return Response(answer.model_dump_json(), status, headers, "application/json")


def raw(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Plain values as a JSON response."""
    return Response(strict_json.encode(value), status, headers, "application/json")


PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem (RFC 9457) with a stable `code`",
        "content": {"application/problem+json": {"schema": {"$ref": REF.format(model="Problem")}}},
    }
}


def document(app: FastAPI) -> None:
    """Add the request models to the app's OpenAPI page."""
    generated = app.openapi

    def openapi() -> dict[str, Any]:
        page = generated()
        _, schemas = models_json_schema([(model, "validation") for model in _documented], ref_template=REF)
        page.setdefault("components", {}).setdefault("schemas", {}).update(schemas["$defs"])
        return page

    app.openapi = openapi  # type: ignore[method-assign]
