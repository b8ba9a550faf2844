"""What the runtime needs of the gateway; `engine.link` has it over HTTP, tests in memory."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
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
    TokenIssued,
    Whitelist,
)
from contract.offers import Offer

TRY_AGAIN = frozenset({401, 403, 408, 425, 429})
"""Refusals that are not the last word; like everything from 500 on."""


class Link(Protocol):
    """What an engine asks of a gateway; each call raises FloworkError."""

    async def claim(self, request: ClaimRequest) -> ClaimAnswer:
        """Long poll for work."""

    async def heartbeat(self, request: HeartbeatRequest) -> HeartbeatAnswer:
        """Renew all leases."""

    async def append(self, request: AppendRequest) -> AppendAnswer:
        """Send progress, log lines and output."""

    async def finish(self, report: FinishReport) -> FinishAnswer:
        """End an attempt."""

    async def whitelist(self) -> Whitelist:
        """The users the engine may work for."""

    async def offer(self, offer: Offer) -> None:
        """Tell what this engine offers: kinds, models and tools."""

    async def renew_token(self) -> TokenIssued:
        """A new token, in exchange for the one in use."""

    async def prove(self, token: str) -> None:
        """Call once with another token than the one in use. Raises EngineTokenInvalid when the gateway does not take it."""


class TokenKeeper(Protocol):
    """Where the installation's token is kept, newest first; `engine.store.tokens` has the ways. Raises TokenRefused."""

    async def read(self) -> tuple[str, ...]:
        """What is kept."""

    async def keep(self, tokens: Sequence[str]) -> None:
        """Keep these instead, durably."""

    def alone(self) -> AbstractContextManager[None]:
        """Keep other processes of the installation from rotating for the length of the block. Raises RotatesElsewhere."""


class LinkOpener(Protocol):
    """Opens a link in the event loop that calls it."""

    def __call__(self) -> AbstractAsyncContextManager[Link]:
        """The link, for the length of the block."""
