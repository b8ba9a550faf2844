"""Pairing, devices and users."""

from pathlib import Path

from app.bridge.acts.people import Approve, ListPeople, LookAtOffer, OfferPairing, People, RemoveUser, RevokeDevice, Withdraw
from app.client.admin import open_admin
from app.services.acts import Handlers
from contract.people import Device, OfferMade, OfferMake, PairingOffer
from contract.words import UserRole


def handlers(data: Path) -> Handlers:
    """What these acts do."""

    async def offer(asked: OfferPairing) -> OfferMade:
        async with open_admin(data) as admin:
            return await admin.offer(_wanted(asked))

    async def look(asked: LookAtOffer) -> PairingOffer | None:
        async with open_admin(data) as admin:
            return next((known for known in (await admin.offers()).offers if known.offer == asked.offer), None)

    async def approve(asked: Approve) -> Device:
        async with open_admin(data) as admin:
            return await admin.approve(asked.offer, asked.digits)

    async def withdraw(asked: Withdraw) -> None:
        async with open_admin(data) as admin:
            await admin.withdraw(asked.offer)

    async def people(_: ListPeople) -> People:
        async with open_admin(data) as admin:
            return People(tuple((await admin.users()).users), tuple((await admin.devices()).devices))

    async def revoke(asked: RevokeDevice) -> None:
        async with open_admin(data) as admin:
            await admin.revoke_device(asked.device)

    async def remove(asked: RemoveUser) -> None:
        async with open_admin(data) as admin:
            await admin.remove_user(asked.user)

    return {
        OfferPairing: offer,
        LookAtOffer: look,
        Approve: approve,
        Withdraw: withdraw,
        ListPeople: people,
        RevokeDevice: revoke,
        RemoveUser: remove,
    }


def _wanted(asked: OfferPairing) -> OfferMake:
    if asked.new is not None:
        return OfferMake(name=asked.new, role=asked.role)
    if asked.user is not None:
        return OfferMake(user=asked.user)
    return OfferMake(role=UserRole.OWNER, name="owner")
