"""Users, devices and pairing offers, as the owner and the users themselves see them."""

from typing import Annotated

from pydantic import Field, StringConstraints

from contract.pairing import OfferId, SixDigits
from contract.wire import Answer, Request, Timestamp
from contract.words import PairingState, UserRole

UserName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$")]


class Budget(Answer):
    """What a user may take of providers in a UTC day, over all engines; None does not limit."""

    cost_micros: int | None = None
    """Millionths of the owner's currency."""
    tokens: int | None = None
    """Of input and output together."""


class BudgetPut(Request):
    """Set it, in place of the one there was."""

    cost_micros: Annotated[int, Field(ge=0)] | None = None
    tokens: Annotated[int, Field(ge=0)] | None = None


class Spent(Answer):
    """What a user took today (UTC)."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_micros: int = 0


class User(Answer):
    """A person."""

    id: str
    name: str
    role: UserRole
    devices: int
    budget: Budget | None = None
    """None: not limited."""
    spent: Spent | None = None
    """Today; None where no engine's queue could tell."""


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
    here: bool = False
    """For a browser of the gateway's own machine: the link leads there, also while a public endpoint is up."""
    role: UserRole = UserRole.MEMBER
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


class PairingOffer(Answer):
    """An offer as the owner sees it."""

    offer: OfferId
    state: PairingState
    user: str
    role: UserRole
    device_name: str | None = None
    address: str | None = None
    ingress: str | None = None
    client: str | None = None
    """IP address of the device."""


class OfferList(Answer):
    """Offers of the last minutes."""

    offers: list[PairingOffer]


class OfferApprove(Request):
    """The six digits that the device shows, as the owner typed them."""

    digits: SixDigits
