"""Puts the routes together: one app for people and engines, one for the owner."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import FastAPI, Request
from starlette.responses import Response

from gateway.http import admin, admin_engines, bodies, callers, engine_link, jobs, problems, signin
from gateway.operations.audit import Audit
from gateway.operations.change import Change
from gateway.operations.claim import Claiming
from gateway.operations.engine_auth import EngineTokens
from gateway.operations.engines import Engines
from gateway.operations.enrol import Enrolment
from gateway.operations.owner import Owner
from gateway.operations.report import Reporting
from gateway.operations.sharing import Sharing
from gateway.operations.signin import SignIn
from gateway.operations.submit import Submit
from gateway.operations.watch import Watch
from gateway.rules.engine_tokens import EngineCaller


@dataclass(frozen=True, slots=True)
class Operations:
    """Every act that a route may call."""

    submit: Submit
    watch: Watch
    change: Change
    claiming: Claiming
    reporting: Reporting
    tokens: EngineTokens
    enrolment: Enrolment
    sharing: Sharing
    engines: Engines
    signin: SignIn
    owner: Owner
    audit: Audit
    authenticate: callers.Authenticate
    check_engine: Callable[[str | None, str | None], Awaitable[EngineCaller]]
    ready: Callable[[], bool]


def public_app(operations: Operations, version: str) -> FastAPI:
    """`/api`, `/internal`, `/healthz`, `/readyz`."""
    app = _app("Flowork gateway", version)
    # Routes are tried in this order: the busiest first.
    engine = callers.engine(operations.check_engine)
    acts = (operations.claiming, operations.reporting, operations.tokens, operations.enrolment, operations.sharing)
    app.include_router(engine_link.router(engine, *acts))
    person = callers.person(operations.authenticate)
    app.include_router(jobs.router(person, operations.submit, operations.watch, operations.change))
    app.include_router(signin.router(operations.signin))
    _health(app, operations.ready)
    bodies.document(app)
    return app


def admin_app(operations: Operations, version: str, allow: Callable[[Request], Awaitable[None]] | None) -> FastAPI:
    """`/admin`; `allow` guards it where the listener itself does not (loopback TCP)."""
    app = _app("Flowork admin", version)
    app.include_router(admin.router(operations.owner, operations.audit, allow))
    app.include_router(admin_engines.router(operations.engines, allow))
    _health(app, operations.ready)
    bodies.document(app)
    return app


def _app(title: str, version: str) -> FastAPI:
    app = FastAPI(title=title, version=version, docs_url=None, redoc_url=None, redirect_slashes=False)
    problems.install(app)
    return app


def _health(app: FastAPI, ready: Callable[[], bool]) -> None:
    @app.get("/healthz", tags=["health"])
    async def healthz() -> Response:
        """Always 200 while the process answers."""
        return bodies.raw({"live": True, "ready": ready()})

    @app.get("/readyz", tags=["health"])
    async def readyz() -> Response:
        """200 only when a sign-in challenge and a claim would succeed."""
        return bodies.raw({"ready": True}) if ready() else bodies.raw({"ready": False}, 503, {"Retry-After": "1"})
