"""Challenges: what was given out to be signed, and the one time each may be answered."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from contract import limits
from contract.errors import ChallengeInvalid, RequestInvalid, SignatureInvalid, SignInMessageInvalid
from contract.signin import (
    SIGN_IN_PATH,
    SIGNED_CHALLENGE,
    STATEMENT,
    Challenge,
    encoded,
    gateway_resource,
    session_key_resource,
    transcript,
)
from gateway.crypto.identity import HeldKey
from gateway.rules import siwe
from kit.clock import SECOND, Clock, rfc3339
from kit.vault import Vault

STRANGERS_MAX = 10_000
KNOWN_MAX = 10_000
"""In memory; the oldest of a share go first. Known devices have a share of their own, so that a flood does not lock them out."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Where a request came from."""

    own_origin: str
    """This gateway's origin, as the caller sees it."""
    page_origin: str
    """The Origin header, or `own_origin` for programs that send none."""
    ingress: str
    client: str
    """IP address, or what stands for it."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a challenge is for."""

    statement: str = STATEMENT
    ttl_s: int = limits.CHALLENGE_TTL_S
    offer: str | None = None
    client_commitment: str = ""
    action: str | None = None
    """`action_resource` of the one request that is approved."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A challenge that was given out."""

    address: str
    challenge: Challenge
    purpose: Purpose
    digest: bytes
    """Of the transcript."""
    expires_at: int


@dataclass(slots=True)
class Challenges:
    """Gives challenges out and takes their answers. `recover` gives the lower-case address that signed."""

    identity: HeldKey
    vault: Vault
    clock: Clock
    random_bytes: Callable[[int], bytes]
    gateway_id: str
    recover: Callable[[str, str], str]
    well_formed: Callable[[str], bool]
    is_paired: Callable[[str, str], bool]
    _known: OrderedDict[str, Issued] = field(default_factory=OrderedDict)
    _strangers: OrderedDict[str, Issued] = field(default_factory=OrderedDict)

    async def issue(self, address: str, thumbprint: str, heard: Heard, purpose: Purpose = Purpose()) -> Challenge:
        """Something to sign, alike for known and unknown addresses; signed by the gateway's own key.

        Raises:
            RequestInvalid: the address has mixed case that is not its EIP-55 checksum. SecretsLocked.
        """
        if not self.well_formed(address):
            raise RequestInvalid("address: its EIP-55 checksum is wrong; copy it again.")
        await self.identity.unlock(self.vault)
        now = self.clock.now().wall
        expires_at = now + purpose.ttl_s * SECOND
        unsigned = Challenge(
            request_id=purpose.offer or self.random_bytes(16).hex(),
            nonce=self.random_bytes(16).hex(),
            issued_at=rfc3339(now),
            expiration_time=rfc3339(expires_at),
            uri=heard.own_origin + SIGN_IN_PATH,
            statement=purpose.statement,
            gateway_id=self.gateway_id,
            origin=heard.page_origin,
            session_key=thumbprint,
            resources=_resources(self.gateway_id, thumbprint, purpose),
            client_commitment=purpose.client_commitment,
            gateway_nonce=encoded(self.random_bytes(32)) if purpose.offer else "",
            signature="",
            server_time=now / SECOND,
        )
        digest = transcript(unsigned, address)
        challenge = unsigned.model_copy(update={"signature": encoded(self.identity.sign(SIGNED_CHALLENGE + digest))})
        self._keep(Issued(address.lower(), challenge, purpose, digest, expires_at))
        return challenge

    def answered(self, message_text: str, signature: str, thumbprint: str) -> Issued:
        """The challenge that a signed message answers; it counts once, whatever comes of it.

        Raises:
            SignInMessageInvalid, ChallengeInvalid, SignatureInvalid.
        """
        message = siwe.parse(message_text)
        if message is None:
            raise SignInMessageInvalid
        issued = self._known.pop(message.nonce, None) or self._strangers.pop(message.nonce, None)
        if issued is None or issued.expires_at <= self.clock.now().wall:
            raise ChallengeInvalid
        wrong = siwe.compare(message, _expected(issued.challenge)) is not None or message.address.lower() != issued.address
        if wrong or thumbprint != issued.challenge.session_key:
            raise SignInMessageInvalid
        if self.recover(message_text, signature).lower() != issued.address:
            raise SignatureInvalid
        return issued

    def _keep(self, issued: Issued) -> None:
        known = issued.purpose.offer is not None or self.is_paired(issued.address, issued.challenge.session_key)
        book, most = (self._known, KNOWN_MAX) if known else (self._strangers, STRANGERS_MAX)
        book[issued.challenge.nonce] = issued
        while len(book) > most:
            book.popitem(last=False)


def _resources(gateway_id: str, thumbprint: str, purpose: Purpose) -> list[str]:
    approving = [] if purpose.action is None else [purpose.action]
    return [gateway_resource(gateway_id), session_key_resource(thumbprint), *approving]


def _expected(challenge: Challenge) -> siwe.Expected:
    return siwe.Expected(
        domains=frozenset({urlsplit(challenge.origin).netloc}),
        statement=challenge.statement,
        uri=challenge.uri,
        nonce=challenge.nonce,
        issued_at=challenge.issued_at,
        expiration_time=challenge.expiration_time,
        request_id=challenge.request_id,
        resources=tuple(challenge.resources),
    )
