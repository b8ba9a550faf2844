"""The owner's side: how the gateway is reached from elsewhere."""

from abc import abstractmethod

from pydantic import BaseModel

from app.client.answers import A
from contract.endpoint import EndpointChange, EndpointView
from contract.words import Scope


class EndpointCalls:
    """Part of `AdminClient`. Every call raises FloworkError."""

    @abstractmethod
    async def _call(self, scope: Scope, method: str, path: str, model: type[A], asked: BaseModel | None = None) -> A:
        """One call with a token of that scope."""

    async def endpoint(self) -> EndpointView:
        """How it is."""
        return await self._call(Scope.STATUS_READ, "GET", "/endpoint", EndpointView)

    async def change_endpoint(self, asked: EndpointChange) -> EndpointView:
        """Be reached in another way, from now on."""
        return await self._call(Scope.ENDPOINT_CHANGE, "PUT", "/endpoint", EndpointView, asked)

    async def restart_endpoint(self) -> EndpointView:
        """Begin anew, now."""
        return await self._call(Scope.ENDPOINT_CHANGE, "POST", "/endpoint/restart", EndpointView)

    async def look_at_endpoint(self) -> EndpointView:
        """Look from outside, now."""
        return await self._call(Scope.ENDPOINT_CHANGE, "POST", "/endpoint/look", EndpointView)
