"""Signing in: EIP-4361 messages, access and refresh tokens, DPoP proofs (protocol §2, RFC 9449)."""

import base64
import hashlib
import json
from typing import Annotated

from pydantic import Field, StringConstraints

from contract.wire import Answer, Request, Timestamp

STATEMENT = "Sign in to this Flowork gateway. This costs nothing and moves no funds."
SIGN_IN_PATH = "/api/v1/auth/sign-in"
SIGNED_CHALLENGE = b"flowork-challenge-v1\0"
"""What stands before the digest of a challenge's transcript when the gateway signs it."""
APPROVAL_HEADER = "Flowork-Approval"
"""Carries `base64url(message).signature` with an act that needs the owner's fresh signature."""

Address = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$")]
"""An Ethereum address; EIP-55 mixed case is checked where it is present."""
Thumbprint = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""RFC 7638 SHA-256 thumbprint of a P-256 session key, base64url."""


class ChallengeRequest(Request):
    """Ask for something to sign. Answered alike for known and unknown addresses; the DPoP proof names the session key."""

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
    origin: str
    """The page's origin as the gateway heard it, or its own; the message's domain is this without its scheme."""
    session_key: Thumbprint
    resources: list[str]
    client_commitment: str = ""
    """When pairing: what the client committed to, base64url."""
    gateway_nonce: str = ""
    """When pairing: the gateway's share of the six digits, base64url."""
    signature: str
    """Ed25519 over `SIGNED_CHALLENGE` and the SHA-256 of `transcript`, by the key in the pairing link; base64url."""
    server_time: float
    """Epoch seconds at the gateway: clients take the `iat` of their proofs from it."""


class SignInRequest(Request):
    """The signed message. `signature`: 65 bytes as 0x-hex, low s (EIP-191 personal_sign)."""

    message: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    signature: Annotated[str, StringConstraints(max_length=1024)]
    client_nonce: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")] | None = None
    """When pairing: 32 bytes, base64url, whose SHA-256 was the commitment."""


class Tokens(Answer):
    """What a device works with. Both tokens are bound to its session key."""

    access_token: str = Field(repr=False)
    """JWT of the RFC 9068 shape."""
    token_type: str = "DPoP"  # noqa: S105 - a scheme
    expires_in: int
    refresh_token: str = Field(repr=False)
    """Serves once; its answer brings the next one."""
    scope: str
    user: str
    device: str
    session: str
    gateway_id: str


class RefreshRequest(Request):
    """A refresh token for new tokens. An `Idempotency-Key` header lets a lost answer be asked for again within 10 s."""

    refresh_token: Annotated[str, StringConstraints(max_length=128)] = Field(repr=False)


class ApprovalRequest(Request):
    """Ask for something to sign that approves one coming request of the owner's."""

    method: Annotated[str, StringConstraints(pattern=r"^(POST|PUT|PATCH|DELETE)$")]
    path: Annotated[str, StringConstraints(pattern=r"^/api/v1/[A-Za-z0-9/_:.-]{1,200}$")]
    body_sha256: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
    """Of the body's bytes, base64url; of nothing for a request without a body."""


def build_message(challenge: Challenge, *, address: str) -> str:
    """The EIP-4361 text to sign; `address` in EIP-55 form. Built from the challenge's fields, never from a text that a server sent."""
    return "\n".join(
        [
            f"{challenge.origin.partition('://')[2]} wants you to sign in with your Ethereum account:",
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
            *(f"- {resource}" for resource in challenge.resources),
        ]
    )


def gateway_resource(gateway_id: str) -> str:
    """The resource that ties a message to one gateway, so that another gateway cannot relay it."""
    return f"urn:flowork:gateway:{gateway_id}"


def session_key_resource(thumbprint: str) -> str:
    """The resource that ties a message to one browser's key."""
    return f"urn:flowork:session-key:{thumbprint}"


def action_resource(method: str, path: str, body_sha256: str) -> str:
    """The resource that ties an approval to one request."""
    asked = f"{method}\n{path}\n{body_sha256}"
    return f"urn:flowork:action:{encoded(hashlib.sha256(asked.encode()).digest())}"


def approval_statement(method: str, path: str) -> str:
    """What the wallet shows before an approval is signed."""
    return f"Approve: {method} {path}"


def transcript(challenge: Challenge, address: str) -> bytes:
    """Digest of everything both sides must have seen alike: SHA-256 of the canonical JSON (RFC 8785) of these members."""
    members = {
        "address": address.lower(),
        "chain_id": challenge.chain_id,
        "client_commitment": challenge.client_commitment,
        "expiration_time": challenge.expiration_time,
        "gateway_id": challenge.gateway_id,
        "gateway_nonce": challenge.gateway_nonce,
        "issued_at": challenge.issued_at,
        "nonce": challenge.nonce,
        "origin": challenge.origin,
        "request_id": challenge.request_id,
        "resources": challenge.resources,
        "session_key": challenge.session_key,
        "statement": challenge.statement,
        "uri": challenge.uri,
    }
    return hashlib.sha256(json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).digest()


def encoded(raw: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """What `encoded` wrote.

    Raises:
        ValueError.
    """
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if encoded(raw) != text:
        raise ValueError("not the one spelling of these bytes")
    return raw
