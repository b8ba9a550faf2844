"""The users this engine may work for, as the gateway told last (protocol §3, whitelist sync)."""

import asyncio
from collections.abc import Callable

from contract.engine_link import Lease
from contract.errors import FloworkError
from engine.runtime.seam import Link
from kit.backoff import Backoff
from kit.logs import Log

log = Log("engine.whitelist")


class Whitelist:
    """The list, fetched when another one is in force. Nobody is refused by a list that is older than their lease."""

    def __init__(self, link: Link, backoff: Backoff, uniform: Callable[[], float]) -> None:
        self._link = link
        self._backoff = backoff
        self._uniform = uniform
        self._users: frozenset[str] = frozenset()
        self._fetching = asyncio.Lock()
        self._news = asyncio.Event()
        self.version = 0
        """Of the list; 0 while there is none."""

    def told(self, version: int) -> None:
        """The gateway named the version in force; 0 when it has no whitelist."""
        if version not in {0, self.version}:
            self._news.set()

    async def run(self) -> None:
        """Fetch whenever there is another one."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self._fetch_until_there()

    async def begin(self) -> None:
        """Try once to have a list before the first claim; without one, the first lease fetches it."""
        try:
            await self._fetch()
        except FloworkError as error:
            log.info("engine.whitelist_not_fetched", code=error.code)

    async def allows(self, lease: Lease) -> bool:
        """May the engine work for the user of this lease? Waits for the gateway when its list is not the one of the lease."""
        if lease.whitelist_version == 0 or self._fits(lease):
            return True
        async with self._fetching:
            if not self._fits(lease):
                await self._fetch_until_there()
        return lease.user in self._users

    def _fits(self, lease: Lease) -> bool:
        return lease.whitelist_version == self.version and lease.user in self._users

    async def _fetch_until_there(self) -> None:
        failures = 0
        while True:
            try:
                await self._fetch()
            except FloworkError as error:
                failures += 1
                await asyncio.sleep(max(float(error.retry_after_s or 0), self._backoff.wait_s(failures, self._uniform)))
            else:
                return

    async def _fetch(self) -> None:
        told = await self._link.whitelist()
        self.version, self._users = told.version, frozenset(told.users)
        log.info("engine.whitelist", users=len(self._users))
