"""Pairing, devices and users."""

from dataclasses import dataclass

from app.bridge.acts import Act
from contract.people import Device, OfferMade, PairingOffer, User
from contract.words import UserRole


@dataclass(frozen=True)
class OfferPairing(Act[OfferMade]):
    """Offer to pair a device: of the owner (nothing given), of a user, or of a new one."""

    user: str | None = None
    new: str | None = None
    role: UserRole = UserRole.MEMBER


@dataclass(frozen=True)
class LookAtOffer(Act[PairingOffer | None]):
    """How far an offer is; None once it is forgotten."""

    offer: str


@dataclass(frozen=True)
class Approve(Act[Device]):
    """The six digits, as typed. One try."""

    offer: str
    digits: str


@dataclass(frozen=True)
class Withdraw(Act[None]):
    """End an offer."""

    offer: str


@dataclass(frozen=True)
class People:
    """Everyone, and what is paired."""

    users: tuple[User, ...]
    devices: tuple[Device, ...]


@dataclass(frozen=True)
class ListPeople(Act[People]):
    """Users and devices."""


@dataclass(frozen=True)
class RevokeDevice(Act[None]):
    """Let a device in no more, at once."""

    device: str


@dataclass(frozen=True)
class RemoveUser(Act[None]):
    """Remove a user with all devices."""

    user: str
