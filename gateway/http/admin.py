"""`/admin/v1`: the owner at the machine. Served on the admin listener only."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from contract.admin import AuditPage, EngineAdd, EngineAdded, GatewayStatus, User, UserAdd, UserList
from contract.errors import RouteUnknown
from gateway.http import bodies
from gateway.operations.audit import Audit
from gateway.operations.owner import Owner

SECRET_HEADER = "x-flowork-admin"  # noqa: S105 - the name of a header


def secret_guard(secret: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency for a listener that anybody on this machine can reach: the secret lies in a file of the owner's."""

    async def allow(request: Request) -> None:
        if not hmac.compare_digest(request.headers.get(SECRET_HEADER, "").encode(), secret.encode()):
            raise RouteUnknown

    return allow


def router(owner: Owner, audit: Audit, allow: Callable[[Request], Awaitable[None]] | None) -> APIRouter:
    """The routes."""
    guards = [] if allow is None else [Depends(allow)]
    routes = APIRouter(prefix="/admin/v1", tags=["admin"], responses=bodies.PROBLEMS, dependencies=guards)

    @routes.post("/users", response_model=User, openapi_extra=bodies.takes(UserAdd))
    async def add_user(asked: Annotated[UserAdd, Depends(bodies.body(UserAdd))]) -> Response:
        """Put an address on the owner's list."""
        return bodies.rendered(await owner.add_user(asked.address, asked.name))

    @routes.get("/users", response_model=UserList)
    async def users() -> Response:
        """Everyone on the list."""
        return bodies.rendered(UserList(users=await owner.users()))

    @routes.post("/engines", response_model=EngineAdded, status_code=201, openapi_extra=bodies.takes(EngineAdd))
    async def add_engine(asked: Annotated[EngineAdd, Depends(bodies.body(EngineAdd))]) -> Response:
        """Make an engine; its token is told this once."""
        return bodies.rendered(await owner.add_engine(asked.name), 201)

    @routes.get("/status", response_model=GatewayStatus)
    async def status() -> Response:
        """Queues, instances and start delays."""
        return bodies.rendered(await owner.status())

    @routes.get("/audit", response_model=AuditPage)
    async def audit_page(before: Annotated[int | None, Query(ge=1)] = None, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> Response:
        """Who did what, newest first."""
        return bodies.rendered(await audit.page(before, limit))

    return routes
