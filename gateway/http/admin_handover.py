"""`/admin/v1`: a newer Flowork takes the place of this one."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from contract.handover import HandoverBegun, HandoverRequest, SnapshotMade
from contract.words import Scope
from gateway.http import bodies
from gateway.http.admin import Gate
from gateway.operations.handover import Handover


def router(gate: Gate, handover: Handover, address: str) -> APIRouter:
    """The routes."""
    routes = gate.routes()
    needs = gate.needs

    @routes.post("/snapshot", response_model=SnapshotMade, status_code=201, **needs(Scope.UPDATE_APPLY))
    async def snapshot() -> Response:
        """A copy of all databases, to rehearse on."""
        return bodies.rendered(SnapshotMade(folder=str(await handover.snapshot())), 201)

    @routes.post(
        "/handover",
        response_model=HandoverBegun,
        status_code=202,
        openapi_extra=bodies.takes(HandoverRequest),
        **needs(Scope.UPDATE_APPLY),
    )
    async def begin(asked: Annotated[HandoverRequest, Depends(bodies.body(HandoverRequest))]) -> Response:
        """Stop serving for another one."""
        await handover.begin(asked.version)
        return bodies.rendered(HandoverBegun(address=address), 202)

    return routes
