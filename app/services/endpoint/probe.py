"""Looks at the gateway from outside: the one request by which somebody far away would reach it too."""

import secrets
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Final

import aiohttp

PROBE_S: Final = 10.0
Expect = Callable[[str], Awaitable[Callable[[], bool]]]
"""Tells the gateway a word to wait for; the answer says whether it has come by the tunnel."""


async def reached(session: aiohttp.ClientSession, origin: str, expect: Expect) -> float | None:
    """How long it took (milliseconds); None when our gateway was not reached there.

    The answer alone proves nothing, since anyone may answer under that name: the word must have come to this gateway.
    """
    word = secrets.token_urlsafe(16)
    came = await expect(word)
    began = perf_counter()
    try:
        timeout = aiohttp.ClientTimeout(total=PROBE_S)
        async with session.get(f"{origin}/healthz?probe={word}", timeout=timeout, allow_redirects=False) as response:
            await response.read()
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None
    return (perf_counter() - began) * 1000 if response.status == 200 and came() else None
