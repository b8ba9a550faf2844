"""A user's side: pairing, signing in, submitting, watching."""

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
from pydantic import BaseModel

from app.client.answers import A, Nothing, answer, reaching
from contract.api_keys import ApiKeyList, ApiKeyMade, ApiKeyMake
from contract.drain import DrainChange, Drains, DrainTarget
from contract.errors import AuthenticationInvalid, GatewayImpostor, GatewayUnreachable, ProofInvalid, RefreshInvalid
from contract.events import SOCKET_PATH, EventPage
from contract.jobs import JobAnswer, JobDetail, JobDetailAnswer, JobDraft
from contract.offers import KindList
from contract.pairing import Link, PairClaim, PairingAnswer, six_digits
from contract.people import DeviceList, OfferApprove, OfferMade, OfferMake
from contract.signin import (
    APPROVAL_HEADER,
    SIGN_IN_PATH,
    SIGNED_CHALLENGE,
    STATEMENT,
    ApprovalRequest,
    Challenge,
    ChallengeRequest,
    RefreshRequest,
    SignInRequest,
    Tokens,
    action_resource,
    approval_statement,
    build_message,
    decoded,
    encoded,
    gateway_resource,
    session_key_resource,
    transcript,
)
from contract.words import DrainState, PairingState

TIMEOUT = aiohttp.ClientTimeout(total=60)
WAIT_MS = 20_000


class SessionKey(Protocol):
    """Signs proofs."""

    thumbprint: str

    def proof(self, method: str, url: str, access_token: str = "", body: bytes | None = None) -> str:
        """A DPoP proof for one request."""

    def set_clock(self, gateway_s: float) -> None:
        """Count by the gateway's clock from now on."""


class Keys(Protocol):
    """The keys of a device."""

    @property
    def session(self) -> SessionKey:
        """Says which device."""

    @property
    def address(self) -> str:
        """EIP-55 form."""

    def sign(self, message: str) -> str:
        """EIP-191 personal_sign."""

    def verify(self, public: bytes, text: bytes, signature: bytes) -> bool:
        """Did the gateway with this Ed25519 key sign that?"""


@dataclass(slots=True)
class Claimed:
    """A pairing between its claim and its tokens."""

    offer: str
    digits: str
    """What the owner must type at the gateway."""


