"""`/drain` and `/rollouts`: for people, and for the owner at the machine; and the public status."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from contract.drain import DRAINING_HEADER, DrainChange, Drains, RolloutList, RolloutPromote, RolloutStart, RolloutView
from contract.status import PublicStatus
from contract.words import DrainState, Scope
from gateway.http import bodies
from gateway.http.admin import Gate
from gateway.http.callers import People
from gateway.operations.drain import Drain
from gateway.operations.owner import OWNER
from gateway.operations.public_status import PublicView
from gateway.operations.rollout import Rollouts
from gateway.operations.sessions import Principal

BY_THE_OWNER = "by the owner"


def draining_header(draining: bool) -> dict[str, str]:
    """What answers carry while what they tell of takes no new jobs."""
    return {DRAINING_HEADER: "draining"} if draining else {}


def people_router(people: People, drain: Drain) -> APIRouter:
    """The routes of `/api`."""
    routes = APIRouter(prefix="/api/v1", tags=["drain"], responses=bodies.PROBLEMS)
    Caller = Annotated[Principal, Depends(people.signed_in)]
    Owner = Annotated[Principal, Depends(people.approved)]

    @routes.get("/drain", response_model=Drains)
    async def drains(caller: Caller) -> Response:
        """What takes new jobs: the gateway, and the engines one has a role on."""
        return _drains(await drain.view_for(caller.user))

    @routes.post("/drain", response_model=Drains, openapi_extra=bodies.takes(DrainChange))
    async def change(request: Request, owner: Owner) -> Response:
        """Let the gateway, an engine or an instance run, drain or stop. Needs the owner's fresh signature."""
        asked = await bodies.read(request, DrainChange)
        await drain.change(asked.target, asked.state, owner.user)
        return _drains(await drain.view())

    return routes


def public_router(public: PublicView) -> APIRouter:
    """The route for anyone."""
    routes = APIRouter(prefix="/api/v2", tags=["status"], responses=bodies.PROBLEMS)

    @routes.get("/status", response_model=PublicStatus)
    async def status() -> Response:
        """How the house is doing, at most a second ago. Needs no sign-in, and tells of nobody."""
        told = await public.status()
        return bodies.rendered(told, headers=draining_header(told.gateway.state == "draining"))

    return routes


def admin_router(gate: Gate, drain: Drain, rollouts: Rollouts) -> APIRouter:
    """The routes of `/admin`."""
    routes = gate.routes()
    needs = gate.needs

    @routes.get("/drain", response_model=Drains, **needs(Scope.STATUS_READ))
    async def drains() -> Response:
        """What takes new jobs, with instances."""
        return _drains(await drain.view())

    @routes.post("/drain", response_model=Drains, openapi_extra=bodies.takes(DrainChange), **needs(Scope.QUEUE_DRAIN))
    async def change(asked: Annotated[DrainChange, Depends(bodies.body(DrainChange))]) -> Response:
        """Let the gateway, an engine or an instance run, drain or stop."""
        await drain.change(asked.target, asked.state, OWNER)
        return _drains(await drain.view())

    @routes.get("/rollouts", response_model=RolloutList, **needs(Scope.STATUS_READ))
    async def listing() -> Response:
        """The latest rollout of every engine that had one."""
        return bodies.rendered(RolloutList(rollouts=rollouts.views()))

    @routes.post(
        "/engines/{engine}/rollout", response_model=RolloutView, openapi_extra=bodies.takes(RolloutStart), **needs(Scope.ENGINES_ROLLOUT)
    )
    async def start(engine: str, asked: Annotated[RolloutStart, Depends(bodies.body(RolloutStart))]) -> Response:
        """Try a version on the instances that announce it."""
        return bodies.rendered(await rollouts.start(engine, asked.version, asked.percent, OWNER))

    @routes.post(
        "/engines/{engine}/rollout/promote",
        response_model=RolloutView,
        openapi_extra=bodies.takes(RolloutPromote),
        **needs(Scope.ENGINES_ROLLOUT),
    )
    async def promote(engine: str, asked: Annotated[RolloutPromote, Depends(bodies.body(RolloutPromote))]) -> Response:
        """Make the version that is tried the engine's."""
        return bodies.rendered(await rollouts.promote(engine, stop_old=asked.stop_old, actor=OWNER))

    @routes.post("/engines/{engine}/rollout/rollback", response_model=RolloutView, **needs(Scope.ENGINES_ROLLOUT))
    async def rollback(engine: str) -> Response:
        """End a rollout: its canaries stop, and its version gets no jobs."""
        return bodies.rendered(await rollouts.rollback(engine, BY_THE_OWNER, OWNER))

    return routes


def _drains(view: Drains) -> Response:
    return bodies.rendered(view, headers=draining_header(view.gateway is not DrainState.RUN))
