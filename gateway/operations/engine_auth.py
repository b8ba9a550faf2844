"""Which engine a token belongs to. Tokens are looked up in memory; control.db holds their hashes."""

import hmac
from collections.abc import Callable

from contract import opaque_token
from contract.errors import EngineIdMismatch, EngineTokenInvalid
from gateway.store.control import Control, TokenRow
from kit.clock import Clock

_NOBODY = TokenRow("", "", b"\0" * 32)


class EngineTokens:
    """The live tokens of all installations."""

    def __init__(self, control: Control, clock: Clock, random_bytes: Callable[[int], bytes]) -> None:
        self._control = control
        self._clock = clock
        self._random = random_bytes
        self._by_id: dict[str, TokenRow] = {}

    async def load(self) -> None:
        """Read all hashes."""
        self._by_id = {row.id: row for row in await self._control.tokens()}

    async def mint(self, engine: str, installation: str) -> str:
        """Make a token for an installation, voiding the one it had; the text exists in the caller's hands only."""
        token = opaque_token.mint("e", self._random)
        await self._control.set_token(TokenRow(token.id, engine, token.digest), installation, self._clock.now().wall)
        await self.load()
        return token.text

    def check(self, engine: str | None, text: str | None) -> str:
        """The engine that may act.

        Raises:
            EngineTokenInvalid: no token, garbage, or not one of ours. EngineIdMismatch: another engine's.
        """
        token = opaque_token.parse("e", text or "")
        if token is None:
            raise EngineTokenInvalid
        row = self._by_id.get(token.id, _NOBODY)
        if not hmac.compare_digest(row.digest, token.digest):
            raise EngineTokenInvalid
        if engine != row.engine:
            raise EngineIdMismatch
        return row.engine
