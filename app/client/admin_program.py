"""The owner's side: the program around the gateway."""

from abc import abstractmethod

from pydantic import BaseModel

from app.client.answers import A, Nothing
from contract.levels import Series
from contract.local import LocalChange, LocalView
from contract.words import Scope


class ProgramCalls:
    """Part of `AdminClient`. Every call raises FloworkError."""

    @abstractmethod
    async def _call(self, scope: Scope, method: str, path: str, model: type[A], asked: BaseModel | None = None) -> A:
        """One call with a token of that scope."""

    async def local(self) -> LocalView:
        """This machine's own engine."""
        return await self._call(Scope.STATUS_READ, "GET", "/local", LocalView)

    async def change_local(self, asked: LocalChange) -> LocalView:
        """Steer it."""
        return await self._call(Scope.LOCAL_CHANGE, "PUT", "/local", LocalView, asked)

    async def stop_program(self) -> None:
        """Let the whole program finish what runs, then end."""
        await self._call(Scope.PROGRAM_STOP, "POST", "/stop", Nothing)

    async def series(self, *, day: bool) -> Series:
        """The seconds of the last 15 minutes, or the minutes of the last 24 hours."""
        return await self._call(Scope.STATUS_READ, "GET", f"/levels/series?day={'true' if day else 'false'}", Series)