class ApiClient:
    """Calls `/api/v1` as one device; renews its tokens by itself."""

    def __init__(self, session: aiohttp.ClientSession, gateway: str, keys: Keys, gateway_key: bytes) -> None:
        self._session = session
        self.gateway = gateway
        self._keys = keys
        self._gateway_key = gateway_key
        self._tokens: Tokens | None = None
        self._renewing = asyncio.Lock()

    # -- pairing and signing in -----------------------------------------------------------------------------------

    async def claim(self, link: Link, device_name: str, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> Claimed:
        """Take an offer, sign, and learn the six digits to show. Raises FloworkError."""
        nonce = random_bytes(32)
        asked = PairClaim(
            offer=link.offer,
            code=link.code,
            address=self._keys.address,
            device_name=device_name,
            client_commitment=encoded(hashlib.sha256(nonce).digest()),
        )
        challenge = await self._challenged("/api/v1/pair/claim", asked, STATEMENT)
        if challenge.request_id != link.offer or challenge.client_commitment != asked.client_commitment:
            raise GatewayImpostor
        digits = six_digits(nonce, decoded(challenge.gateway_nonce), transcript(challenge, self._keys.address), self._gateway_key)
        await self._open("POST", SIGN_IN_PATH, PairingAnswer, self._signed(challenge, nonce))
        return Claimed(link.offer, digits)

    async def collect(self, claimed: Claimed) -> Tokens:
        """Wait for the owner, then collect the tokens. Raises FloworkError (PairingExpired when the owner did not approve)."""
        while True:
            answered = await self._open("GET", f"/api/v1/pair/{claimed.offer}?wait_ms={WAIT_MS}", _Collected)
            if answered.state is None:
                self._tokens = Tokens.model_validate(answered.model_dump())
                return self._tokens

    async def sign_in(self) -> Tokens:
        """Challenge, message, signature, tokens. Raises FloworkError."""
        challenge = await self._challenged("/api/v1/auth/challenge", ChallengeRequest(address=self._keys.address), STATEMENT)
        self._tokens = await self._open("POST", SIGN_IN_PATH, Tokens, self._signed(challenge))
        return self._tokens

    async def sign_out(self) -> None:
        """End the session. Raises FloworkError."""
        await self._call("POST", "/api/v1/auth/sign-out", Nothing)
        self._tokens = None

    async def refresh(self) -> Tokens:
        """New tokens for the refresh token; with a key, so that a lost answer is not a lost session. Raises FloworkError."""
        assert self._tokens is not None
        asked = RefreshRequest(refresh_token=self._tokens.refresh_token)
        key = secrets.token_hex(16)
        try:
            self._tokens = await self._open("POST", "/api/v1/auth/refresh", Tokens, asked, {"Idempotency-Key": key})
        except GatewayUnreachable:
            self._tokens = await self._open("POST", "/api/v1/auth/refresh", Tokens, asked, {"Idempotency-Key": key})
        return self._tokens

    def socket_auth(self) -> dict[str, str]:
        """What the Socket.IO CONNECT carries."""
        assert self._tokens is not None
        access = self._tokens.access_token
        return {"token": access, "dpop": self._keys.session.proof("GET", f"{self.gateway}{SOCKET_PATH}/", access)}

    # -- work -----------------------------------------------------------------------------------------------------

    async def submit(self, draft: JobDraft, key: str, traceparent: str | None = None) -> JobAnswer:
        """Queue a job, in a trace of one's own if one is given; repeating with the same key is harmless. Raises FloworkError."""
        trace = {} if traceparent is None else {"traceparent": traceparent}
        return await self._call("POST", "/api/v1/jobs", JobAnswer, draft, {"Idempotency-Key": key, **trace})

    async def job(self, job_id: str) -> JobDetail:
        """A job with its bodies. Raises FloworkError."""
        return (await self._call("GET", f"/api/v1/jobs/{job_id}", JobDetailAnswer)).job

    async def cancel(self, job_id: str) -> JobAnswer:
        """Ask a job to stop. Raises FloworkError."""
        return await self._call("POST", f"/api/v1/jobs/{job_id}/cancel", JobAnswer)

    async def events(self, after: str, wait_ms: int = WAIT_MS) -> EventPage:
        """What came after a cursor; `latest` gives today's. Raises FloworkError."""
        query = urlencode({"after": after, "wait_ms": wait_ms})
        return await self._call("GET", f"/api/v1/events?{query}", EventPage)

    async def devices(self) -> DeviceList:
        """One's own devices; the owner sees all. Raises FloworkError."""
        return await self._call("GET", "/api/v1/devices", DeviceList)

    async def revoke(self, device: str) -> None:
        """Revoke a device of one's own. Raises FloworkError."""
        await self._call("DELETE", f"/api/v1/devices/{device}", Nothing)

    async def kinds(self) -> KindList:
        """What may be submitted, and where. Raises FloworkError."""
        return await self._call("GET", "/api/v1/kinds", KindList)

    async def make_api_key(self, asked: ApiKeyMake) -> ApiKeyMade:
        """Make a key for programs; its text is told this once. Raises FloworkError."""
        return await self._call("POST", "/api/v1/api-keys", ApiKeyMade, asked)

    async def api_keys(self) -> ApiKeyList:
        """One's own keys; the owner sees all. Raises FloworkError."""
        return await self._call("GET", "/api/v1/api-keys", ApiKeyList)

    async def revoke_api_key(self, key: str) -> None:
        """End a key, by id or name. Raises FloworkError."""
        await self._call("DELETE", f"/api/v1/api-keys/{quote(key, safe='')}", Nothing)

    async def invite(self, asked: OfferMake) -> OfferMade:
        """As the owner, from afar: offer to pair a device. Raises FloworkError."""
        return await self._approved("/api/v1/pairings", OfferMade, asked)

    async def approve(self, offer: str, digits: str) -> None:
        """As the owner, from afar: type the six digits. Raises FloworkError."""
        await self._approved(f"/api/v1/pairings/{offer}/approve", Nothing, OfferApprove(digits=digits))

    async def drains(self) -> Drains:
        """What takes new jobs. Raises FloworkError."""
        return await self._call("GET", "/api/v1/drain", Drains)

    async def change_drain(self, target: DrainTarget, state: DrainState) -> Drains:
        """Let something run, drain or stop; for the owner, who signs it. Raises FloworkError."""
        return await self._approved("/api/v1/drain", Drains, DrainChange(target=target, state=state))

    # -- the wire -------------------------------------------------------------------------------------------------

    async def _challenged(self, path: str, asked: BaseModel, statement: str, *actions: str) -> Challenge:
        """A challenge that was really given out by the pinned gateway, for this device; nothing else is ever signed.

        Raises:
            GatewayImpostor: anything in it is off. FloworkError.
        """
        challenge = await (self._call if actions else self._open)("POST", path, Challenge, asked)
        self._keys.session.set_clock(challenge.server_time)
        thumbprint = self._keys.session.thumbprint
        wanted = [gateway_resource(challenge.gateway_id), session_key_resource(thumbprint), *actions]
        whole = (
            challenge.resources == wanted
            and challenge.session_key == thumbprint
            and challenge.origin == self.gateway
            and challenge.uri == self.gateway + SIGN_IN_PATH
            and challenge.statement == statement
        )
        try:
            text = SIGNED_CHALLENGE + transcript(challenge, self._keys.address)
            whole = whole and self._keys.verify(self._gateway_key, text, decoded(challenge.signature))
        except ValueError:
            whole = False
        if not whole:
            raise GatewayImpostor
        return challenge

    def _signed(self, challenge: Challenge, nonce: bytes | None = None) -> SignInRequest:
        message = build_message(challenge, address=self._keys.address)
        return SignInRequest(message=message, signature=self._keys.sign(message), client_nonce=nonce and encoded(nonce))

    async def _approved(self, path: str, model: type[A], asked: BaseModel) -> A:
        """A call with the owner's fresh signature under it."""
        body_sha256 = encoded(hashlib.sha256(_bytes(asked) or b"").digest())
        wanted = ApprovalRequest(method="POST", path=path, body_sha256=body_sha256)
        action = action_resource("POST", path, body_sha256)
        challenge = await self._challenged("/api/v1/auth/approval", wanted, approval_statement("POST", path), action)
        message = build_message(challenge, address=self._keys.address)
        header = f"{encoded(message.encode())}.{self._keys.sign(message)}"
        return await self._call("POST", path, model, asked, {APPROVAL_HEADER: header})

    async def _call(
        self, method: str, path: str, model: type[A], asked: BaseModel | None = None, headers: dict[str, str] | None = None
    ) -> A:
        """A call of somebody signed in; an expired token is renewed once."""
        used = self._tokens
        assert used is not None, "sign in first"
        try:
            return await self._open(method, path, model, asked, headers, used.access_token)
        except AuthenticationInvalid:
            async with self._renewing:
                fresh = await self._renew() if self._tokens is used or self._tokens is None else self._tokens
        return await self._open(method, path, model, asked, headers, fresh.access_token)

    async def _renew(self) -> Tokens:
        try:
            return await (self.refresh() if self._tokens is not None else self.sign_in())
        except RefreshInvalid:
            return await self.sign_in()

    async def _open(
        self,
        method: str,
        path: str,
        model: type[A],
        asked: BaseModel | None = None,
        headers: dict[str, str] | None = None,
        access: str = "",
    ) -> A:
        """One call, with a fresh proof; once more when only our clock was off."""
        try:
            return await self._send(method, path, model, asked, headers, access)
        except ProofInvalid as error:
            server_time = error.extra.get("server_time")
            if not isinstance(server_time, float | int):
                raise
            self._keys.session.set_clock(float(server_time))
            return await self._send(method, path, model, asked, headers, access)

    async def _send(
        self, method: str, path: str, model: type[A], asked: BaseModel | None, headers: dict[str, str] | None, access: str
    ) -> A:
        body = _bytes(asked)
        url = self.gateway + path.partition("?")[0]
        sent = {**(headers or {}), "DPoP": self._keys.session.proof(method, url, access, body)}
        if access:
            sent["Authorization"] = f"DPoP {access}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        async with reaching(self.gateway), self._session.request(method, path, headers=sent, data=body) as response:
            return await answer(response, model)


class _Collected(BaseModel):
    """Tokens, or how far the pairing is."""

    model_config = {"extra": "allow"}
    state: PairingState | None = None


def _bytes(asked: BaseModel | None) -> bytes | None:
    return None if asked is None else asked.model_dump_json(exclude_none=True).encode()


@contextlib.asynccontextmanager
async def open_api(gateway: str, keys: Keys, gateway_key: bytes) -> AsyncIterator[ApiClient]:
    """A client for the length of the block; not yet signed in. `gateway_key` is what the gateway must prove to have.

    Raises:
        GatewayUnreachable: that is no address.
    """
    where = urlsplit(gateway)
    if where.scheme not in {"http", "https"} or not where.netloc:
        raise GatewayUnreachable(f"{gateway!r} is no address of a gateway; it begins with http:// or https://.")
    origin = f"{where.scheme}://{where.netloc}"
    async with aiohttp.ClientSession(origin, timeout=TIMEOUT, trust_env=False) as session:
        yield ApiClient(session, origin, keys, gateway_key)
