"""Deadlines of a streamed answer: for its first piece, and between any two."""

import asyncio
from collections.abc import AsyncGenerator

from engine.rules.answers import Piece, Took
from engine.rules.provider_failures import Trouble, failed, judge


async def paced(pieces: AsyncGenerator[Piece, None], target: str, first_s: float | None, gap_s: float) -> AsyncGenerator[Piece, None]:
    """The pieces, each in its time; what whoever takes them does with them is not counted.

    Args:
        pieces: closed at a deadline, so that the connection is too; what is left over is the caller's to close.
        target: for the message.
        first_s: seconds until the first piece of the answer itself, thoughts included; None waits for ever.
        gap_s: seconds between two.

    Raises:
        ProviderFailed.
    """
    now = asyncio.get_running_loop().time
    deadline = None if first_s is None else now() + first_s
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise failed(target, judge(None, trouble=Trouble.TIMEOUT)) from None
        told_only = isinstance(piece, Took)
        yield piece
        deadline = deadline if told_only else now() + gap_s
