"""`/admin/v1/audit`: reading the whole log and carrying it away."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse

from contract.admin import AuditCheck, AuditVerdict
from contract.limits import BATCH_BODY_MAX_BYTES
from gateway.http import bodies
from gateway.operations.audit import Audit
from gateway.operations.audit_care import AuditCare


def router(audit: Audit, care: AuditCare, allow: Callable[[Request], Awaitable[None]] | None) -> APIRouter:
    """The routes."""
    guards = [] if allow is None else [Depends(allow)]
    routes = APIRouter(prefix="/admin/v1/audit", tags=["admin"], responses=bodies.PROBLEMS, dependencies=guards)

    @routes.post("/verify", response_model=AuditVerdict, openapi_extra=bodies.takes(AuditCheck))
    async def verify(asked: Annotated[AuditCheck, Depends(bodies.body(AuditCheck, BATCH_BODY_MAX_BYTES))]) -> Response:
        """Read the chain, beside its witnesses, and judge it."""
        return bodies.rendered(await care.verify(asked))

    @routes.get("/export", response_class=StreamingResponse)
    async def export() -> Response:
        """All records as JSON lines, the last line signed."""
        return StreamingResponse(await audit.export(), media_type="application/x-ndjson")

    return routes
