"""What the runtime needs of the gateway; `engine.link` has it over HTTP, tests in memory."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from contract.engine_link import (
    AppendAnswer,
    AppendRequest,
    ClaimAnswer,
    ClaimRequest,
    FinishAnswer,
    FinishReport,
    HeartbeatAnswer,
    HeartbeatRequest,
)

TRY_AGAIN = frozenset({401, 403, 408, 425, 429})
"""Refusals that are not the last word; like everything from 500 on."""


class Link(Protocol):
    """Four calls; each raises FloworkError."""

    async def claim(self, request: ClaimRequest) -> ClaimAnswer:
        """Long poll for work."""

    async def heartbeat(self, request: HeartbeatRequest) -> HeartbeatAnswer:
        """Renew all leases."""

    async def append(self, request: AppendRequest) -> AppendAnswer:
        """Send progress, log lines and output."""

    async def finish(self, report: FinishReport) -> FinishAnswer:
        """End an attempt."""


class LinkOpener(Protocol):
    """Opens a link in the event loop that calls it."""

    def __call__(self) -> AbstractAsyncContextManager[Link]:
        """The link, for the length of the block."""
