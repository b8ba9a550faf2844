"""`/admin/v1/endpoint`: how this gateway is reached from elsewhere."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from contract.endpoint import EndpointChange, EndpointView
from contract.words import Scope
from gateway.http import bodies
from gateway.http.admin import Gate
from gateway.operations.endpoint import Endpoint


def router(gate: Gate, endpoint: Endpoint) -> APIRouter:
    """The routes."""
    routes = gate.routes()
    needs = gate.needs

    @routes.get("/endpoint", response_model=EndpointView, **needs(Scope.STATUS_READ))
    async def view() -> Response:
        """How it is."""
        return bodies.rendered(endpoint.view())

    @routes.put("/endpoint", response_model=EndpointView, openapi_extra=bodies.takes(EndpointChange), **needs(Scope.ENDPOINT_CHANGE))
    async def change(asked: Annotated[EndpointChange, Depends(bodies.body(EndpointChange))]) -> Response:
        """Be reached in another way, from now on."""
        return bodies.rendered(await endpoint.change(asked))

    @routes.post("/endpoint/restart", response_model=EndpointView, **needs(Scope.ENDPOINT_CHANGE))
    async def restart() -> Response:
        """Begin anew, now."""
        return bodies.rendered(await endpoint.restart())

    @routes.post("/endpoint/look", response_model=EndpointView, **needs(Scope.ENDPOINT_CHANGE))
    async def look() -> Response:
        """Look from outside, now; the answer is how it was before."""
        return bodies.rendered(await endpoint.look())

    return routes
