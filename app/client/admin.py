"""The owner's side: the admin listener of the gateway on this machine."""

import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from urllib.parse import quote, urlencode

import aiohttp
from pydantic import BaseModel

from app.client.admin_drain import DrainCalls
from app.client.admin_endpoint import EndpointCalls
from app.client.admin_engines import EngineCalls
from app.client.admin_jobs import JobCalls
from app.client.admin_metrics import MetricsCalls
from app.client.admin_program import ProgramCalls
from app.client.admin_work import WorkCalls
from app.client.answers import A, Nothing, answer, reaching, refuse_problems
from contract.admin import (
    AdminToken,
    AdminTokenRequest,
    AuditCheck,
    AuditPage,
    AuditVerdict,
    EngineAdd,
    EngineAdded,
    GatewayStatus,
    KeysRotate,
    SigningKeyList,
)
from contract.errors import AuthenticationInvalid, GatewayUnreachable
from contract.handover import HandoverBegun, HandoverRequest, SnapshotMade
from contract.people import Device, DeviceList, OfferApprove, OfferList, OfferMade, OfferMake, User, UserList
from contract.signin import decoded
from contract.words import Scope

SECRET_HEADER = "X-Flowork-Admin"  # noqa: S105 - the name of a header
TIMEOUT = aiohttp.ClientTimeout(total=30)
LONG = aiohttp.ClientTimeout(total=None, sock_read=600)
"""A long audit log is read as a whole."""


