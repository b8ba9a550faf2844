"""Users, devices and pairing offers, as the owner and the users themselves see them."""

from typing import Annotated

from pydantic import Field, StringConstraints

from contract.pairing import OfferId, SixDigits
from contract.wire import Answer, Request, Timestamp
from contract.words import PairingState, Role

UserName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$")]


class User(Answer):
    """A person."""

    id: str
    name: str
    role: Role
    devices: int


class UserList(Answer):
    """Everyone, oldest first."""

    users: list[User]


class Device(Answer):
    """A paired browser or command line."""

    id: str
    user: str
    name: str
    address: str
    added_at: Timestamp
    in_use: bool
    """It has a session."""


class DeviceList(Answer):
    """Devices, oldest first."""

    devices: list[Device]


class OfferMake(Request):
    """Offer to pair a device: of a user (`user`), or of a new one (`name`)."""

    user: Annotated[str, StringConstraints(max_length=64)] | None = None
    """Id or name."""
    name: UserName = "someone"
    role: Role = Role.MEMBER
    """`owner` restores the owner at the machine; the very first user becomes it in any case."""


class OfferMade(Answer):
    """A new offer; its code is told this once."""

    offer: OfferId
    code: str = Field(repr=False)
    expires_at: Timestamp
    gateway: str
    """The origin to call the gateway at."""
    gateway_key: str
    """Ed25519, base64url."""
    user: str
    """Name."""
    link: str = Field(repr=False)


class Offer(Answer):
    """An offer as the owner sees it."""

    offer: OfferId
    state: PairingState
    user: str
    role: Role
    device_name: str | None = None
    address: str | None = None
    ingress: str | None = None
    client: str | None = None
    """IP address of the device."""


class OfferList(Answer):
    """Offers of the last minutes."""

    offers: list[Offer]


class OfferApprove(Request):
    """The six digits that the device shows, as the owner typed them."""

    digits: SixDigits
