"""The owner's side: the admin listener of the gateway on this machine."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from app.client.admin_engines import EngineCalls
from app.client.answers import answer, reaching
from contract.admin import AuditPage, AuditVerdict, EngineAdd, EngineAdded, GatewayStatus, User, UserAdd, UserList
from contract.errors import GatewayUnreachable

SECRET_HEADER = "X-Flowork-Admin"  # noqa: S105 - the name of a header
TIMEOUT = aiohttp.ClientTimeout(total=30)


class AdminClient(EngineCalls):
    """Calls `/admin/v1`."""

    def __init__(self, session: aiohttp.ClientSession, where: str) -> None:
        self._session = session
        self._where = where

    async def add_user(self, address: str, name: str) -> User:
        """Put an address on the list. Raises FloworkError."""
        async with (
            reaching(self._where),
            self._session.post("/admin/v1/users", json=UserAdd(address=address, name=name).model_dump()) as response,
        ):
            return await answer(response, User)

    async def users(self) -> UserList:
        """Everyone on the list. Raises FloworkError."""
        async with reaching(self._where), self._session.get("/admin/v1/users") as response:
            return await answer(response, UserList)

    async def add_engine(self, name: str) -> EngineAdded:
        """Make an engine. Raises FloworkError."""
        async with reaching(self._where), self._session.post("/admin/v1/engines", json=EngineAdd(name=name).model_dump()) as response:
            return await answer(response, EngineAdded)

    async def audit(self, before: int | None, limit: int) -> AuditPage:
        """Who did what, newest first. Raises FloworkError."""
        asked = {"limit": str(limit)} | ({} if before is None else {"before": str(before)})
        async with reaching(self._where), self._session.get("/admin/v1/audit", params=asked) as response:
            return await answer(response, AuditPage)

    async def audit_verdict(self) -> AuditVerdict:
        """Read the whole audit log and judge it. Raises FloworkError."""
        async with reaching(self._where), self._session.get("/admin/v1/audit/verdict") as response:
            return await answer(response, AuditVerdict)

    async def status(self) -> GatewayStatus:
        """Queues, engines, delays. Raises FloworkError."""
        async with reaching(self._where), self._session.get("/admin/v1/status") as response:
            return await answer(response, GatewayStatus)


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
