"""One client of the admin listener for all looks of the window.

Each token of that listener is a record in the audit log: what looks every second must not ask for one every second.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from app.client.admin import AdminClient, open_admin
from contract.errors import GatewayUnreachable

T = TypeVar("T")


class AdminLink:
    """Opened when it is first needed, on one event loop; anew after the gateway was away."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._held: contextlib.AsyncExitStack | None = None
        self._admin: AdminClient | None = None
        self._opening = asyncio.Lock()

    async def look(self, act: Callable[[AdminClient], Awaitable[T]]) -> T:
        """Have something told that changes nothing; asked again once when the client is of a gateway that is gone.

        Raises:
            FloworkError.
        """
        known = self._admin
        try:
            return await act(await self._opened())
        except GatewayUnreachable:
            await self._close(known)
            if known is None:
                raise
        return await act(await self._opened())

    async def run(self) -> None:
        """Wait for the end of the loop's work, then let go of the client."""
        try:
            await asyncio.Event().wait()
        finally:
            await self._close(self._admin)

    async def _opened(self) -> AdminClient:
        async with self._opening:
            if self._admin is None:
                held = contextlib.AsyncExitStack()
                self._admin = await held.enter_async_context(open_admin(self._data))
                self._held = held
            return self._admin

    async def _close(self, admin: AdminClient | None) -> None:
        """Close the client, unless it was opened anew meanwhile."""
        if admin is not None and admin is not self._admin:
            return
        held, self._held, self._admin = self._held, None, None
        if held is not None:
            await held.aclose()
