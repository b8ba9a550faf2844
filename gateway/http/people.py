"""`/api/v1/devices`, `/api/v1/users`, `/api/v1/pairings`: one's own devices, and the owner's acts from afar."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from contract.people import Device, DeviceList, OfferApprove, OfferList, OfferMade, OfferMake, UserList
from gateway.http import bodies
from gateway.http.callers import People, heard
from gateway.operations.household import Household
from gateway.operations.sessions import Principal


def router(people: People, household: Household) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/v1", tags=["people"], responses=bodies.PROBLEMS)
    Caller = Annotated[Principal, Depends(people.signed_in)]
    Owner = Annotated[Principal, Depends(people.approved)]

    @routes.get("/devices", response_model=DeviceList)
    async def devices(caller: Caller) -> Response:
        """One's own devices; the owner sees all."""
        return bodies.rendered(DeviceList(devices=household.devices_for(caller)))

    @routes.delete("/devices/{device}", status_code=204)
    async def revoke_own(caller: Caller, device: str) -> Response:
        """Revoke a device of one's own, at once."""
        await household.revoke_own(caller, device)
        return Response(status_code=204)

    @routes.post("/devices/{device}/revoke", status_code=204)
    async def revoke_any(owner: Owner, device: str) -> Response:
        """Revoke anybody's device, at once. Needs the owner's fresh signature."""
        await household.revoke(device, owner.user)
        return Response(status_code=204)

    @routes.get("/users", response_model=UserList)
    async def users(caller: Caller) -> Response:
        """Everyone, for the owner; others see themselves."""
        return bodies.rendered(UserList(users=await household.users_for(caller)))

    @routes.post("/pairings", response_model=OfferMade, status_code=201, openapi_extra=bodies.takes(OfferMake))
    async def offer(request: Request, owner: Owner) -> Response:
        """Invite somebody, or pair another device. Needs the owner's fresh signature."""
        asked = await bodies.read(request, OfferMake)
        return bodies.rendered(await household.offer(asked, owner.user, heard(request).own_origin), 201)

    @routes.get("/pairings", response_model=OfferList)
    async def offers(caller: Caller) -> Response:
        """Offers of the last minutes, for the owner."""
        return bodies.rendered(OfferList(offers=household.offers_for(caller)))

    @routes.post("/pairings/{offer_id}/approve", response_model=Device, openapi_extra=bodies.takes(OfferApprove))
    async def approve(request: Request, owner: Owner, offer_id: str) -> Response:
        """Type the six digits. Needs the owner's fresh signature."""
        typed = await bodies.read(request, OfferApprove)
        return bodies.rendered(await household.approve(offer_id, typed.digits, owner.user))

    return routes
