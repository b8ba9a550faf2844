"""The owner's side, engines: installations, tokens, members."""

from typing import TypeVar
from urllib.parse import quote

import aiohttp
from pydantic import BaseModel

from app.client.answers import answer, reaching
from contract.admin import EngineAdd
from contract.admin_engines import (
    EngineList,
    EnrolmentCode,
    InstallationChoice,
    MemberPut,
    MemberView,
    RevokeAnswer,
    RevokeRequest,
    RotationAsked,
)
from contract.wire import Answer
from contract.words import Role

A = TypeVar("A", bound=BaseModel)


class Nothing(Answer):
    """An answer without a body."""


class EngineCalls:
    """Part of `AdminClient`. Every call raises FloworkError."""

    _session: aiohttp.ClientSession
    _where: str

    async def engines(self) -> EngineList:
        """Engines with installations and members."""
        return await self._call("GET", "/engines", None, EngineList)

    async def add_remote_engine(self, name: str) -> EnrolmentCode:
        """Make an engine for other machines."""
        return await self._call("POST", "/engines:remote", EngineAdd(name=name), EnrolmentCode)

    async def new_code(self, engine: str) -> EnrolmentCode:
        """A code for one more installation."""
        return await self._call("POST", f"/engines/{quote(engine, safe='')}/codes", None, EnrolmentCode)

    async def rotate(self, engine: str, installation: str | None) -> RotationAsked:
        """Ask installations to take new tokens."""
        return await self._call(
            "POST", f"/engines/{quote(engine, safe='')}/rotate", InstallationChoice(installation=installation), RotationAsked
        )

    async def revoke(self, engine: str, installation: str | None, *, compromised: bool) -> RevokeAnswer:
        """End tokens at once."""
        asked = RevokeRequest(installation=installation, compromised=compromised)
        return await self._call("POST", f"/engines/{quote(engine, safe='')}/revoke", asked, RevokeAnswer)

    async def share(self, engine: str, user: str, role: Role, ceiling: int | None) -> MemberView:
        """Share an engine with a user."""
        return await self._call("PUT", _member(engine, user), MemberPut(role=role, priority_ceiling=ceiling), MemberView)

    async def unshare(self, engine: str, user: str) -> None:
        """End a user's role on an engine."""
        await self._call("DELETE", _member(engine, user), None, Nothing)

    async def _call(self, method: str, path: str, asked: BaseModel | None, model: type[A]) -> A:
        body = None if asked is None else asked.model_dump(mode="json")
        async with reaching(self._where), self._session.request(method, f"/admin/v1{path}", json=body) as response:
            if response.status == 204:
                return model()
            return await answer(response, model)


def _member(engine: str, user: str) -> str:
    return f"/engines/{quote(engine, safe='')}/members/{quote(user, safe='')}"
