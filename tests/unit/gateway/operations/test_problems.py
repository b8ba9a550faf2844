"""Every failure that leaves the gateway is a problem document with its own status, and tells nothing of our insides."""

import contextlib
import json
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from contract.errors import REGISTRY, FloworkError, MethodNotAllowed, QueueFull, RequestInvalid, from_problem
from gateway.http import problems

KINDS = [FloworkError, *REGISTRY.values()]
SECRET = "password=hunter2 SELECT * FROM users"


class Asked(BaseModel):
    """A body with something to get wrong."""

    count: int
    name: str = ""


async def ask(
    error: BaseException | None = None, method: str = "GET", path: str = "/", query: bytes = b""
) -> tuple[int, dict[str, str], Any]:
    """Call an app whose route raises; status, headers, document."""
    app = FastAPI()
    problems.install(app)

    @app.get("/")
    async def route(count: Annotated[int, Query(ge=1)] = 1) -> None:
        if error is not None:
            raise error

    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [],
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "state": {"request_id": "r-1"},
    }
    with contextlib.suppress(ZeroDivisionError):  # Starlette raises again, for the server's log, what nobody expected
        await app(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, json.loads(b"".join(message.get("body", b"") for message in sent[1:]) or b"null")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
async def test_every_error_of_ours_is_a_problem_with_its_status(kind: type[FloworkError]):
    error = kind()
    status, headers, document = await ask(error)
    assert status == kind.status
    assert headers["content-type"] == "application/problem+json"
    assert document == error.problem("r-1")
    assert document["status"] == status
    assert headers.get("retry-after") == (None if error.retry_after_s is None else str(document["retry_after"]))
    assert (headers.get("www-authenticate") is not None) == (status == 401)
    assert type(from_problem(document, status)) is kind or kind is FloworkError


async def test_the_wait_is_whole_seconds_and_never_none_at_all():
    for wait, told in ((0.01, "1"), (1, "1"), (1.2, "2"), (60, "60")):
        assert (await ask(QueueFull(retry_after_s=wait)))[1]["retry-after"] == told


async def test_the_detail_and_the_extras_of_an_error_are_told():
    _, _, document = await ask(QueueFull("Come back.", waiting=3))
    assert (document["detail"], document["waiting"], document["request_id"]) == ("Come back.", 3, "r-1")


async def test_what_nobody_expected_is_a_500_without_its_text(caplog: pytest.LogCaptureFixture):
    status, headers, document = await ask(ZeroDivisionError(SECRET))
    assert (status, headers["content-type"]) == (500, "application/problem+json")
    assert document == FloworkError().problem("r-1")
    assert "hunter2" not in json.dumps(document)
    assert any(record.exc_info for record in caplog.records)  # but the log has it


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/nothing", 404, "request.route_unknown"), ("DELETE", "/", 405, "request.method_not_allowed")],
)
async def test_what_the_router_refuses_is_a_problem_too(method: str, path: str, status: int, code: str):
    answered, headers, document = await ask(method=method, path=path)
    assert (answered, document["code"], headers["content-type"]) == (status, code, "application/problem+json")
    if status == MethodNotAllowed.status:
        assert headers["allow"] == "GET"


async def test_another_http_exception_tells_no_more_than_its_number():
    status, _, document = await ask(HTTPException(418, SECRET))
    assert (status, document["code"]) == (400, "request.invalid")
    assert "hunter2" not in json.dumps(document)
    assert "418" in document["detail"]


async def test_a_bad_parameter_is_named_without_what_was_in_it():
    status, _, document = await ask(query=b"count=hunter2")
    assert (status, document["code"]) == (400, "request.invalid")
    assert document["detail"].startswith("count: ")
    assert "hunter2" not in json.dumps(document)


def mistakes_of(given: dict[str, Any]) -> RequestInvalid:
    with pytest.raises(ValidationError) as refused:
        Asked.model_validate(given)
    return problems.invalid(refused.value)


def test_every_wrong_field_is_named_without_what_was_in_it():
    detail = mistakes_of({"count": "hunter2", "name": 7}).detail
    assert "count: " in detail
    assert "name: " in detail
    assert "hunter2" not in detail


def test_a_flood_of_mistakes_is_cut_short():
    class Many(BaseModel):
        items: list[int]

    with pytest.raises(ValidationError) as refused:
        Many.model_validate({"items": ["x"] * 1000})
    assert problems.invalid(refused.value).detail.count(";") == problems.FIELDS_NAMED_MAX - 1


async def test_a_bad_document_of_ours_raised_inside_a_route_is_refused_as_the_callers():
    with pytest.raises(ValidationError) as refused:
        Asked.model_validate({"count": "hunter2"})
    status, _, document = await ask(refused.value)
    assert (status, document["code"]) == (400, "request.invalid")
