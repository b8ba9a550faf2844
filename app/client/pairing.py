"""Pairing a device with the gateway of the same machine: its owner sits at both ends."""

from app.client.admin import AdminClient
from app.client.api import ApiClient
from contract.pairing import read_link
from contract.people import OfferMake
from contract.signin import Tokens


async def pair_here(admin: AdminClient, api: ApiClient, device_name: str, asked: OfferMake) -> Tokens:
    """Offer, claim, compare and collect, through the same doors as a browser. Raises FloworkError."""
    offer = await admin.offer(asked)
    claimed = await api.claim(read_link(offer.link), device_name)
    await admin.approve(offer.offer, claimed.digits)
    return await api.collect(claimed)
