"""A pairing offer, from the QR code to the device's tokens: pure steps over a frozen value.

Every step gives the offer as it is afterwards and, where it was refused, why: a wrong code is refused and counted.
"""

import hmac
from dataclasses import dataclass, replace
from typing import Final

from contract import limits
from contract.errors import (
    FloworkError,
    PairingClaimed,
    PairingCodeInvalid,
    PairingDigitsWrong,
    PairingExpired,
    PairingStateConflict,
)
from contract.words import PairingState, Role
from kit.clock import SECOND

_LIVE: Final = frozenset({PairingState.OPEN, PairingState.CLAIMED, PairingState.SIGNED, PairingState.APPROVED})
_BEFORE_SIGNED: Final = frozenset({PairingState.OPEN, PairingState.CLAIMED})


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who took an offer, as far as it is known."""

    address: str
    """Lower case."""
    thumbprint: str
    device_name: str
    commitment: str
    ingress: str
    client: str
    """The IP address it came from."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer to pair one device."""

    id: str
    code_digest: bytes
    user: str | None
    """For another device of this user; None: for a new one."""
    user_name: str
    role: Role
    expires_at: int
    """Wall time by which the device must have signed."""
    state: PairingState = PairingState.OPEN
    tries: int = 0
    claimant: Claimant | None = None
    digits: str | None = None
    digits_until: int | None = None
    """Wall time by which the owner must have typed them, and then by which the device must have collected."""


Step = tuple[Offer, FloworkError | None]


def settled(offer: Offer, now: int) -> Offer:
    """The offer with what time alone has done to it."""
    over = (offer.state in _BEFORE_SIGNED and offer.expires_at <= now) or (offer.digits_until is not None and offer.digits_until <= now)
    return replace(offer, state=PairingState.DEAD) if offer.state in _LIVE and over else offer


def claim(offer: Offer, code_digest: bytes, claimant: Claimant, now: int) -> Step:
    """A device brings the code."""
    offer = settled(offer, now)
    if offer.state is PairingState.DEAD:
        return offer, PairingExpired()
    if not hmac.compare_digest(offer.code_digest, code_digest):
        if offer.state is not PairingState.OPEN:
            return offer, PairingCodeInvalid()  # who is inside must not be thrown out by strangers' guesses
        tries = offer.tries + 1
        state = PairingState.DEAD if tries >= limits.OFFER_TRIES else PairingState.OPEN
        return replace(offer, tries=tries, state=state), PairingCodeInvalid()
    if offer.state is not PairingState.OPEN:
        return offer, PairingClaimed()
    return replace(offer, state=PairingState.CLAIMED, claimant=claimant), None


def sign(offer: Offer, thumbprint: str, digits: str, now: int) -> Step:
    """The claimant's message was signed, and its nonce is the one it committed to."""
    offer = settled(offer, now)
    if offer.state is PairingState.DEAD:
        return offer, PairingExpired()
    if offer.state is not PairingState.CLAIMED or offer.claimant is None or offer.claimant.thumbprint != thumbprint:
        return offer, PairingStateConflict()
    return replace(offer, state=PairingState.SIGNED, digits=digits, digits_until=now + limits.DIGITS_TTL_S * SECOND), None


def approve(offer: Offer, typed: str, now: int) -> Step:
    """The owner typed what the device shows; one try."""
    offer = settled(offer, now)
    if offer.state is PairingState.DEAD:
        return offer, PairingExpired()
    if offer.state is not PairingState.SIGNED or offer.digits is None:
        return offer, PairingStateConflict()
    if not hmac.compare_digest(offer.digits.encode(), typed.encode()):
        return replace(offer, state=PairingState.DEAD, digits=None), PairingDigitsWrong()
    return replace(offer, state=PairingState.APPROVED, digits=None, digits_until=now + limits.OFFER_TTL_S * SECOND), None


def collect(offer: Offer, thumbprint: str, now: int) -> Step:
    """The device asks how far it is; from APPROVED it goes to COLLECTED, once."""
    offer = settled(offer, now)
    if offer.claimant is None or offer.claimant.thumbprint != thumbprint:
        return offer, PairingCodeInvalid()  # the same answer as for an offer that does not exist
    if offer.state in {PairingState.DEAD, PairingState.COLLECTED}:
        return offer, PairingExpired()
    return (replace(offer, state=PairingState.COLLECTED), None) if offer.state is PairingState.APPROVED else (offer, None)


def withdraw(offer: Offer) -> Offer:
    """The owner refused it, or made another."""
    return replace(offer, state=PairingState.DEAD) if offer.state in _LIVE else offer
