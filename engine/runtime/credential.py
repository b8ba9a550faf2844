"""The token this process shows, and how it becomes the next one without a call being dropped (protocol §3).

A new token is kept beside the old one, then proven by a call, and only then used by everybody here. Whoever dies on the
way, the store holds a token that the gateway takes: the old one lives there until the new one was used.
"""

import asyncio
import contextlib
from collections.abc import Collection, Sequence

from contract.errors import EngineTokenInvalid, FloworkError
from engine.runtime.seam import Link, TokenKeeper
from engine.store.tokens import RotatesElsewhere, TokenRefused
from kit.logs import Log

log = Log("engine.token")


class Credential:
    """The token in use. Read and told by every thread that calls the gateway; rotated by one task of the engine's loop."""

    def __init__(self, keeper: TokenKeeper, kept: Sequence[str]) -> None:
        """`kept` is what the keeper has, newest first."""
        self._keeper = keeper
        self._known = tuple(kept)
        self._text = kept[0]
        self._loop = asyncio.get_running_loop()
        self._asked = asyncio.Event()
        self._replace = kept[0]
        """The token that shall be replaced."""
        if len(kept) > 1:
            self._asked.set()  # a rotation was begun and not ended
        self._complained: str | None = None

    @property
    def text(self) -> str:
        """The token to show."""
        return self._text

    def rotate(self, shown: str) -> None:
        """The gateway wants a new token in place of the one it was shown. From any thread."""
        if shown == self._text:
            self._ask(shown)

    async def turn(self, refused: Collection[str]) -> bool:
        """These tokens were refused: go on with another one that is kept, or that another process has kept meanwhile.

        False when there is none; then the owner must act, and is told so.
        """
        if self._text not in refused:
            return True
        kept: tuple[str, ...] = ()
        try:
            kept = await self._keeper.read()
        except TokenRefused as error:
            log.warning("engine.token_not_read", reason=str(error))
        self._known = tuple(dict.fromkeys((*kept, *self._known)))
        other = next((text for text in self._known if text not in refused), None)
        if other is not None:
            self._text = other
            if other in kept and len(kept) > 1:
                self._ask(other)  # a rotation was begun, and its end was not heard
            return True
        self._complain(EngineTokenInvalid.advice)
        return False

    def _ask(self, shown: str) -> None:
        self._replace = shown
        with contextlib.suppress(RuntimeError):  # the engine's loop has ended
            self._loop.call_soon_threadsafe(self._asked.set)

    async def run(self, link: Link) -> None:
        """Rotate whenever it was asked for."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            if self._replace != self._text:
                continue  # that answer was on its way while it was done
            try:
                with self._keeper.alone():
                    await self._rotate(link)
            except RotatesElsewhere:
                log.info("engine.token_rotates_elsewhere")
            except TokenRefused as error:
                self._complain(str(error))
            except FloworkError as error:
                log.warning("engine.token_not_rotated", code=error.code, detail=error.detail)

    async def _rotate(self, link: Link) -> None:
        kept = await self._keeper.read()
        if await self._finished_begun(link, kept):
            return
        await self._keeper.keep(kept)  # a place that cannot be written must not be found out with a new token in hand
        new = (await link.renew_token()).token
        await self._keeper.keep((new, self._text))
        await self._adopt(link, new)

    async def _finished_begun(self, link: Link, kept: Sequence[str]) -> bool:
        """Is a newer token kept already, by another process, or by one that died before the end?"""
        if not kept or tuple(kept) == (self._text,):
            return False
        try:
            await self._adopt(link, kept[0])
        except EngineTokenInvalid:
            return False  # another exchange replaced it before it was used
        return True

    async def _adopt(self, link: Link, new: str) -> None:
        await link.prove(new)
        self._text, self._known = new, (new,)
        self._complained = None
        await self._keeper.keep((new,))
        log.info("engine.token_rotated")

    def _complain(self, what: str) -> None:
        if self._complained != what:
            self._complained = what
            log.error("engine.token_trouble", what=what)
