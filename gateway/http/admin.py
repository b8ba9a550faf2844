"""`/admin/v1`: the owner at the machine. Served on the admin listener only."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from contract import limits
from contract.admin import (
    AdminToken,
    AdminTokenRequest,
    AuditPage,
    EngineAdd,
    EngineAdded,
    GatewayStatus,
    KeysRotate,
    SigningKeyInfo,
    SigningKeyList,
)
from contract.drain import DRAINING_HEADER
from contract.errors import RouteUnknown
from contract.levels import Series
from contract.words import Scope
from gateway.http import bodies, callers
from gateway.operations.admin_tokens import AdminTokens
from gateway.operations.audit import Audit
from gateway.operations.keys import KeyRing
from gateway.operations.owner import OWNER, Owner
from gateway.operations.service_levels import ServiceLevels
from gateway.rules.key_ring import SigningKey
from kit.clock import rfc3339

SECRET_HEADER = "x-flowork-admin"  # noqa: S105 - the name of a header


def secret_guard(secret: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency for a listener that anybody on this machine can reach: the secret lies in a file of the owner's."""

    async def allow(request: Request) -> None:
        if not hmac.compare_digest(request.headers.get(SECRET_HEADER, "").encode(), secret.encode()):
            raise RouteUnknown

    return allow


class Gate:
    """What every route of the admin listener goes through."""

    def __init__(self, tokens: AdminTokens, allow: Callable[[Request], Awaitable[None]] | None) -> None:
        """`allow` guards a listener that others can reach."""
        self._with_scope = callers.owner(tokens)
        self._guards = [] if allow is None else [Depends(allow)]

    def routes(self) -> APIRouter:
        """A router behind the listener's guard."""
        return APIRouter(prefix="/admin/v1", tags=["admin"], responses=bodies.PROBLEMS, dependencies=self._guards)

    def needs(self, scope: Scope) -> dict[str, Any]:
        """Arguments of a route that takes an admin token with this scope."""
        return {"dependencies": [Depends(self._with_scope(scope))]}


def router(
    gate: Gate,
    tokens: AdminTokens,
    owner: Owner,
    levels: ServiceLevels,
    ring: KeyRing,
    audit: Audit,
) -> APIRouter:
    """The routes."""
    routes = gate.routes()
    needs = gate.needs

    @routes.post("/tokens", response_model=AdminToken, status_code=201, openapi_extra=bodies.takes(AdminTokenRequest))
    async def mint(asked: Annotated[AdminTokenRequest, Depends(bodies.body(AdminTokenRequest))]) -> Response:
        """A token for the routes below; whoever reaches this listener is the owner."""
        token = await tokens.mint(asked.scopes)
        return bodies.rendered(AdminToken(token=token, expires_in=limits.ADMIN_TOKEN_TTL_S, scopes=sorted(set(asked.scopes))), 201)

    @routes.post(
        "/engines", response_model=EngineAdded, status_code=201, openapi_extra=bodies.takes(EngineAdd), **needs(Scope.ENGINES_CREATE)
    )
    async def add_engine(asked: Annotated[EngineAdd, Depends(bodies.body(EngineAdd))]) -> Response:
        """Make an engine; its token is told this once."""
        return bodies.rendered(await owner.add_engine(asked.name), 201)

    @routes.get("/keys", response_model=SigningKeyList, **needs(Scope.KEYS_READ))
    async def keys() -> Response:
        """The keys that sign access tokens."""
        return _keys(await ring.people.signing_keys())

    @routes.post("/keys/rotate", response_model=SigningKeyList, openapi_extra=bodies.takes(KeysRotate), **needs(Scope.KEYS_ROTATE))
    async def rotate(asked: Annotated[KeysRotate, Depends(bodies.body(KeysRotate))]) -> Response:
        """Let a new key sign now."""
        return _keys(await (ring.compromised(OWNER) if asked.compromised else ring.rotate(OWNER)))

    @routes.get("/status", response_model=GatewayStatus, **needs(Scope.STATUS_READ))
    async def status() -> Response:
        """Queues, instances and start delays."""
        told = await owner.status()
        return bodies.rendered(told, headers={DRAINING_HEADER: "draining"} if told.state == "draining" else None)

    @routes.get("/levels/series", response_model=Series, **needs(Scope.STATUS_READ))
    async def series(day: bool = False) -> Response:
        """The seconds of the last 15 minutes, or with `day` the minutes of the last 24 hours."""
        return bodies.rendered(levels.series(day=day))

    @routes.get("/audit", response_model=AuditPage, **needs(Scope.AUDIT_READ))
    async def audit_page(before: Annotated[int | None, Query(ge=1)] = None, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> Response:
        """Who did what, newest first."""
        return bodies.rendered(await audit.page(before, limit))

    return routes


def _keys(ring: list[SigningKey]) -> Response:
    return bodies.rendered(SigningKeyList(keys=[SigningKeyInfo(kid=key.kid, state=key.state, since=rfc3339(key.since)) for key in ring]))
