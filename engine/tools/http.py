"""`http`: one real request to a host that the owner listed."""

import json
from typing import Any

import aiohttp
from pydantic import ValidationError

from contract import limits
from contract.kinds import HttpPayload
from engine.rules import web
from engine.rules.failures import JobFailed
from engine.rules.kinds import Job, Kind, Value
from engine.tools.safe_http import Answer, Asked, SafeHttp
from kit.text import encodable

BODY_MAX_BYTES = limits.MIB
TRY_AGAIN = frozenset({408, 425, 429})


def kind(client: SafeHttp) -> Kind:
    """The kind over a list of hosts."""

    async def http(job: Job, payload: Any) -> Any:
        try:
            asked = HttpPayload.model_validate(payload)
        except ValidationError as error:
            places = ", ".join(".".join(str(part) for part in mistake["loc"]) for mistake in error.errors())
            raise JobFailed("job.payload_invalid", f"Not an http request: {places}.", retryable=False) from error
        return await _request(job, asked, client)

    return Kind("http", http)


async def _request(job: Job, asked: HttpPayload, client: SafeHttp) -> Any:
    url = client.checked(asked.url)
    headers = web.checked_headers(asked.headers)
    told: dict[str, Value] = {"http.request.method": asked.method, "server.address": url.host or "", "server.port": url.port or 0}
    try:
        with job.call(asked.method, told) as call:
            sent = {**_without(headers, "traceparent"), "traceparent": call.traceparent}
            body, sent = _body(asked, sent)
            answer = await client.send(Asked(asked.method, url, sent, body, asked.timeout_s, BODY_MAX_BYTES))
            call.tell({"http.response.status_code": answer.status})
        return _answer(answer)
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        if isinstance(error, aiohttp.InvalidURL):
            raise _unsendable() from error
        raise JobFailed("http.unreachable", f"{type(error).__name__} while calling {url.host}.") from error
    except ValueError as error:  # what cannot be put into a request: a line break in a header
        raise _unsendable() from error


def _unsendable() -> JobFailed:
    return JobFailed("job.payload_invalid", "This cannot be sent as an HTTP request.", retryable=False)


def _without(headers: dict[str, str], left_out: str) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != left_out}


def _body(asked: HttpPayload, headers: dict[str, str]) -> tuple[bytes | None, dict[str, str]]:
    named = any(name.lower() == "content-type" for name in headers)
    if asked.json_ is not None:
        return json.dumps(asked.json_).encode(), headers if named else {**headers, "Content-Type": "application/json"}
    if asked.body is not None:
        return asked.body.encode(), headers if named else {**headers, "Content-Type": "text/plain; charset=utf-8"}
    return None, headers


def _charset(named: str | None) -> str:
    named = named or "utf-8"
    try:
        b"x".decode(named, "replace")
    except LookupError:  # unknown, or a codec that makes no text
        return "utf-8"
    return named


def _answer(answer: Answer) -> Any:
    if answer.status >= 500 or answer.status in TRY_AGAIN:
        seconds = answer.headers.get("Retry-After", "")
        wait = float(seconds) if seconds.isdecimal() else None
        raise JobFailed("http.status", f"The server answered {answer.status}.", retry_after_s=wait)
    return {
        "status": answer.status,
        "headers": {encodable(name): encodable(value) for name, value in answer.headers.items()},
        "body": answer.body.decode(_charset(answer.charset), errors="replace"),
        "truncated": answer.truncated,
    }
