"""The owner's side, engines: installations, tokens, members."""

from abc import abstractmethod
from urllib.parse import quote

from pydantic import BaseModel

from app.client.answers import A, Nothing
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
from contract.words import Role, Scope


class EngineCalls:
    """Part of `AdminClient`. Every call raises FloworkError."""

    @abstractmethod
    async def _call(self, scope: Scope, method: str, path: str, model: type[A], asked: BaseModel | None = None) -> A:
        """One call with a token of that scope."""

    async def engines(self) -> EngineList:
        """Engines with installations and members."""
        return await self._call(Scope.ENGINES_READ, "GET", "/engines", EngineList)

    async def add_remote_engine(self, name: str) -> EnrolmentCode:
        """Make an engine for other machines."""
        return await self._call(Scope.ENGINES_CREATE, "POST", "/engines:remote", EnrolmentCode, EngineAdd(name=name))

    async def new_code(self, engine: str) -> EnrolmentCode:
        """A code for one more installation."""
        return await self._call(Scope.ENGINES_CREATE, "POST", f"/engines/{quote(engine, safe='')}/codes", EnrolmentCode)

    async def rotate(self, engine: str, installation: str | None) -> RotationAsked:
        """Ask installations to take new tokens."""
        asked = InstallationChoice(installation=installation)
        return await self._call(Scope.ENGINES_ROTATE, "POST", f"/engines/{quote(engine, safe='')}/rotate", RotationAsked, asked)

    async def revoke(self, engine: str, installation: str | None, *, compromised: bool) -> RevokeAnswer:
        """End tokens at once."""
        asked = RevokeRequest(installation=installation, compromised=compromised)
        return await self._call(Scope.ENGINES_REVOKE, "POST", f"/engines/{quote(engine, safe='')}/revoke", RevokeAnswer, asked)

    async def share(self, engine: str, user: str, role: Role, ceiling: int | None) -> MemberView:
        """Share an engine with a user."""
        asked = MemberPut(role=role, priority_ceiling=ceiling)
        return await self._call(Scope.ENGINES_SHARE, "PUT", _member(engine, user), MemberView, asked)

    async def unshare(self, engine: str, user: str) -> None:
        """End a user's role on an engine."""
        await self._call(Scope.ENGINES_SHARE, "DELETE", _member(engine, user), Nothing)


def _member(engine: str, user: str) -> str:
    return f"/engines/{quote(engine, safe='')}/members/{quote(user, safe='')}"
