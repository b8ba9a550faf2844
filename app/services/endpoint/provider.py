"""The seam: whatever makes the gateway reachable from elsewhere."""

from collections.abc import Callable
from typing import Protocol

from contract.endpoint import EndpointView

Tell = Callable[[EndpointView], None]


class TunnelProvider(Protocol):
    """One way; `app.services.endpoint.tunnels` has them."""

    async def run(self, tell: Tell) -> None:
        """Publish the gateway until cancelled, telling each change of how it is. Returns only when it has failed for good,
        having told why. Leaves nothing behind, however it ends.
        """

    def restart(self) -> None:
        """Begin anew, now."""

    def look(self) -> None:
        """Look from outside, now."""
