"""Who calls: the one dependency for people and the one for engines."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request

from contract.errors import AuthenticationMissing
from gateway.rules.engine_tokens import EngineCaller

Authenticate = Callable[[str], str]
"""Access token -> user id; raises AuthenticationInvalid. DPoP will come in behind this name."""


@dataclass(frozen=True, slots=True)
class Person:
    """A signed-in user."""

    user: str


def person(authenticate: Authenticate) -> Callable[[Request], Awaitable[Person]]:
    """A dependency that gives the signed-in user.

    Raises:
        AuthenticationMissing, AuthenticationInvalid, AuthenticationExpired.
    """

    async def caller(request: Request) -> Person:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise AuthenticationMissing
        user = authenticate(token.strip())
        request.state.user_id = user
        return Person(user)

    return caller


def engine(check: Callable[[str | None, str | None], Awaitable[EngineCaller]]) -> Callable[[Request], Awaitable[EngineCaller]]:
    """A dependency that gives the engine whose token was sent, before any body is read.

    Raises:
        EngineTokenInvalid, EngineTokenRevoked, EngineIdMismatch.
    """

    async def caller(request: Request) -> EngineCaller:
        found = await check(request.headers.get("x-engine-id"), request.headers.get("x-engine-token"))
        request.state.engine_id = found.engine
        return found

    return caller
