"""Approvals: the owner's fresh signature under one request that comes from afar (protocol §1, "step-up")."""

import hashlib
from dataclasses import dataclass

from contract import limits
from contract.errors import ApprovalNeeded, ChallengeInvalid, FloworkError, OwnerOnly
from contract.signin import ApprovalRequest, Challenge, action_resource, approval_statement, decoded, encoded
from contract.words import Role
from gateway.operations.audit import Audit
from gateway.operations.challenges import Challenges, Heard, Purpose
from gateway.operations.sessions import Principal


@dataclass(slots=True)
class Approvals:
    """Gives out what to sign, and checks what was signed."""

    challenges: Challenges
    audit: Audit

    async def challenge(self, owner: Principal, asked: ApprovalRequest, heard: Heard) -> Challenge:
        """What approves one coming request, once, within two minutes.

        Raises:
            OwnerOnly, SecretsLocked.
        """
        if owner.role is not Role.OWNER:
            raise OwnerOnly
        purpose = Purpose(
            statement=approval_statement(asked.method, asked.path),
            ttl_s=limits.APPROVAL_TTL_S,
            action=action_resource(asked.method, asked.path, asked.body_sha256),
        )
        return await self.challenges.issue(owner.address, owner.thumbprint, heard, purpose)

    async def check(self, owner: Principal, header: str | None, method: str, path: str, body: bytes) -> None:
        """Is this very request approved by the owner's signature?

        Raises:
            OwnerOnly. ApprovalNeeded: there is none. ChallengeInvalid, SignInMessageInvalid, SignatureInvalid: it does not hold.
        """
        if owner.role is not Role.OWNER:
            raise OwnerOnly
        if not header:
            raise ApprovalNeeded
        try:
            message, _, signature = header.partition(".")
            issued = self.challenges.answered(decoded(message).decode(), signature, owner.thumbprint)
            digest = encoded(hashlib.sha256(body).digest())
            if issued.purpose.action != action_resource(method, path, digest) or issued.address != owner.address:
                raise ChallengeInvalid("What was signed approves another request.")
        except ValueError as error:
            raise ApprovalNeeded from error
        except FloworkError as error:
            await self.audit.refused(error.code)
            raise
