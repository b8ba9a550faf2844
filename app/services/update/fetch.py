"""Fetches manifests and files: https alone, no redirect away from it, nothing about who asks, and never more bytes than were agreed on."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urljoin

import aiohttp

from app.rules.update import Reason
from app.services.update.failure import UpdateFailed
from contract.update import ENVELOPE_MAX
from contract.update_address import may_ask

REDIRECTS: Final = 5
MOVED: Final = frozenset({301, 302, 303, 307, 308})
ABOUT_US: Final = {"User-Agent": "Flowork", "Accept": "*/*", "Accept-Encoding": "identity"}
"""Neither version nor system: whoever serves updates needs to know neither."""
MANIFEST_WAIT: Final = aiohttp.ClientTimeout(total=30)
FILE_WAIT: Final = aiohttp.ClientTimeout(total=2 * 3600, sock_connect=20, sock_read=60)
PIECE: Final = 256 * 1024


class Fetch:
    """One look, or one file; use it in an `async with` of `fetching`."""

    def __init__(self, session: aiohttp.ClientSession, allowed: Callable[[str], bool]) -> None:
        self._session = session
        self._allowed = allowed

    async def manifest(self, url: str) -> bytes:
        """The envelope, as it was sent.

        Raises:
            UpdateFailed.
        """
        held = bytearray()
        try:
            async with self._answer(url, {}, MANIFEST_WAIT) as answer:
                if answer.status != 200:
                    raise UpdateFailed(Reason.UNREACHABLE)
                async for piece in answer.content.iter_chunked(PIECE):
                    held += piece
                    if len(held) > ENVELOPE_MAX:
                        raise UpdateFailed(Reason.TOO_LARGE)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UpdateFailed(Reason.UNREACHABLE) from error
        return bytes(held)

    @asynccontextmanager
    async def file(self, url: str, have: int, size: int) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        """A file, from byte `have` on if the other side can; gives the byte that it begins with, and the pieces.

        Raises:
            UpdateFailed: also out of the pieces, when the connection ends before the file does.
        """
        wanted = {"Range": f"bytes={have}-"} if have else {}
        try:
            async with self._answer(url, wanted, FILE_WAIT) as answer:
                begins = _begins(answer, have)
                if answer.content_length is not None and answer.content_length != size - begins:
                    raise UpdateFailed(Reason.OTHER_SIZE)
                yield begins, _pieces(answer)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UpdateFailed(Reason.UNREACHABLE) from error

    @asynccontextmanager
    async def _answer(self, url: str, headers: Mapping[str, str], wait: aiohttp.ClientTimeout) -> AsyncIterator[aiohttp.ClientResponse]:
        for _ in range(REDIRECTS + 1):
            if not self._allowed(url):
                raise UpdateFailed(Reason.UNREACHABLE)
            async with self._session.get(url, headers=headers, timeout=wait, allow_redirects=False) as answer:
                if answer.status not in MOVED:
                    if answer.headers.get("Content-Encoding", "identity") != "identity":
                        raise UpdateFailed(Reason.UNREACHABLE)
                    yield answer
                    return
                url = _onward(url, answer.headers.get("Location", ""))
        raise UpdateFailed(Reason.UNREACHABLE)


def _onward(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise UpdateFailed(Reason.UNREACHABLE) from error


def _begins(answer: aiohttp.ClientResponse, have: int) -> int:
    """The byte that the answer begins with."""
    if answer.status == 200:
        return 0
    if answer.status == 206 and have and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
        return have
    raise UpdateFailed(Reason.UNREACHABLE)


async def _pieces(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.content.iter_chunked(PIECE):
            yield piece
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise UpdateFailed(Reason.INTERRUPTED) from error


@asynccontextmanager
async def fetching(allowed: Callable[[str], bool] = may_ask) -> AsyncIterator[Fetch]:
    """Neither proxies of the environment nor cookies are used. `allowed` says of each address, redirects too, whether it may be asked."""
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(headers=ABOUT_US, cookie_jar=jar, auto_decompress=False, trust_env=False) as session:
        yield Fetch(session, allowed)
