"""`/admin/v1`: the program around this gateway, and the engine that runs in it."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from contract.local import LocalChange, LocalView
from contract.words import Scope
from gateway.http import bodies
from gateway.http.admin import Gate
from gateway.operations.program import Around


def router(gate: Gate, around: Around) -> APIRouter:
    """The routes."""
    routes = gate.routes()
    needs = gate.needs

    @routes.get("/local", response_model=LocalView, **needs(Scope.STATUS_READ))
    async def local() -> Response:
        """This machine's own engine."""
        return bodies.rendered(around.local())

    @routes.put("/local", response_model=LocalView, openapi_extra=bodies.takes(LocalChange), **needs(Scope.LOCAL_CHANGE))
    async def change(asked: Annotated[LocalChange, Depends(bodies.body(LocalChange))]) -> Response:
        """How many jobs it runs at once, and whether it takes any."""
        return bodies.rendered(await around.change_local(asked))

    @routes.post("/stop", status_code=202, **needs(Scope.PROGRAM_STOP))
    async def stop() -> Response:
        """Let the whole program finish what runs, then end."""
        await around.stop()
        return Response(status_code=202)

    return routes
