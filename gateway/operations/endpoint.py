"""The public endpoint as the gateway knows it: under which origins it is published now, and what the owner does about it."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from contract.endpoint import OFF, EndpointChange, EndpointState, EndpointView
from contract.errors import NotOfThisProgram
from gateway.operations.audit import Audit
from gateway.operations.owner import OWNER

REACHED = frozenset({EndpointState.READY, EndpointState.DEGRADED})


class EndpointHost(Protocol):
    """Whoever makes this gateway reachable from elsewhere; called on the gateway's thread."""

    def view(self) -> EndpointView:
        """How it is."""

    async def change(self, asked: EndpointChange) -> EndpointView:
        """Be reached in another way. Raises RequestInvalid, SecretsLocked."""

    async def restart(self) -> EndpointView:
        """Begin anew, now."""

    async def look(self) -> EndpointView:
        """Look from outside, now."""


class PublicOrigins:
    """Origins under which the tunnel publishes this gateway: those of the settings, and those that come and go with a tunnel.

    Used on the gateway's thread alone.
    """

    def __init__(self, fixed: Iterable[str]) -> None:
        self._fixed = tuple(fixed)
        self._published: tuple[str, ...] = ()
        self._expected: str | None = None
        self._seen = False

    def publish(self, origins: tuple[str, ...]) -> frozenset[str]:
        """These, from now on, beside the fixed ones; those that are none any more."""
        gone = frozenset(self._published) - frozenset(origins) - frozenset(self._fixed)
        self._published = origins
        return gone

    @property
    def fixed(self) -> str | None:
        """The first of the settings: of a tunnel that the owner runs by themselves."""
        return next(iter(self._fixed), None)

    def __contains__(self, origin: object) -> bool:
        return origin in self._published or origin in self._fixed

    def has_host(self, host: str) -> bool:
        """Is this the host of one of them?"""
        return any(urlsplit(origin).netloc == host for origin in (*self._published, *self._fixed))

    def expect(self, word: str) -> None:
        """A request with this word is to come by the tunnel."""
        self._expected, self._seen = word, False

    def came(self) -> bool:
        """Has it?"""
        return self._seen

    def saw(self, word: str) -> None:
        """A request came by the tunnel with a word."""
        if self._expected is not None and hmac.compare_digest(word.encode(), self._expected.encode()):
            self._seen = True


@dataclass(slots=True)
class Endpoint:
    """The owner's acts upon the public endpoint."""

    host: EndpointHost | None
    audit: Audit

    def view(self) -> EndpointView:
        """How it is."""
        return OFF if self.host is None else self.host.view()

    def origin(self, public: PublicOrigins) -> str | None:
        """Where somebody elsewhere reaches this gateway, so far as that is known: what was not reached from outside is no place to send
        anybody to.
        """
        view = self.view()
        return view.origin if view.state in REACHED and view.origin is not None else public.fixed

    async def change(self, asked: EndpointChange) -> EndpointView:
        """Be reached in another way, from now on.

        Raises:
            NotOfThisProgram, RequestInvalid, SecretsLocked, AuditUnavailable.
        """
        host = self._host()
        await self.audit.note("endpoint.change", OWNER, asked.kind, origin=asked.origin or "")
        return await host.change(asked)

    async def restart(self) -> EndpointView:
        """Begin anew, now.

        Raises:
            NotOfThisProgram.
        """
        return await self._host().restart()

    async def look(self) -> EndpointView:
        """Look from outside, now.

        Raises:
            NotOfThisProgram.
        """
        return await self._host().look()

    def _host(self) -> EndpointHost:
        if self.host is None:
            raise NotOfThisProgram
        return self.host
