"""The gateway, as an engine sees it: its calls over HTTP, with whatever token is in use when each is made."""

import contextlib
from collections.abc import AsyncIterator, Collection
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import aiohttp
from pydantic import BaseModel, ValidationError

from contract.engine_link import (
    AppendAnswer,
    AppendRequest,
    ClaimAnswer,
    ClaimRequest,
    Enrolled,
    EnrolRequest,
    FinishAnswer,
    FinishReport,
    FinishRequest,
    HeartbeatAnswer,
    HeartbeatRequest,
    TokenIssued,
    Whitelist,
)
from contract.errors import EngineTokenInvalid, FloworkError, GatewayUnreachable, RouteUnknown, from_problem
from contract.words import Directive
from kit.strict_json import JsonRefused, decode

A = TypeVar("A", bound=BaseModel)
CALL_S = 10.0
CLAIM_SLACK_S = 5.0
DEPTH_MAX = 64
UNREACHED = "Is it running? On another machine it is reached through a tunnel."
NOT_SERVED = (
    "The gateway serves no engines at this address. Its owner switches on tunnel and accept_remote_engines; then use the tunnel's address."
)


class Credential(Protocol):
    """The token to show; `engine.runtime.credential` has it."""

    @property
    def text(self) -> str:
        """Now."""

    def rotate(self, shown: str) -> None:
        """The gateway, shown this token, wants another."""

    async def turn(self, refused: Collection[str]) -> bool:
        """Look for a token that was not refused; True when `text` is one now."""


class HttpLink:
    """Talks to one gateway for one engine. Bound to the event loop it was opened in."""

    def __init__(self, session: aiohttp.ClientSession, base: str, credential: Credential) -> None:
        self._session = session
        self._base = base
        self._credential = credential

    async def claim(self, request: ClaimRequest) -> ClaimAnswer:
        """Long poll. Raises FloworkError (GatewayUnreachable when nobody answers)."""
        answer, shown = await self._post("/claim", request, ClaimAnswer, request.wait_ms / 1000 + CLAIM_SLACK_S)
        self._heed(answer.directive, shown)
        return answer

    async def heartbeat(self, request: HeartbeatRequest) -> HeartbeatAnswer:
        """Renew. Raises FloworkError."""
        answer, shown = await self._post("/heartbeat", request, HeartbeatAnswer)
        self._heed(answer.directive, shown)
        return answer

    async def append(self, request: AppendRequest) -> AppendAnswer:
        """Send progress, log lines and output. Raises FloworkError."""
        return (await self._post("/events", request, AppendAnswer))[0]

    async def finish(self, report: FinishReport) -> FinishAnswer:
        """End an attempt. Raises LeaseLost, LeaseConflict or another FloworkError."""
        request = FinishRequest(
            token=report.token,
            outcome=report.outcome,
            result=report.result,
            error=report.error,
            phases=report.phases,
            traceparent=report.traceparent,
            usage=report.usage,
        )
        return (await self._post(f"/jobs/{report.job}/finish", request, FinishAnswer))[0]

    async def whitelist(self) -> Whitelist:
        """The users the engine may work for. Raises FloworkError."""
        return (await self._call("GET", "/whitelist", None, Whitelist))[0]

    async def renew_token(self) -> TokenIssued:
        """A new token, in exchange for the one in use. Raises FloworkError."""
        return (await self._call("POST", "/token", None, TokenIssued))[0]

    async def prove(self, token: str) -> None:
        """Call once with another token. Raises EngineTokenInvalid or another FloworkError."""
        await self._send("GET", "/whitelist", None, Whitelist, CALL_S, token)

    def _heed(self, directive: Directive, shown: str) -> None:
        if directive is Directive.ROTATE:
            self._credential.rotate(shown)

    async def _post(self, path: str, request: BaseModel, answer: type[A], seconds: float = CALL_S) -> tuple[A, str]:
        return await self._call("POST", path, request.model_dump_json().encode(), answer, seconds)

    async def _call(self, method: str, path: str, data: bytes | None, answer: type[A], seconds: float = CALL_S) -> tuple[A, str]:
        """The answer, and the token that was shown. A refused token is followed by another one, if there is another."""
        refused: list[str] = []
        while True:
            token = self._credential.text
            try:
                return await self._send(method, path, data, answer, seconds, token), token
            except EngineTokenInvalid:
                refused.append(token)
                if not await self._credential.turn(refused):
                    raise

    async def _send(self, method: str, path: str, data: bytes | None, answer: type[A], seconds: float, token: str) -> A:
        return await _ask(self._session, method, self._base + path, data, answer, seconds, {"X-Engine-Token": token})


async def enrol(gateway: str, request: EnrolRequest) -> Enrolled:
    """Exchange a one-time code for a token. Raises EnrolmentCodeInvalid or another FloworkError."""
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(trust_env=False) as session:
        return await _ask(session, "POST", _base(gateway) + "/enrol", request.model_dump_json().encode(), Enrolled, CALL_S, headers)


async def _ask(
    session: aiohttp.ClientSession, method: str, url: str, data: bytes | None, answer: type[A], seconds: float, headers: dict[str, str]
) -> A:
    timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=CALL_S)
    try:
        async with session.request(method, url, data=data, timeout=timeout, allow_redirects=False, headers=headers) as response:
            body = await response.read()
            if response.status >= 300:
                raise _problem(body, response)
            return answer.model_validate_json(body)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        where, why = urlsplit(url).netloc, type(error).__name__
        raise GatewayUnreachable(f"No gateway answers at {where} ({why}). {UNREACHED}") from error
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
    if document["code"] == RouteUnknown.code:
        return GatewayUnreachable(NOT_SERVED)
    error = from_problem(document, response.status)
    seconds = response.headers.get("Retry-After", "")
    if error.retry_after_s is None and seconds.isdecimal():
        error.retry_after_s = int(seconds)
    return error


@contextlib.asynccontextmanager
async def open_link(gateway: str, engine_id: str, credential: Credential) -> AsyncIterator[HttpLink]:
    """A link with its own connections, for the running loop."""
    headers = {"X-Engine-Id": engine_id, "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    async with aiohttp.ClientSession(headers=headers, connector=connector, trust_env=False) as session:
        yield HttpLink(session, _base(gateway), credential)


def _base(gateway: str) -> str:
    return gateway.rstrip("/") + "/internal/v1"
