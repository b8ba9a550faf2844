"""`/api/v1/auth`: challenge and sign-in."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from contract.signin import AccessToken, Challenge, ChallengeRequest, SignInRequest
from gateway.http import bodies
from gateway.operations.signin import SignIn


def router(signin: SignIn) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/v1/auth", tags=["sign-in"], responses=bodies.PROBLEMS)

    @routes.post("/challenge", response_model=Challenge, openapi_extra=bodies.takes(ChallengeRequest))
    async def challenge(asked: Annotated[ChallengeRequest, Depends(bodies.body(ChallengeRequest))]) -> Response:
        """What an EIP-4361 message must contain."""
        return bodies.rendered(signin.challenge(asked.address))

    @routes.post("/sign-in", response_model=AccessToken, openapi_extra=bodies.takes(SignInRequest))
    async def sign_in(signed: Annotated[SignInRequest, Depends(bodies.body(SignInRequest))]) -> Response:
        """A signed message for an access token."""
        return bodies.rendered(await signin.sign_in(signed))

    return routes
