"""Kinds: what people may submit, what engines offer, and what the owner allows."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Request
from starlette.responses import Response

from contract import limits
from contract.offers import Grant, GrantList, GrantPut, KindList, Offer
from contract.wire import Word
from contract.words import Scope
from gateway.http import bodies
from gateway.http.admin import Gate
from gateway.http.callers import People
from gateway.operations.kinds import Kinds
from gateway.operations.owner import OWNER
from gateway.operations.sessions import Principal
from gateway.rules.engine_tokens import EngineCaller

PRIVATE = "private, no-cache"
"""A browser may keep it, but asks each time whether it still holds."""


def router(people: People, kinds: Kinds) -> APIRouter:
    """The route for people."""
    routes = APIRouter(prefix="/api/v1", tags=["jobs"], responses=bodies.PROBLEMS)
    Caller = Annotated[Principal, Depends(people.signed_in)]

    @routes.get("/kinds", response_model=KindList)
    async def published(caller: Caller, if_none_match: Annotated[str, Header()] = "") -> Response:
        """The kinds one may submit, with JSON Schemas, and each engine's models and tools."""
        body = kinds.published(caller.user).model_dump_json().encode()
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": PRIVATE}
        if tag in if_none_match:
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type="application/json")

    return routes


def engine_router(engine: Callable[[Request], Awaitable[EngineCaller]], kinds: Kinds) -> APIRouter:
    """The route for engines."""
    routes = APIRouter(prefix="/internal/v1", tags=["engines"], responses=bodies.PROBLEMS)
    Caller = Annotated[EngineCaller, Depends(engine)]

    @routes.put("/offer", status_code=204, openapi_extra=bodies.takes(Offer))
    async def offer(request: Request, caller: Caller) -> Response:
        """What an instance offers, when a claim's answer says `offer_wanted`."""
        await kinds.offers.put(caller.engine, await bodies.read(request, Offer, limits.OFFER_BODY_MAX_BYTES, bodies.OFFER))
        return Response(status_code=204)

    return routes


def admin_router(gate: Gate, kinds: Kinds) -> APIRouter:
    """The owner's routes."""
    routes = gate.routes()
    needs = gate.needs

    @routes.get("/engines/{engine}/grants", response_model=GrantList, **needs(Scope.ENGINES_READ))
    async def listing(engine: str) -> Response:
        """Which role may submit which kind."""
        return bodies.rendered(kinds.listing(engine))

    @routes.put("/engines/{engine}/grants/{kind}", response_model=Grant, openapi_extra=bodies.takes(GrantPut), **needs(Scope.ENGINES_SHARE))
    async def allow(engine: str, kind: Annotated[Word, Path()], asked: Annotated[GrantPut, Depends(bodies.body(GrantPut))]) -> Response:
        """Say which role may submit a kind; no role: nobody."""
        return bodies.rendered(await kinds.allow(engine, kind, asked.role, OWNER))

    return routes
