"""Looks at the gateway of this machine for the windows: as often as somebody looks at them, and hardly at all while nobody does."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from app.bridge.news import Attention, Snapshot
from app.client.admin import AdminClient, open_admin
from app.rules.condition import Facts, Pause, Secrets, Service
from app.services.runner import IN_USE, Now
from contract.admin import GatewayStatus
from contract.errors import FloworkError, GatewayUnreachable
from contract.levels import PointView
from contract.local import LocalView
from contract.words import DrainState

WATCHED_S = 1.0
ALONE_S = 3.0
"""While nobody looks: often enough for an icon."""


class Feed:
    """Runs on the desk thread; `post` gets a snapshot after each look."""

    def __init__(self, data: Path, now: Callable[[], Now], post: Callable[[Snapshot], None]) -> None:
        self._data = data
        self._now = now
        self._post = post
        self._attention = Attention()
        self._nudged = asyncio.Event()
        self._last: Snapshot | None = None

    def attend(self, attention: Attention) -> None:
        """Look at this from now on, and at once."""
        self._attention = attention
        self._nudged.set()

    def nudge(self) -> None:
        """Something has changed: look at once."""
        self._nudged.set()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            self._nudged.clear()
            with contextlib.suppress(GatewayUnreachable):
                async with open_admin(self._data) as admin:
                    while await self._look(admin):
                        await self._pause()
            self._tell(None, None)
            await self._pause()

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WATCHED_S if self._attention.window else ALONE_S):
                await self._nudged.wait()
        self._nudged.clear()

    async def _look(self, admin: AdminClient) -> bool:
        """One look; False when nobody answers."""
        attention = self._attention
        try:
            status = await admin.status()
            local = await _local(admin)
            seconds = tuple((await admin.series(day=False)).points) if attention.window else ()
            minutes = tuple((await admin.series(day=True)).points) if attention.window and attention.day else ()
        except FloworkError:
            return False
        self._tell(status, local, seconds, minutes)
        return True

    def _tell(
        self,
        status: GatewayStatus | None,
        local: LocalView | None,
        seconds: tuple[PointView, ...] = (),
        minutes: tuple[PointView, ...] = (),
    ) -> None:
        now = self._now()
        if status is None:
            self._last = None if now.service is not Service.RUNNING else self._last
            if self._last is None:
                snapshot = Snapshot(Facts(now.service, now.failure), stale=now.service is Service.RUNNING)
            else:  # it should answer, and does not: what it said last, marked as such
                snapshot = replace(self._last, stale=True)
        else:
            snapshot = Snapshot(facts_of(now, status, local), status, local, status.endpoint, seconds, minutes)
            self._last = snapshot
        self._post(snapshot)


async def _local(admin: AdminClient) -> LocalView | None:
    with contextlib.suppress(FloworkError):
        return await admin.local()
    return None


def facts_of(now: Now, status: GatewayStatus, local: LocalView | None) -> Facts:
    """What is known, from what the gateway says of itself."""
    elsewhere = now.service is Service.FAILED and now.failure == IN_USE
    return Facts(
        service=Service.RUNNING if elsewhere else now.service,
        failure="" if elsewhere else now.failure,
        running=sum(engine.running for engine in status.engines),
        queued=sum(engine.queued for engine in status.engines),
        p95_ms=_p95(status),
        draining=status.drain is not DrainState.RUN,
        paused=None if local is None or local.paused is None else Pause(local.paused),
        secrets=Secrets.INSECURE if status.secrets.insecure else Secrets(status.secrets.state),
        engines_down=tuple(engine.name for engine in status.engines if engine.state == "down" and engine.queued),
        engines_unavailable=tuple(engine.name for engine in status.engines if engine.state == "unavailable"),
        endpoint=status.endpoint.state,
        endpoint_reason=status.endpoint.reason,
        alarms=tuple(status.audit.alarms),
        burning=tuple(level.slo for level in (status.levels.levels if status.levels else []) if level.state == "burning"),
    )


def _p95(status: GatewayStatus) -> float | None:
    levels = status.levels.levels if status.levels else []
    return next((level.value for level in levels if level.slo == "start_delay"), None)
