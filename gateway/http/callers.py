"""Who calls: dependencies for people, for devices that are not signed in yet, for the owner, and for engines."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request

from contract.errors import AuthenticationMissing, ProofMissing
from contract.signin import APPROVAL_HEADER
from contract.words import Scope
from gateway.crypto.dpop import Proof
from gateway.http import bodies
from gateway.operations import sessions
from gateway.operations.admin_tokens import AdminTokens
from gateway.operations.api_keys import ApiCaller, ApiKeys
from gateway.operations.approval import Approvals
from gateway.operations.challenges import Heard
from gateway.operations.sessions import Principal, Sessions
from gateway.rules.engine_tokens import EngineCaller
from kit.logs import bind


@dataclass(frozen=True, slots=True)
class People:
    """The dependencies of `/api`.

    Each raises what `Sessions.prove` and `Sessions.authenticate` raise; the body is held against the proof when it is read.
    """

    sessions: Sessions
    approvals: Approvals
    throttle_user: Callable[[str], None]
    """Counts a request of a user who is who they say; raises UserThrottled."""

    async def signed_in(self, request: Request) -> Principal:
        """A signed-in user."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not token.strip():
            raise AuthenticationMissing
        if scheme.lower() != "dpop":
            raise ProofMissing("Tokens of this gateway are bound to a key: send Authorization: DPoP with a proof, not Bearer.")
        principal, request.state.proof = self.sessions.authenticate(token.strip(), proven(request))
        request.state.user_id = principal.user
        bind(user_id=principal.user)
        self.throttle_user(principal.user)
        return principal

    async def device(self, request: Request) -> Proof:
        """A key that nobody has signed in with yet."""
        proof = request.state.proof = self.sessions.prove(proven(request))
        return proof

    async def approved(self, request: Request) -> Principal:
        """The owner, who has signed this very request."""
        principal = await self.signed_in(request)
        body = await bodies.whole(request)
        request.state.proof.check_body(body)
        await self.approvals.check(principal, request.headers.get(APPROVAL_HEADER), request.method, request.url.path, body)
        return principal


@dataclass(frozen=True, slots=True)
class Keyed:
    """The dependency of `/v1`: a personal API key. It is no credential anywhere else."""

    keys: ApiKeys
    throttle_user: Callable[[str], None]

    async def caller(self, request: Request) -> ApiCaller:
        """Who holds the key. Raises what `ApiKeys.authenticate` does, and UserThrottled."""
        caller = await self.keys.authenticate(request.headers.get("authorization"))
        request.state.user_id = caller.user
        bind(user_id=caller.user)
        self.throttle_user(caller.user)
        return caller


def proven(request: Request) -> sessions.Request:
    """The request as its proof must name it."""
    return sessions.Request(request.method, heard(request).own_origin + request.url.path, request.headers.get("dpop"))


def heard(request: Request) -> Heard:
    """Where a request came from, as the listener stamped it."""
    state = request.state
    return Heard(state.origin, request.headers.get("origin") or state.origin, state.ingress, state.client)


def owner(tokens: AdminTokens) -> Callable[[Scope], Callable[[Request], Awaitable[None]]]:
    """Dependencies that let a request with an admin token of a scope pass.

    Raises:
        AuthenticationMissing, AuthenticationInvalid, AuthenticationExpired, ScopeMissing.
    """

    def with_scope(scope: Scope) -> Callable[[Request], Awaitable[None]]:
        async def allowed(request: Request) -> None:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            tokens.check(token.strip() if scheme.lower() == "bearer" else None, scope)

        return allowed

    return with_scope


def engine(check: Callable[[str | None, str | None], Awaitable[EngineCaller]]) -> Callable[[Request], Awaitable[EngineCaller]]:
    """A dependency that gives the engine whose token was sent, before any body is read.

    Raises:
        EngineTokenInvalid, EngineTokenRevoked, EngineIdMismatch.
    """

    async def caller(request: Request) -> EngineCaller:
        found = await check(request.headers.get("x-engine-id"), request.headers.get("x-engine-token"))
        request.state.engine_id = found.engine
        bind(engine_id=found.engine)
        return found

    return caller
