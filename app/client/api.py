"""A user's side: signing in, submitting, watching."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp

from app.client.answers import A, answer, reaching
from contract.errors import AuthenticationExpired, GatewayUnreachable
from contract.events import EventPage
from contract.jobs import JobAnswer, JobDetail, JobDetailAnswer, JobDraft
from contract.signin import AccessToken, Challenge, ChallengeRequest, SignInRequest, build_message

TIMEOUT = aiohttp.ClientTimeout(total=60)
WAIT_MS = 20_000


class Signer(Protocol):
    """Something with an address that can sign."""

    @property
    def address(self) -> str:
        """EIP-55 form."""

    def sign(self, message: str) -> str:
        """EIP-191 personal_sign."""


class ApiClient:
    """Calls `/api/v1` as one user; signs in again by itself when the token has expired."""

    def __init__(self, session: aiohttp.ClientSession, gateway: str, signer: Signer) -> None:
        self._session = session
        self._gateway = gateway
        self._signer = signer
        self.token = ""

    async def sign_in(self) -> AccessToken:
        """Challenge, message, signature, token. Raises FloworkError."""
        address = self._signer.address
        asked = ChallengeRequest(address=address).model_dump()
        async with reaching(self._gateway), self._session.post("/api/v1/auth/challenge", json=asked) as response:
            challenge = await answer(response, Challenge)
        message = build_message(challenge, domain=urlsplit(self._gateway).netloc, address=address)
        signed = SignInRequest(message=message, signature=self._signer.sign(message)).model_dump()
        async with reaching(self._gateway), self._session.post("/api/v1/auth/sign-in", json=signed) as response:
            access = await answer(response, AccessToken)
        self.token = access.access_token
        return access

    async def submit(self, draft: JobDraft, key: str) -> JobAnswer:
        """Queue a job; repeating with the same key is harmless. Raises FloworkError."""
        body = draft.model_dump(mode="json")
        return await self._call("POST", "/api/v1/jobs", JobAnswer, json=body, headers={"Idempotency-Key": key})

    async def job(self, job_id: str) -> JobDetail:
        """A job with its bodies. Raises FloworkError."""
        return (await self._call("GET", f"/api/v1/jobs/{job_id}", JobDetailAnswer)).job

    async def cancel(self, job_id: str) -> JobAnswer:
        """Ask a job to stop. Raises FloworkError."""
        return await self._call("POST", f"/api/v1/jobs/{job_id}/cancel", JobAnswer)

    async def events(self, after: str, wait_ms: int = WAIT_MS) -> EventPage:
        """What came after a cursor; `latest` gives today's. Raises FloworkError."""
        return await self._call("GET", "/api/v1/events", EventPage, params={"after": after, "wait_ms": str(wait_ms)})

    async def _call(self, method: str, path: str, model: type[A], headers: dict[str, str] | None = None, **rest: Any) -> A:
        for again in (True, False):
            sent = {**(headers or {}), "Authorization": f"Bearer {self.token}"}
            try:
                async with reaching(self._gateway), self._session.request(method, path, headers=sent, **rest) as response:
                    return await answer(response, model)
            except AuthenticationExpired:
                if not again:
                    raise
                await self.sign_in()
        raise AssertionError


@contextlib.asynccontextmanager
async def open_api(gateway: str, signer: Signer) -> AsyncIterator[ApiClient]:
    """A client for the length of the block; not yet signed in.

    Raises:
        GatewayUnreachable: that is no address.
    """
    if urlsplit(gateway).scheme not in {"http", "https"} or not urlsplit(gateway).netloc:
        raise GatewayUnreachable(f"{gateway!r} is no address of a gateway; it begins with http:// or https://.")
    async with aiohttp.ClientSession(gateway, timeout=TIMEOUT, trust_env=False) as session:
        yield ApiClient(session, gateway, signer)
