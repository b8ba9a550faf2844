"""`/metrics` for Prometheus and its like, and the tokens by which it is read."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from starlette.responses import Response

from contract.metrics import MetricsTokenAdd, MetricsTokenList, MetricsTokenMade
from contract.words import Scope
from gateway.http import bodies
from gateway.http.admin import Gate
from gateway.operations.metrics_access import MetricsAccess
from gateway.operations.owner import OWNER

Page = Callable[[str], Awaitable[tuple[bytes, str]]]
"""An Accept header -> all metrics, and their media type."""


def router(access: MetricsAccess, page: Page) -> APIRouter:
    """The page; the guard keeps it from the LAN and the tunnel."""
    routes = APIRouter(tags=["metrics"], responses=bodies.PROBLEMS)

    async def reader(authorization: Annotated[str | None, Header()] = None) -> None:
        access.check(authorization)

    @routes.get("/metrics", dependencies=[Depends(reader)], response_class=Response)
    async def metrics(accept: Annotated[str, Header()] = "") -> Response:
        """Every metric, in Prometheus' text format or OpenMetrics, as Accept asks. Needs an `fwm1_` token as Bearer."""
        body, media_type = await page(accept)
        return Response(body, headers={"Content-Type": media_type})

    return routes


def admin_router(gate: Gate, access: MetricsAccess) -> APIRouter:
    """The owner's routes."""
    routes = gate.routes()
    needs = gate.needs

    @routes.post(
        "/metrics-tokens",
        response_model=MetricsTokenMade,
        status_code=201,
        openapi_extra=bodies.takes(MetricsTokenAdd),
        **needs(Scope.METRICS_TOKENS),
    )
    async def add(asked: Annotated[MetricsTokenAdd, Depends(bodies.body(MetricsTokenAdd))]) -> Response:
        """Make a token that reads the metrics; it is told this once."""
        return bodies.rendered(await access.add(asked.name, OWNER), 201)

    @routes.get("/metrics-tokens", response_model=MetricsTokenList, **needs(Scope.METRICS_TOKENS))
    async def tokens() -> Response:
        """Who may read the metrics."""
        return bodies.rendered(MetricsTokenList(tokens=access.tokens()))

    @routes.delete("/metrics-tokens/{name}", status_code=204, **needs(Scope.METRICS_TOKENS))
    async def revoke(name: str) -> Response:
        """End a token at once."""
        await access.revoke(name, OWNER)
        return Response(status_code=204)

    return routes
