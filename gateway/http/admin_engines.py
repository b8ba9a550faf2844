"""`/admin/v1`: the owner's acts upon engines, their installations and members."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from contract.admin import EngineAdd
from contract.admin_engines import (
    EngineList,
    EnrolmentCode,
    InstallationChoice,
    MemberPut,
    MemberView,
    RevokeAnswer,
    RevokeRequest,
    RotationAsked,
)
from contract.words import Scope
from gateway.http import bodies
from gateway.http.admin import Gate
from gateway.operations.engines import Engines
from gateway.operations.owner import OWNER


def router(gate: Gate, engines: Engines) -> APIRouter:
    """The routes."""
    routes = gate.routes()
    needs = gate.needs

    @routes.get("/engines", response_model=EngineList, **needs(Scope.ENGINES_READ))
    async def listing() -> Response:
        """Engines with installations and members."""
        return bodies.rendered(await engines.listing())

    @routes.post(
        "/engines:remote",
        response_model=EnrolmentCode,
        status_code=201,
        openapi_extra=bodies.takes(EngineAdd),
        **needs(Scope.ENGINES_CREATE),
    )
    async def add_remote(asked: Annotated[EngineAdd, Depends(bodies.body(EngineAdd))]) -> Response:
        """Make an engine for other machines; the code of its first installation is told this once."""
        return bodies.rendered(await engines.add_remote(asked.name), 201)

    @routes.post("/engines/{engine}/codes", response_model=EnrolmentCode, status_code=201, **needs(Scope.ENGINES_CREATE))
    async def new_code(engine: str) -> Response:
        """A code for one more installation, told this once."""
        return bodies.rendered(await engines.new_code(engine), 201)

    @routes.post(
        "/engines/{engine}/rotate",
        response_model=RotationAsked,
        openapi_extra=bodies.takes(InstallationChoice),
        **needs(Scope.ENGINES_ROTATE),
    )
    async def rotate(engine: str, asked: Annotated[InstallationChoice, Depends(bodies.body(InstallationChoice))]) -> Response:
        """Ask installations to take new tokens."""
        return bodies.rendered(RotationAsked(installations=await engines.rotate(engine, asked.installation)))

    @routes.post(
        "/engines/{engine}/revoke", response_model=RevokeAnswer, openapi_extra=bodies.takes(RevokeRequest), **needs(Scope.ENGINES_REVOKE)
    )
    async def revoke(engine: str, asked: Annotated[RevokeRequest, Depends(bodies.body(RevokeRequest))]) -> Response:
        """End tokens at once; running jobs go back to the queue."""
        return bodies.rendered(await engines.revoke(engine, asked.installation, compromised=asked.compromised))

    @routes.put(
        "/engines/{engine}/members/{user}", response_model=MemberView, openapi_extra=bodies.takes(MemberPut), **needs(Scope.ENGINES_SHARE)
    )
    async def share(engine: str, user: str, asked: Annotated[MemberPut, Depends(bodies.body(MemberPut))]) -> Response:
        """Share an engine with a user, or change the role they have."""
        return bodies.rendered(await engines.sharing.share(engine, user, asked.role, asked.priority_ceiling, OWNER))

    @routes.put("/engines/{engine}/public", status_code=204, **needs(Scope.ENGINES_SHARE))
    async def publish(engine: str) -> Response:
        """Show an engine by its name in the public status."""
        await engines.publish(engine, public=True)
        return Response(status_code=204)

    @routes.delete("/engines/{engine}/public", status_code=204, **needs(Scope.ENGINES_SHARE))
    async def unpublish(engine: str) -> Response:
        """Show it no longer."""
        await engines.publish(engine, public=False)
        return Response(status_code=204)

    @routes.delete("/engines/{engine}/members/{user}", status_code=204, **needs(Scope.ENGINES_SHARE))
    async def unshare(engine: str, user: str) -> Response:
        """End a user's role on an engine."""
        await engines.sharing.unshare(engine, user, OWNER)
        return Response(status_code=204)

    return routes