class AdminClient(EngineCalls, DrainCalls, JobCalls, MetricsCalls, WorkCalls, ProgramCalls, EndpointCalls):
    """Calls `/admin/v1`; asks for a token with the scopes of each act, when it is first needed."""

    def __init__(self, session: aiohttp.ClientSession, where: str) -> None:
        self._session = session
        self._where = where
        self._tokens: dict[Scope, str] = {}

    async def users(self) -> UserList:
        """Everyone. Raises FloworkError."""
        return await self._call(Scope.USERS_READ, "GET", "/users", UserList)

    async def remove_user(self, user: str) -> User:
        """Remove a user with all devices. Raises FloworkError."""
        return await self._call(Scope.USERS_REMOVE, "DELETE", f"/users/{quote(user, safe='')}", User)

    async def devices(self) -> DeviceList:
        """Everyone's devices. Raises FloworkError."""
        return await self._call(Scope.DEVICES_READ, "GET", "/devices", DeviceList)

    async def revoke_device(self, device: str) -> None:
        """Revoke a device. Raises FloworkError."""
        await self._call(Scope.DEVICES_REVOKE, "DELETE", f"/devices/{quote(device, safe='')}", Nothing)

    async def offer(self, asked: OfferMake) -> OfferMade:
        """Offer to pair a device. Raises FloworkError."""
        return await self._call(Scope.PAIRING_CREATE, "POST", "/pairings", OfferMade, asked)

    async def offers(self) -> OfferList:
        """Offers of the last minutes. Raises FloworkError."""
        return await self._call(Scope.PAIRING_APPROVE, "GET", "/pairings", OfferList)

    async def approve(self, offer: str, digits: str) -> Device:
        """Type the six digits that the device shows. Raises FloworkError."""
        return await self._call(Scope.PAIRING_APPROVE, "POST", f"/pairings/{offer}/approve", Device, OfferApprove(digits=digits))

    async def withdraw(self, offer: str) -> None:
        """End an offer. Raises FloworkError."""
        await self._call(Scope.PAIRING_APPROVE, "DELETE", f"/pairings/{offer}", Nothing)

    async def add_engine(self, name: str) -> EngineAdded:
        """Make an engine. Raises FloworkError."""
        return await self._call(Scope.ENGINES_CREATE, "POST", "/engines", EngineAdded, EngineAdd(name=name))

    async def keys(self) -> SigningKeyList:
        """The keys that sign access tokens. Raises FloworkError."""
        return await self._call(Scope.KEYS_READ, "GET", "/keys", SigningKeyList)

    async def rotate_keys(self, compromised: bool) -> SigningKeyList:
        """Let a new key sign. Raises FloworkError."""
        return await self._call(Scope.KEYS_ROTATE, "POST", "/keys/rotate", SigningKeyList, KeysRotate(compromised=compromised))

    async def audit(self, before: int | None, limit: int) -> AuditPage:
        """Who did what, newest first. Raises FloworkError."""
        query = urlencode({"limit": limit} | ({} if before is None else {"before": before}))
        return await self._call(Scope.AUDIT_READ, "GET", f"/audit?{query}", AuditPage)

    async def gateway_key(self) -> bytes:
        """The key by which the gateway proves who it is. Raises FloworkError."""
        return decoded((await self.status()).gateway_key)

    async def audit_verify(self, check: AuditCheck) -> AuditVerdict:
        """Read the audit log and judge it. Raises FloworkError."""
        return await self._call(Scope.AUDIT_READ, "POST", "/audit/verify", AuditVerdict, check, LONG)

    async def audit_export(self) -> AsyncGenerator[bytes, None]:
        """The audit log as signed JSON lines, in pieces. Raises FloworkError."""
        token = await self._token(Scope.AUDIT_EXPORT)
        url, headers = "/admin/v1/audit/export", {"Authorization": f"Bearer {token}"}
        async with reaching(self._where), self._session.get(url, headers=headers, timeout=LONG) as response:
            await refuse_problems(response)
            async for piece in response.content.iter_any():
                yield piece

    async def snapshot(self) -> SnapshotMade:
        """A copy of all databases. Raises FloworkError."""
        return await self._call(Scope.UPDATE_APPLY, "POST", "/snapshot", SnapshotMade, timeout=LONG)

    async def hand_over(self, version: str) -> HandoverBegun:
        """Ask the gateway to stop serving for the one that asks. Raises FloworkError."""
        return await self._call(Scope.UPDATE_APPLY, "POST", "/handover", HandoverBegun, HandoverRequest(version=version))

    async def status(self) -> GatewayStatus:
        """Queues, engines, delays. Raises FloworkError."""
        return await self._call(Scope.STATUS_READ, "GET", "/status", GatewayStatus)

    async def _token(self, scope: Scope) -> str:
        if scope not in self._tokens:
            self._tokens[scope] = (await self._send("POST", "/tokens", AdminToken, AdminTokenRequest(scopes=[scope]), "")).token
        return self._tokens[scope]

    async def _call(
        self,
        scope: Scope,
        method: str,
        path: str,
        model: type[A],
        asked: BaseModel | None = None,
        timeout: aiohttp.ClientTimeout = TIMEOUT,
    ) -> A:
        for again in (True, False):
            token = await self._token(scope)
            try:
                return await self._send(method, path, model, asked, f"Bearer {token}", timeout)
            except AuthenticationInvalid:  # expired, or the gateway was started anew
                del self._tokens[scope]
                if not again:
                    raise
        raise AssertionError

    async def _send(
        self,
        method: str,
        path: str,
        model: type[A],
        asked: BaseModel | None,
        authorization: str,
        timeout: aiohttp.ClientTimeout = TIMEOUT,
    ) -> A:
        headers = {"Authorization": authorization} if authorization else {}
        body = None if asked is None else asked.model_dump_json(exclude_none=True).encode()
        if body is not None:
            headers["Content-Type"] = "application/json"
        url = f"/admin/v1{path}"
        async with reaching(self._where), self._session.request(method, url, data=body, headers=headers, timeout=timeout) as response:
            return await answer(response, model)


@contextlib.asynccontextmanager
async def open_admin(data: Path) -> AsyncIterator[AdminClient]:
    """A client for the gateway that runs on a data folder.

    Raises:
        GatewayUnreachable: none runs there.
    """
    socket_file, tcp_file = data / "run" / "admin.sock", data / "run" / "admin.json"
    if tcp_file.exists():
        told = json.loads(tcp_file.read_text())
        base, headers, connector = f"http://127.0.0.1:{told['port']}", {SECRET_HEADER: told["secret"]}, aiohttp.TCPConnector()
    elif socket_file.exists():
        base, headers, connector = "http://flowork", {}, aiohttp.UnixConnector(str(socket_file))  # type: ignore[assignment]
    else:
        raise GatewayUnreachable(f"No gateway runs on {data}. Start it with: flowork serve")
    async with aiohttp.ClientSession(base, headers=headers, connector=connector, timeout=TIMEOUT, trust_env=False) as session:
        yield AdminClient(session, str(data))
