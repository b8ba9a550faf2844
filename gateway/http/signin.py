"""`/api/v1/auth` and `/api/v1/pair`: from a QR code to tokens, and from tokens to newer ones."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response

from contract import limits
from contract.pairing import PairClaim, PairingAnswer
from contract.signin import ApprovalRequest, Challenge, ChallengeRequest, RefreshRequest, SignInRequest, Tokens
from contract.words import PairingState
from gateway.crypto.dpop import Proof
from gateway.http import bodies
from gateway.http.callers import People, heard
from gateway.operations.approval import Approvals
from gateway.operations.pair import Pairing
from gateway.operations.sessions import Principal, Sessions
from gateway.operations.signin import SignIn

PENDING: dict[int | str, dict[str, Any]] = {202: {"model": PairingAnswer, "description": "Not yet: the owner has to type the six digits"}}


def router(people: People, signin: SignIn, pairing: Pairing, sessions: Sessions, approvals: Approvals) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/v1", tags=["sign-in"], responses=bodies.PROBLEMS)
    Device = Annotated[Proof, Depends(people.device)]
    Caller = Annotated[Principal, Depends(people.signed_in)]

    @routes.post("/auth/challenge", response_model=Challenge, openapi_extra=bodies.takes(ChallengeRequest))
    async def challenge(request: Request, device: Device) -> Response:
        """What an EIP-4361 message must contain."""
        asked = await bodies.read(request, ChallengeRequest)
        return bodies.rendered(await signin.challenge(asked.address, device, heard(request)))

    @routes.post("/auth/sign-in", response_model=Tokens, responses=PENDING, openapi_extra=bodies.takes(SignInRequest))
    async def sign_in(request: Request, device: Device) -> Response:
        """A signed message for tokens; while pairing, for six digits."""
        signed = await bodies.read(request, SignInRequest)
        return _told(await signin.sign_in(signed, device))

    @routes.post("/auth/refresh", response_model=Tokens, openapi_extra=bodies.takes(RefreshRequest))
    async def refresh(request: Request, device: Device, idempotency_key: Annotated[str | None, Header(max_length=255)] = None) -> Response:
        """A refresh token for new tokens."""
        asked = await bodies.read(request, RefreshRequest)
        return bodies.rendered(await sessions.refresh(asked.refresh_token, device, idempotency_key))

    @routes.post("/auth/sign-out", status_code=204)
    async def sign_out(caller: Caller) -> Response:
        """End this session."""
        await sessions.end(caller.session, caller.user, "signout")
        return Response(status_code=204)

    @routes.post("/auth/approval", response_model=Challenge, openapi_extra=bodies.takes(ApprovalRequest))
    async def approval(request: Request, caller: Caller) -> Response:
        """What the owner must sign so that one request is carried out."""
        asked = await bodies.read(request, ApprovalRequest)
        return bodies.rendered(await approvals.challenge(caller, asked, heard(request)))

    @routes.post("/pair/claim", response_model=Challenge, status_code=201, openapi_extra=bodies.takes(PairClaim))
    async def claim(request: Request, device: Device) -> Response:
        """Take a pairing offer."""
        asked = await bodies.read(request, PairClaim)
        return bodies.rendered(await pairing.claim(asked, device, heard(request)), 201)

    @routes.get("/pair/{offer}", response_model=Tokens, responses=PENDING)
    async def collect(device: Device, offer: str, wait_ms: Annotated[int, Query(ge=0, le=limits.CLAIM_WAIT_MAX_MS)] = 0) -> Response:
        """How far the pairing is, and its tokens, once; waits up to `wait_ms` for the owner."""
        return _told(await pairing.collect(offer, device, wait_ms))

    return routes


def _told(answer: Tokens | PairingState) -> Response:
    return bodies.rendered(answer) if isinstance(answer, Tokens) else bodies.rendered(PairingAnswer(state=answer), 202)
