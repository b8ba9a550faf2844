"""Signing in with an EIP-4361 message (protocol §2)."""

from typing import Annotated

from pydantic import StringConstraints

from contract.wire import Answer, Request, Timestamp

STATEMENT = "Sign in to this Flowork gateway. This costs nothing and moves no funds."

Address = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$")]
"""An Ethereum address; EIP-55 mixed case is checked where it is present."""


class ChallengeRequest(Request):
    """Ask for something to sign. Answered alike for known and unknown addresses."""

    address: Address


class Challenge(Answer):
    """What the message must contain; the client builds it itself (`build_message`)."""

    request_id: str
    nonce: str
    issued_at: Timestamp
    expiration_time: Timestamp
    uri: str
    chain_id: int = 1
    statement: str = STATEMENT
    gateway_id: str


class SignInRequest(Request):
    """The signed message. `signature`: 65 bytes as 0x-hex, low s, v 27 or 28 (EIP-191 personal_sign)."""

    message: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    signature: Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{130}$")]


class AccessToken(Answer):
    """A short-lived JWT (RFC 9068 shape)."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - a scheme
    expires_in: int
    user: str


def build_message(challenge: Challenge, *, domain: str, address: str) -> str:
    """The EIP-4361 text to sign. `domain` is the signer's own origin without scheme, `address` in EIP-55 form."""
    return "\n".join(
        [
            f"{domain} wants you to sign in with your Ethereum account:",
            address,
            "",
            challenge.statement,
            "",
            f"URI: {challenge.uri}",
            "Version: 1",
            f"Chain ID: {challenge.chain_id}",
            f"Nonce: {challenge.nonce}",
            f"Issued At: {challenge.issued_at}",
            f"Expiration Time: {challenge.expiration_time}",
            f"Request ID: {challenge.request_id}",
            "Resources:",
            f"- {gateway_resource(challenge.gateway_id)}",
        ]
    )


def gateway_resource(gateway_id: str) -> str:
    """The resource that ties a message to one gateway, so that another gateway cannot relay it."""
    return f"urn:flowork:gateway:{gateway_id}"
