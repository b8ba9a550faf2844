"""`/internal/v1`: what engines call. The token is checked before a body is read."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from contract import limits
from contract.engine_link import (
    AppendAnswer,
    AppendRequest,
    ClaimAnswer,
    ClaimRequest,
    Enrolled,
    EnrolRequest,
    FinishAnswer,
    FinishRequest,
    HeartbeatAnswer,
    HeartbeatRequest,
    TokenIssued,
    Whitelist,
)
from gateway.http import bodies
from gateway.operations.claim import Claiming
from gateway.operations.engine_auth import EngineTokens
from gateway.operations.enrol import Enrolment
from gateway.operations.report import Reporting
from gateway.operations.sharing import Sharing
from gateway.rules.engine_tokens import EngineCaller
from kit.logs import bind


def router(
    engine: Callable[[Request], Awaitable[EngineCaller]],
    claiming: Claiming,
    reporting: Reporting,
    tokens: EngineTokens,
    enrolment: Enrolment,
    sharing: Sharing,
) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/internal/v1", tags=["engines"], responses=bodies.PROBLEMS)
    Caller = Annotated[EngineCaller, Depends(engine)]

    @routes.post("/claim", response_model=ClaimAnswer, openapi_extra=bodies.takes(ClaimRequest))
    async def claim(request: Request, caller: Caller) -> Response:
        """Ask for work, and wait for it up to `wait_ms`."""
        asked = await bodies.read(request, ClaimRequest, limits.CLAIM_BODY_MAX_BYTES, bodies.REPORT)
        async with hangup(request) as gone:
            answer = await claiming.claim(caller, asked, gone)
        return Response(status_code=499) if answer is None else bodies.rendered(answer)

    @routes.post("/heartbeat", response_model=HeartbeatAnswer, openapi_extra=bodies.takes(HeartbeatRequest))
    async def heartbeat(request: Request, caller: Caller) -> Response:
        """Renew every lease of an instance."""
        return bodies.rendered(await reporting.heartbeat(caller, await bodies.read(request, HeartbeatRequest, limits.BODY_MAX_BYTES)))

    @routes.post("/events", response_model=AppendAnswer, openapi_extra=bodies.takes(AppendRequest))
    async def append(request: Request, caller: Caller) -> Response:
        """Add output, log lines and progress of running jobs."""
        told = await bodies.read(request, AppendRequest, limits.REPORT_BODY_MAX_BYTES, bodies.REPORT)
        return bodies.rendered(await reporting.append(caller.engine, told))

    @routes.post("/jobs/{job_id}/finish", response_model=FinishAnswer, openapi_extra=bodies.takes(FinishRequest))
    async def finish(request: Request, caller: Caller, job_id: str) -> Response:
        """End an attempt."""
        bind(job_id=job_id)
        told = await bodies.read(request, FinishRequest, limits.REPORT_BODY_MAX_BYTES, bodies.REPORT)
        return bodies.rendered(await reporting.finish(caller.engine, job_id, told))

    @routes.post("/token", response_model=TokenIssued)
    async def new_token(caller: Caller) -> Response:
        """A new token for the caller's installation; its first use ends the old one's time."""
        return bodies.rendered(TokenIssued(token=await tokens.renew(caller)))

    @routes.get("/whitelist", response_model=Whitelist)
    async def whitelist(caller: Caller) -> Response:
        """The users the engine may work for."""
        return bodies.rendered(await sharing.whitelist(caller.engine))

    @routes.post("/enrol", response_model=Enrolled, status_code=201, openapi_extra=bodies.takes(EnrolRequest))
    async def enrol(asked: Annotated[EnrolRequest, Depends(bodies.body(EnrolRequest, limits.KIB))]) -> Response:
        """Exchange a one-time code for a token. The one call here that needs no token."""
        return bodies.rendered(await enrolment.enrol(asked), 201)

    return routes


@contextlib.asynccontextmanager
async def hangup(request: Request) -> AsyncIterator[asyncio.Event]:
    """An event that is set when the client goes away.

    The body must have been read. FastAPI does not cancel a handler whose client left (fastapi #3766), so the ASGI
    channel itself is listened to.
    """
    gone = asyncio.Event()

    async def listen() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone.set()

    listening = asyncio.create_task(listen(), name="hangup")
    try:
        yield gone
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
