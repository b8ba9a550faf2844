"""The browser GUI, as the gateway serves it itself: the built files, with the headers that Cloudflare Pages would send with them.

`_headers` of the built files is the one place where those headers are written; both read it.
"""

import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from contract.errors import RouteUnknown

INDEX: Final = "index.html"
HEADERS_FILE: Final = "_headers"
HASHED: Final = re.compile(r"assets/[A-Za-z0-9_.-]+-[A-Za-z0-9_-]{8,}\.[a-z0-9]+")
FOREVER: Final = "public, max-age=31536000, immutable"
AGAIN: Final = "no-cache"
"""Kept, and asked about each time."""
TYPES: Final = {".js": "text/javascript; charset=utf-8", ".webmanifest": "application/manifest+json", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    etag: str
    media_type: str
    cache: str


class GuiFiles:
    """All files of a built GUI, read once: some hundred kilobytes, and nothing that is asked for can be anything else."""

    def __init__(self, folder: Path) -> None:
        self._files = {path.relative_to(folder).as_posix(): _read(path, folder) for path in sorted(folder.rglob("*")) if path.is_file()}
        rules = self._files.pop(HEADERS_FILE, None)
        self.headers = {} if rules is None else headers_of(rules.body.decode())

    def answer(self, path: str, known: str | None) -> Response:
        """A file; 304 when the caller has it.

        Raises:
            RouteUnknown.
        """
        file = self._files.get(path or INDEX)
        if file is None:
            raise RouteUnknown
        headers = {**self.headers, "ETag": file.etag, "Cache-Control": file.cache}
        if known is not None and file.etag in {each.strip().removeprefix("W/") for each in known.split(",")}:
            return Response(status_code=304, headers=headers)
        return Response(file.body, headers=headers, media_type=file.media_type)


def headers_of(text: str) -> dict[str, str]:
    """The headers that hold for every path, of a file in Cloudflare's `_headers` format."""
    found: dict[str, str] = {}
    inside = False
    for line in text.splitlines():
        if line and not line[0].isspace():
            inside = line.strip() == "/*"
        elif inside and ":" in line:
            name, _, value = line.strip().partition(":")
            found[name] = value.strip()
    return found


def _read(path: Path, folder: Path) -> _File:
    body, name = path.read_bytes(), path.relative_to(folder).as_posix()
    guessed = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    cache = FOREVER if HASHED.fullmatch(name) else AGAIN
    return _File(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', guessed, cache)


def router(files: GuiFiles) -> APIRouter:
    """The routes: everything that no other route answers."""
    routes = APIRouter(include_in_schema=False)

    @routes.api_route("/{path:path}", methods=["GET", "HEAD"])
    async def file(path: str, request: Request) -> Response:
        """A file of the GUI."""
        return files.answer(path, request.headers.get("if-none-match"))

    return routes
