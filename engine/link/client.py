"""The gateway, as an engine sees it: four calls over HTTP."""

import contextlib
from collections.abc import AsyncIterator
from typing import TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError

from contract.engine_link import (
    AppendAnswer,
    AppendRequest,
    ClaimAnswer,
    ClaimRequest,
    FinishAnswer,
    FinishReport,
    FinishRequest,
    HeartbeatAnswer,
    HeartbeatRequest,
)
from contract.errors import FloworkError, GatewayUnreachable, from_problem
from kit.strict_json import JsonRefused, decode

A = TypeVar("A", bound=BaseModel)
CALL_S = 10.0
CLAIM_SLACK_S = 5.0
DEPTH_MAX = 64


class HttpLink:
    """Talks to one gateway for one engine. Bound to the event loop it was opened in."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = base

    async def claim(self, request: ClaimRequest) -> ClaimAnswer:
        """Long poll. Raises FloworkError (GatewayUnreachable when nobody answers)."""
        return await self._post("/claim", request, ClaimAnswer, request.wait_ms / 1000 + CLAIM_SLACK_S)

    async def heartbeat(self, request: HeartbeatRequest) -> HeartbeatAnswer:
        """Renew. Raises FloworkError."""
        return await self._post("/heartbeat", request, HeartbeatAnswer)

    async def append(self, request: AppendRequest) -> AppendAnswer:
        """Send progress, log lines and output. Raises FloworkError."""
        return await self._post("/events", request, AppendAnswer)

    async def finish(self, report: FinishReport) -> FinishAnswer:
        """End an attempt. Raises LeaseLost, LeaseConflict or another FloworkError."""
        request = FinishRequest(token=report.token, outcome=report.outcome, result=report.result, error=report.error)
        return await self._post(f"/jobs/{report.job}/finish", request, FinishAnswer)

    async def _post(self, path: str, request: BaseModel, answer: type[A], seconds: float = CALL_S) -> A:
        data = request.model_dump_json().encode()
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=CALL_S)
        try:
            async with self._session.post(self._base + path, data=data, timeout=timeout, allow_redirects=False) as response:
                body = await response.read()
                if response.status >= 300:
                    raise _problem(body, response)
                return answer.model_validate_json(body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise GatewayUnreachable(f"{type(error).__name__} while calling the gateway.") from error
        except ValidationError as error:
            raise GatewayUnreachable("What answered does not speak Flowork.") from error


def _problem(body: bytes, response: aiohttp.ClientResponse) -> FloworkError:
    try:
        document = decode(body, DEPTH_MAX)
    except JsonRefused:
        document = {}
    if not isinstance(document, dict) or not isinstance(document.get("code"), str):
        # Not a gateway's word, whatever its number: nothing may be given up for it. A redirect would carry the token away.
        return GatewayUnreachable(f"Something that is not a gateway answered {response.status}.")
    error = from_problem(document, response.status)
    seconds = response.headers.get("Retry-After", "")
    if error.retry_after_s is None and seconds.isdecimal():
        error.retry_after_s = int(seconds)
    return error


@contextlib.asynccontextmanager
async def open_link(gateway: str, engine_id: str, token: str) -> AsyncIterator[HttpLink]:
    """A link with its own connections, for the running loop."""
    headers = {"X-Engine-Id": engine_id, "X-Engine-Token": token, "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    async with aiohttp.ClientSession(headers=headers, connector=connector, trust_env=False) as session:
        yield HttpLink(session, gateway.rstrip("/") + "/internal/v1")
