"""`http`: one real request to a host that the owner listed."""

from typing import Annotated, Any, Literal, Self

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator
from yarl import URL

from contract import limits
from engine.rules.failures import JobFailed
from engine.rules.kinds import Job, Kind, Value
from kit.text import encodable

BODY_MAX_BYTES = limits.MIB
TRY_AGAIN = frozenset({408, 425, 429})


class HttpPayload(BaseModel):
    """What to request. Redirects are not followed."""

    model_config = ConfigDict(extra="forbid")

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: Annotated[str, Field(max_length=8192)]
    headers: dict[str, str] = {}
    json_: Annotated[JsonValue, Field(alias="json")] = None
    body: str | None = None
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 60

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if self.json_ is not None and self.body is not None:
            raise ValueError("give json or body, not both")
        return self


def kind(hosts: tuple[str, ...]) -> Kind:
    """The kind for a list of hosts."""
    allowed = frozenset(host.lower() for host in hosts)

    async def http(job: Job, payload: Any) -> Any:
        try:
            asked = HttpPayload.model_validate(payload)
        except ValidationError as error:
            places = ", ".join(".".join(str(part) for part in mistake["loc"]) for mistake in error.errors())
            raise JobFailed("job.payload_invalid", f"Not an http request: {places}.", retryable=False) from error
        return await _request(job, asked, _checked(asked.url, allowed))

    return Kind("http", http)


def _checked(text: str, allowed: frozenset[str]) -> URL:
    """The URL, if its host is listed exactly; `name` allows the scheme's own port, `name:port` that port."""
    try:
        url = URL(text)
        host, port, default = (url.host or "").lower(), url.port, url.is_default_port()
    except ValueError as error:
        raise JobFailed("job.payload_invalid", "url: not a URL.", retryable=False) from error
    listed = f"{host}:{port}" in allowed or (default and host in allowed)
    if url.scheme not in {"http", "https"} or url.user is not None or url.password is not None or not listed:
        raise JobFailed("http.host_not_allowed", "This host is not on the engine's list (http_hosts).", retryable=False)
    return url


async def _request(job: Job, asked: HttpPayload, url: URL) -> Any:
    timeout = aiohttp.ClientTimeout(total=asked.timeout_s)
    told: dict[str, Value] = {"http.request.method": asked.method, "server.address": url.host or "", "server.port": url.port or 0}
    try:
        with job.call(asked.method, told) as call:
            headers = {**asked.headers, "traceparent": call.traceparent}
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
                session.request(asked.method, url, headers=headers, json=asked.json_, data=asked.body, allow_redirects=False) as response,
            ):
                call.tell({"http.response.status_code": response.status})
                body = await _body(response)
        return _answer(response, body)
    except (ValueError, aiohttp.InvalidURL) as error:  # what cannot be put into a request: a line break in a header
        raise JobFailed("job.payload_invalid", "This cannot be sent as an HTTP request.", retryable=False) from error
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise JobFailed("http.unreachable", f"{type(error).__name__} while calling {url.host}.") from error


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """Up to a byte more than is handed on."""
    body = await response.content.read(BODY_MAX_BYTES + 1)
    while len(body) <= BODY_MAX_BYTES and (more := await response.content.read(BODY_MAX_BYTES + 1 - len(body))):
        body += more
    return body


def _charset(response: aiohttp.ClientResponse) -> str:
    named = response.charset or "utf-8"
    try:
        b"x".decode(named, "replace")
    except LookupError:  # unknown, or a codec that makes no text
        return "utf-8"
    return named


def _answer(response: aiohttp.ClientResponse, body: bytes) -> Any:
    if response.status >= 500 or response.status in TRY_AGAIN:
        seconds = response.headers.get("Retry-After", "")
        wait = float(seconds) if seconds.isdecimal() else None
        raise JobFailed("http.status", f"The server answered {response.status}.", retry_after_s=wait)
    return {
        "status": response.status,
        "headers": {encodable(name): encodable(value) for name, value in response.headers.items()},
        "body": body[:BODY_MAX_BYTES].decode(_charset(response), errors="replace"),
        "truncated": len(body) > BODY_MAX_BYTES,
    }
