"""Pairing: an offer at the gateway, a claim by a device, six digits typed by the owner, tokens collected once (protocol §2).

Offers live in memory: they last minutes, and a restart ends them (docs/adr/0005).
"""

import asyncio
import contextlib
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from contract import limits
from contract.errors import FloworkError, PairingClaimed, PairingCodeInvalid, PairingExpired, SignInMessageInvalid
from contract.pairing import PairClaim, code_digest, make_code, six_digits
from contract.signin import Challenge, Tokens, decoded, encoded
from contract.words import PairingState, UserRole
from gateway.crypto.dpop import Proof
from gateway.operations.audit import Audit
from gateway.operations.challenges import Challenges, Heard, Issued, Purpose
from gateway.operations.sessions import Sessions
from gateway.rules import pairing
from gateway.rules.pairing import Claimant, Offer
from gateway.store.people import DeviceRow, UserRow
from kit.clock import SECOND, Clock
from kit.logs import Log

log = Log("pairing")
OFFERS_MAX = 32
"""The oldest go first; only the owner makes offers."""


@dataclass(frozen=True, slots=True)
class Made:
    """A new offer; its code exists in the caller's hands only."""

    offer: Offer
    code: str = field(repr=False)


@dataclass(slots=True)
class Pairing:
    """The acts of pairing."""

    sessions: Sessions
    challenges: Challenges
    audit: Audit
    clock: Clock
    random_bytes: Callable[[int], bytes]
    _offers: OrderedDict[str, Offer] = field(default_factory=OrderedDict)
    _devices: dict[str, str] = field(default_factory=dict)
    """Offer -> the device it has become."""
    _step: asyncio.Lock = field(default_factory=asyncio.Lock)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)
    """Set, and replaced by a fresh one, whenever an offer has moved."""
    _closed: bool = False

    async def offer(self, actor: str, user: str | None, name: str, role: UserRole) -> Made:
        """Offer to pair a device of a user, or of a new one. An older offer for the same person ends.

        Raises:
            UserUnknown, AuditUnavailable.
        """
        row = None if user is None else self.sessions.user(user)
        name = row.name if row is not None else self._free_name(name)
        code = make_code(self.random_bytes)
        async with self._step:
            now = self.clock.now().wall
            made = Offer(
                id=encoded(self.random_bytes(12)),
                code_digest=code_digest(code),
                user=None if row is None else row.id,
                user_name=name,
                role=role,
                expires_at=now + limits.OFFER_TTL_S * SECOND,
            )
            await self.audit.note("pair.offer", actor, made.id, user=name, role=role)
            for old in tuple(self._offers.values()):
                if old.user_name == name:
                    self._put(pairing.withdraw(old))
            self._put(made)
            while len(self._offers) > OFFERS_MAX:
                gone, _ = self._offers.popitem(last=False)
                self._devices.pop(gone, None)
        return Made(made, code)

    def offers(self) -> list[Offer]:
        """All that are remembered, oldest first."""
        now = self.clock.now().wall
        return [pairing.settled(offer, now) for offer in self._offers.values()]

    async def claim(self, asked: PairClaim, proof: Proof, heard: Heard) -> Challenge:
        """A device brings the code, and gets what it must sign.

        Raises:
            PairingCodeInvalid, PairingExpired, PairingClaimed, RequestInvalid, SecretsLocked, AuditUnavailable.
        """
        claimant = Claimant(
            asked.address.lower(), proof.thumbprint, asked.device_name, asked.client_commitment, heard.ingress, heard.client
        )
        async with self._step:
            offer = self._find(asked.offer)
            after, refusal = pairing.claim(offer, code_digest(asked.code), claimant, self.clock.now().wall)
            if refusal is not None:
                self._put(after)
                await self._refused(offer, refusal, heard)
                raise refusal
            purpose = Purpose(offer=offer.id, client_commitment=asked.client_commitment)
            challenge = await self.challenges.issue(asked.address, proof.thumbprint, heard, purpose)
            detail = {"device": asked.device_name, "address": claimant.address, "ingress": heard.ingress}
            await self.audit.note("pair.claim", "anyone", offer.id, **detail)
            self._put(after)
        return challenge

    async def signed(self, issued: Issued, client_nonce: str | None) -> None:
        """The message was signed: now the device shows six digits.

        Raises:
            SignInMessageInvalid: the nonce is not the one committed to. PairingExpired, PairingStateConflict, AuditUnavailable.
        """
        challenge = issued.challenge
        async with self._step:
            offer = self._find(challenge.request_id)
            if client_nonce is None or not _commits(challenge.client_commitment, client_nonce):
                raise SignInMessageInvalid("The nonce is not the one that was committed to when the offer was claimed.")
            shares = decoded(client_nonce), decoded(challenge.gateway_nonce)
            digits = six_digits(*shares, issued.digest, self.challenges.identity.public)
            after, refusal = pairing.sign(offer, challenge.session_key, digits, self.clock.now().wall)
            if refusal is None:
                await self.audit.note("pair.signed", "anyone", offer.id, address=issued.address)
            self._put(after)
            if refusal is not None:
                raise refusal

    async def approve(self, offer_id: str, typed: str, actor: str) -> DeviceRow:
        """The owner typed the digits that the device shows. One try; right ones make the device part of the house.

        Raises:
            PairingDigitsWrong, PairingExpired, PairingStateConflict, PairingCodeInvalid, UserUnknown, AuditUnavailable,
            StorageFull, StorageFailed.
        """
        async with self._step:
            offer = self._find(offer_id)
            after, refusal = pairing.approve(offer, typed, self.clock.now().wall)
            if refusal is not None:
                self._put(after)
                await self.audit.note("pair.refused", actor, offer.id, code=refusal.code)
                raise refusal
            device, new_user = self._device_of(offer)
            owner = offer.role is UserRole.OWNER or not self.sessions.users()
            detail = {
                "user": device.user,
                "device": device.name,
                "address": device.address,
                "role": UserRole.OWNER if owner else UserRole.MEMBER,
            }
            await self.audit.note("pair.approve", actor, offer.id, **detail)
            if new_user is not None and owner:
                new_user = replace(new_user, role=UserRole.OWNER)
            await self.sessions.add_device(device, new_user, owner)
            self._put(after)
            self._devices[offer.id] = device.id
        return device

    async def collect(self, offer_id: str, proof: Proof, wait_ms: int = 0) -> Tokens | PairingState:
        """How far a device's pairing is; its tokens, the first time after the approval, for which it waits up to `wait_ms`.

        Raises:
            PairingCodeInvalid, PairingExpired, SecretsLocked, StorageFull, StorageFailed.
        """
        moved = self._moved
        answer = await self._collect(offer_id, proof)
        if isinstance(answer, Tokens) or not wait_ms:
            return answer
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_ms / 1000):
                while not isinstance(answer, Tokens) and not self._closed:
                    await moved.wait()
                    moved = self._moved
                    answer = await self._collect(offer_id, proof)
        return answer

    async def _collect(self, offer_id: str, proof: Proof) -> Tokens | PairingState:
        async with self._step:
            offer = self._find(offer_id)
            after, refusal = pairing.collect(offer, proof.thumbprint, self.clock.now().wall)
            if refusal is not None:
                self._put(after)
                raise refusal
            if after.state is not PairingState.COLLECTED:
                return after.state
            tokens = await self.sessions.open(self.sessions.device(self._devices[offer.id]))
            self._put(after)  # not before there are tokens: a locked vault must not cost the one collection
            return tokens

    async def withdraw(self, offer_id: str, actor: str) -> None:
        """End an offer.

        Raises:
            PairingCodeInvalid, AuditUnavailable.
        """
        async with self._step:
            offer = self._find(offer_id)
            await self.audit.note("pair.withdraw", actor, offer.id)
            self._put(pairing.withdraw(offer))

    def close(self) -> None:
        """Let everyone who waits look once more and go."""
        self._closed = True
        self._moved.set()

    def _put(self, offer: Offer) -> None:
        self._offers[offer.id] = offer
        self._moved.set()
        self._moved = asyncio.Event()

    def _find(self, offer: str) -> Offer:
        found = self._offers.get(offer)
        if found is None:
            raise PairingCodeInvalid
        return found

    async def _refused(self, offer: Offer, refusal: FloworkError, heard: Heard) -> None:
        if isinstance(refusal, PairingClaimed):  # two devices know the code: somebody photographed the screen
            log.warning("pairing.second_claim", offer=offer.id)
            await self.audit.note("pair.second_claim", "anyone", offer.id, ingress=heard.ingress, client=heard.client)
        elif not isinstance(refusal, PairingExpired):
            await self.audit.refused(refusal.code)

    def _device_of(self, offer: Offer) -> tuple[DeviceRow, UserRow | None]:
        claimant = offer.claimant
        assert claimant is not None
        now = self.clock.now().wall
        user = offer.user or self.sessions.new_id()
        if offer.user is not None:
            self.sessions.user(offer.user)  # they may have been removed meanwhile
        name = self._free_name(offer.user_name)
        new_user = UserRow(user, name, UserRole.MEMBER, now) if offer.user is None else None
        address, thumbprint = claimant.address, claimant.thumbprint
        return DeviceRow(self.sessions.new_id(), user, address, thumbprint, claimant.device_name, now), new_user

    def _free_name(self, wanted: str) -> str:
        """The wanted name, with a number where somebody has it."""
        taken = {row.name for row in self.sessions.users()}
        number, name = 1, wanted
        while name in taken:
            number += 1
            name = f"{wanted} {number}"
        return name


def _commits(commitment: str, client_nonce: str) -> bool:
    try:
        nonce = decoded(client_nonce)
    except ValueError:
        return False
    return hmac.compare_digest(encoded(hashlib.sha256(nonce).digest()), commitment)
