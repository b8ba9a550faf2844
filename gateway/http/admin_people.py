"""`/admin/v1/users`, `/devices`, `/pairings`: the people of the house, for the owner at the machine."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from contract.people import BudgetPut, Device, DeviceList, OfferApprove, OfferList, OfferMade, OfferMake, User, UserList
from contract.words import Scope
from gateway.http import bodies
from gateway.http.admin import Gate
from gateway.operations.household import Household
from gateway.operations.owner import OWNER


def router(gate: Gate, household: Household, link_origin: Callable[[bool], str]) -> APIRouter:
    """The routes. `link_origin` says where a link should lead; True for a browser of this machine."""
    routes = gate.routes()
    needs = gate.needs

    @routes.get("/users", response_model=UserList, **needs(Scope.USERS_READ))
    async def users() -> Response:
        """Everyone."""
        return bodies.rendered(UserList(users=await household.users()))

    @routes.delete("/users/{user}", response_model=User, **needs(Scope.USERS_REMOVE))
    async def remove_user(user: str) -> Response:
        """Remove a user with all devices."""
        return bodies.rendered(await household.remove_user(user, OWNER))

    @routes.put("/users/{user}/budget", response_model=User, openapi_extra=bodies.takes(BudgetPut), **needs(Scope.USERS_BUDGET))
    async def budget(user: str, asked: Annotated[BudgetPut, Depends(bodies.body(BudgetPut))]) -> Response:
        """Set what a user may take of providers in a day; without any limit there is none."""
        return bodies.rendered(await household.budget(user, asked, OWNER))

    @routes.get("/devices", response_model=DeviceList, **needs(Scope.DEVICES_READ))
    async def devices() -> Response:
        """Everyone's devices."""
        return bodies.rendered(DeviceList(devices=household.devices()))

    @routes.delete("/devices/{device}", status_code=204, **needs(Scope.DEVICES_REVOKE))
    async def revoke(device: str) -> Response:
        """Revoke a device, at once."""
        await household.revoke(device, OWNER)
        return Response(status_code=204)

    @routes.post(
        "/pairings", response_model=OfferMade, status_code=201, openapi_extra=bodies.takes(OfferMake), **needs(Scope.PAIRING_CREATE)
    )
    async def offer(asked: Annotated[OfferMake, Depends(bodies.body(OfferMake))]) -> Response:
        """Offer to pair a device; the code is told this once."""
        return bodies.rendered(await household.offer(asked, OWNER, link_origin(asked.here)), 201)

    @routes.get("/pairings", response_model=OfferList, **needs(Scope.PAIRING_APPROVE))
    async def offers() -> Response:
        """Offers of the last minutes."""
        return bodies.rendered(OfferList(offers=household.offers()))

    @routes.post(
        "/pairings/{offer_id}/approve",
        response_model=Device,
        openapi_extra=bodies.takes(OfferApprove),
        **needs(Scope.PAIRING_APPROVE),
    )
    async def approve(offer_id: str, typed: Annotated[OfferApprove, Depends(bodies.body(OfferApprove))]) -> Response:
        """Type the six digits that the device shows; one try."""
        return bodies.rendered(await household.approve(offer_id, typed.digits, OWNER))

    @routes.delete("/pairings/{offer_id}", status_code=204, **needs(Scope.PAIRING_APPROVE))
    async def withdraw(offer_id: str) -> Response:
        """End an offer."""
        await household.withdraw(offer_id, OWNER)
        return Response(status_code=204)

    return routes
