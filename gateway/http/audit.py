"""`/admin/v1/audit`: reading the whole log and carrying it away."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response, StreamingResponse

from contract.admin import AuditCheck, AuditVerdict
from contract.limits import BATCH_BODY_MAX_BYTES
from contract.words import Scope
from gateway.http import bodies
from gateway.http.admin import Gate
from gateway.operations.audit import Audit
from gateway.operations.audit_care import AuditCare


def router(gate: Gate, audit: Audit, care: AuditCare) -> APIRouter:
    """The routes."""
    routes = gate.routes()
    needs = gate.needs

    @routes.post("/audit/verify", response_model=AuditVerdict, openapi_extra=bodies.takes(AuditCheck), **needs(Scope.AUDIT_READ))
    async def verify(asked: Annotated[AuditCheck, Depends(bodies.body(AuditCheck, BATCH_BODY_MAX_BYTES))]) -> Response:
        """Read the chain, beside its witnesses, and judge it."""
        return bodies.rendered(await care.verify(asked))

    @routes.get("/audit/export", response_class=StreamingResponse, **needs(Scope.AUDIT_EXPORT))
    async def export() -> Response:
        """All records as JSON lines, the last line signed."""
        return StreamingResponse(await audit.export(), media_type="application/x-ndjson")

    return routes
