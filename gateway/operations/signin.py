"""Sign-in: a challenge, a signed EIP-4361 message, a short-lived token; only for addresses of the owner's list."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from contract import limits
from contract.errors import AddressUnknown, ChallengeUnknown, FloworkError, RequestInvalid, SignatureInvalid, SignInMessageInvalid
from contract.signin import STATEMENT, AccessToken, Challenge, SignInRequest, gateway_resource
from gateway.operations.audit import Audit
from gateway.rules import siwe
from gateway.store.control import Control
from kit.clock import SECOND, Clock, rfc3339

CHALLENGES_MAX = 10_000  # in memory; the oldest go first, so that a flood costs an attacker's own challenges too


@dataclass(frozen=True, slots=True)
class Issued:
    """A challenge that was given out."""

    address: str
    challenge: Challenge
    expires_at: int


@dataclass(slots=True)
class SignIn:
    """The acts of signing in. `recover` gives the lower-case address that signed; `issue` a token for a user."""

    control: Control
    clock: Clock
    random_bytes: Callable[[int], bytes]
    gateway_id: str
    uri: str
    domains: frozenset[str]
    recover: Callable[[str, str], str]
    well_formed: Callable[[str], bool]
    issue: Callable[[str], tuple[str, int]]
    audit: Audit
    _open: OrderedDict[str, Issued] = field(default_factory=OrderedDict)

    def challenge(self, address: str) -> Challenge:
        """Something to sign, alike for known and unknown addresses.

        Raises:
            RequestInvalid: the address has mixed case that is not its EIP-55 checksum.
        """
        if not self.well_formed(address):
            raise RequestInvalid("address: its EIP-55 checksum is wrong; copy it again.")
        now = self.clock.now().wall
        expires_at = now + limits.CHALLENGE_TTL_S * SECOND
        challenge = Challenge(
            request_id=self.random_bytes(16).hex(),
            nonce=self.random_bytes(16).hex(),
            issued_at=rfc3339(now),
            expiration_time=rfc3339(expires_at),
            uri=self.uri,
            gateway_id=self.gateway_id,
        )
        self._open[challenge.nonce] = Issued(address.lower(), challenge, expires_at)
        while len(self._open) > CHALLENGES_MAX:
            self._open.popitem(last=False)
        return challenge

    async def sign_in(self, request: SignInRequest) -> AccessToken:
        """Check the signed message against the challenge it answers; the nonce counts once, whatever comes of it.

        Raises:
            SignInMessageInvalid, ChallengeUnknown, SignatureInvalid, AddressUnknown, AuditUnavailable.
        """
        try:
            user, address = await self._signer(request)
        except FloworkError as error:
            await self.audit.refused(error.code)
            raise
        await self.audit.note("signin", user, address)
        token, expires_in = self.issue(user)
        return AccessToken(access_token=token, expires_in=expires_in, user=user)

    async def _signer(self, request: SignInRequest) -> tuple[str, str]:
        """User id and address of whoever signed."""
        message = siwe.parse(request.message)
        if message is None:
            raise SignInMessageInvalid
        issued = self._open.pop(message.nonce, None)
        if issued is None or issued.expires_at <= self.clock.now().wall:
            raise ChallengeUnknown
        if siwe.compare(message, self._expected(issued)) is not None or message.address.lower() != issued.address:
            raise SignInMessageInvalid
        if self.recover(request.message, request.signature).lower() != issued.address:
            raise SignatureInvalid
        user = await self.control.user_by_address(issued.address)
        if user is None:
            raise AddressUnknown
        return user.id, user.address

    def _expected(self, issued: Issued) -> siwe.Expected:
        challenge = issued.challenge
        return siwe.Expected(
            domains=self.domains,
            statement=STATEMENT,
            uri=challenge.uri,
            nonce=challenge.nonce,
            issued_at=challenge.issued_at,
            expiration_time=challenge.expiration_time,
            request_id=challenge.request_id,
            resources=(gateway_resource(self.gateway_id),),
        )
