"""Puts the routes together: one app for people and engines, one for the owner."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import FastAPI, Query, Request
from fastapi.telemetry import TelemetryConfig
from starlette.responses import Response

from gateway.http import (
    admin,
    admin_endpoint,
    admin_engines,
    admin_handover,
    admin_jobs,
    admin_people,
    admin_program,
    api_keys,
    audit,
    bodies,
    callers,
    drain,
    engine_link,
    gui,
    jobs,
    kinds,
    metrics,
    openai,
    people,
    problems,
    signin,
)
from gateway.operations.admin_tokens import AdminTokens
from gateway.operations.all_jobs import AllJobs
from gateway.operations.api_keys import ApiKeys
from gateway.operations.approval import Approvals
from gateway.operations.audit import Audit
from gateway.operations.audit_care import AuditCare
from gateway.operations.change import Change
from gateway.operations.claim import Claiming
from gateway.operations.drain import Drain
from gateway.operations.endpoint import Endpoint, PublicOrigins
from gateway.operations.engine_auth import EngineTokens
from gateway.operations.engines import Engines
from gateway.operations.enrol import Enrolment
from gateway.operations.face import Face
from gateway.operations.handover import Handover
from gateway.operations.household import Household
from gateway.operations.keys import KeyRing
from gateway.operations.kinds import Kinds
from gateway.operations.metrics_access import MetricsAccess
from gateway.operations.owner import Owner
from gateway.operations.pair import Pairing
from gateway.operations.program import Around
from gateway.operations.public_status import PublicView
from gateway.operations.report import Reporting
from gateway.operations.rollout import Rollouts
from gateway.operations.service_levels import ServiceLevels
from gateway.operations.sessions import Sessions
from gateway.operations.sharing import Sharing
from gateway.operations.signin import SignIn
from gateway.operations.submit import Submit
from gateway.operations.watch import Watch
from gateway.rules.engine_tokens import EngineCaller
from gateway.rules.ingress import Ingress

NO_TELEMETRY: Final[TelemetryConfig] = {"auto_configure": False, "tracing": False, "metrics": False, "logs": False}
"""FastAPI's own would send paths and hosts wherever a variable of the environment says; `telemetry/` tells what may be told."""


@dataclass(frozen=True, slots=True)
class Operations:
    """Every act that a route may call."""

    submit: Submit
    watch: Watch
    change: Change
    all_jobs: AllJobs
    claiming: Claiming
    reporting: Reporting
    tokens: EngineTokens
    enrolment: Enrolment
    sharing: Sharing
    engines: Engines
    signin: SignIn
    pairing: Pairing
    sessions: Sessions
    approvals: Approvals
    household: Household
    handover: Handover
    around: Around
    endpoint: Endpoint
    public: PublicOrigins
    admin_tokens: AdminTokens
    ring: KeyRing
    owner: Owner
    levels: ServiceLevels
    audit: Audit
    drain: Drain
    rollouts: Rollouts
    public_status: PublicView
    kinds: Kinds
    api_keys: ApiKeys
    face: Face
    metrics_access: MetricsAccess
    metrics_page: metrics.Page
    throttle_user: Callable[[str], None]
    throttle_submits: jobs.CountSubmits
    audit_care: AuditCare
    check_engine: Callable[[str | None, str | None], Awaitable[EngineCaller]]
    ready: Callable[[], bool]


def public_app(operations: Operations, version: str, files: gui.GuiFiles | None = None) -> FastAPI:
    """`/api`, `/v1`, `/internal`, `/metrics`, `/healthz`, `/readyz`, and the GUI's files below `/`."""
    app = _app("Flowork gateway", version)
    # Routes are tried in this order: the busiest first.
    engine = callers.engine(operations.check_engine)
    acts = (operations.claiming, operations.reporting, operations.tokens, operations.enrolment, operations.sharing)
    app.include_router(engine_link.router(engine, *acts))
    app.include_router(kinds.engine_router(engine, operations.kinds))
    callers_of_api = callers.People(operations.sessions, operations.approvals, operations.throttle_user)
    app.include_router(jobs.router(callers_of_api, operations.throttle_submits, operations.submit, operations.watch, operations.change))
    app.include_router(
        openai.router(callers.Keyed(operations.api_keys, operations.throttle_user), operations.throttle_submits, operations.face)
    )
    app.include_router(kinds.router(callers_of_api, operations.kinds))
    app.include_router(api_keys.router(callers_of_api, operations.api_keys))
    app.include_router(signin.router(callers_of_api, operations.signin, operations.pairing, operations.sessions, operations.approvals))
    app.include_router(people.router(callers_of_api, operations.household))
    app.include_router(drain.people_router(callers_of_api, operations.drain))
    app.include_router(drain.public_router(operations.public_status))
    app.include_router(metrics.router(operations.metrics_access, operations.metrics_page))
    _health(app, operations.ready, lambda word: operations.public.saw(word))  # noqa: PLW0108 - the page of docs is drawn without operations
    bodies.document(app)
    if files is not None:
        app.include_router(gui.router(files))  # last: it takes what nobody else does
    return app


def admin_app(operations: Operations, version: str, allow: Callable[[Request], Awaitable[None]] | None) -> FastAPI:
    """`/admin`; `allow` guards it where the listener itself does not (loopback TCP)."""
    app = _app("Flowork admin", version)
    gate = admin.Gate(operations.admin_tokens, allow)
    app.include_router(admin.router(gate, operations.admin_tokens, operations.owner, operations.levels, operations.ring, operations.audit))
    app.include_router(admin_jobs.router(gate, operations.all_jobs))
    app.include_router(admin_people.router(gate, operations.household, operations.owner.link_origin))
    app.include_router(audit.router(gate, operations.audit, operations.audit_care))
    app.include_router(admin_engines.router(gate, operations.engines))
    app.include_router(kinds.admin_router(gate, operations.kinds))
    app.include_router(admin_handover.router(gate, operations.handover, operations.owner.address()))
    app.include_router(admin_endpoint.router(gate, operations.endpoint))
    app.include_router(admin_program.router(gate, operations.around))
    app.include_router(drain.admin_router(gate, operations.drain, operations.rollouts))
    app.include_router(metrics.admin_router(gate, operations.metrics_access))
    app.include_router(metrics.router(operations.metrics_access, operations.metrics_page))
    _health(app, operations.ready)
    bodies.document(app)
    return app


def _app(title: str, version: str) -> FastAPI:
    app = FastAPI(title=title, version=version, docs_url=None, redoc_url=None, redirect_slashes=False, telemetry=NO_TELEMETRY)
    problems.install(app)
    return app


def _health(app: FastAPI, ready: Callable[[], bool], saw: Callable[[str], None] = lambda _word: None) -> None:
    @app.get("/healthz", tags=["health"])
    async def healthz(request: Request, probe: Annotated[str, Query(max_length=64)] = "") -> Response:
        """Always 200 while the process answers."""
        if probe and request.state.ingress is Ingress.TUNNEL:
            saw(probe)
        return bodies.raw({"live": True, "ready": ready()})

    @app.get("/readyz", tags=["health"])
    async def readyz() -> Response:
        """200 only when a sign-in challenge and a claim would succeed."""
        return bodies.raw({"ready": True}) if ready() else bodies.raw({"ready": False}, 503, {"Retry-After": "1"})
