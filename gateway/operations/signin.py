"""Sign-in: a challenge, a signed EIP-4361 message, tokens; only for devices that were paired."""

from dataclasses import dataclass

from contract.errors import DeviceUnknown, FloworkError
from contract.signin import Challenge, SignInRequest, Tokens
from contract.words import PairingState
from gateway.crypto.dpop import Proof
from gateway.operations.audit import Audit
from gateway.operations.challenges import Challenges, Heard, Issued
from gateway.operations.pair import Pairing
from gateway.operations.sessions import Sessions


@dataclass(slots=True)
class SignIn:
    """The acts of signing in."""

    challenges: Challenges
    sessions: Sessions
    pairing: Pairing
    audit: Audit

    async def challenge(self, address: str, proof: Proof, heard: Heard) -> Challenge:
        """Something to sign. See `Challenges.issue`."""
        return await self.challenges.issue(address, proof.thumbprint, heard)

    async def sign_in(self, request: SignInRequest, proof: Proof) -> Tokens | PairingState:
        """Check the signed message against the challenge it answers. While pairing the tokens come after the owner's approval.

        Raises:
            SignInMessageInvalid, ChallengeInvalid, SignatureInvalid, DeviceUnknown, SecretsLocked, AuditUnavailable;
            and see `Pairing.signed`.
        """
        try:
            issued = self._answered(request, proof)
            if issued.purpose.offer is not None:
                await self.pairing.signed(issued, request.client_nonce)
                return PairingState.SIGNED
            device = self.sessions.paired(issued.address, proof.thumbprint)
            if device is None:
                raise DeviceUnknown
        except FloworkError as error:
            if error.status in {401, 403}:
                await self.audit.refused(error.code)
            raise
        await self.audit.note("signin", device.user, device.id, address=device.address)
        return await self.sessions.open(device)

    def _answered(self, request: SignInRequest, proof: Proof) -> Issued:
        issued = self.challenges.answered(request.message, request.signature, proof.thumbprint)
        if issued.purpose.action is not None:
            raise DeviceUnknown("What was signed approves an act; it signs nobody in.")
        return issued
