"""The built GUI on an origin of its own, as Cloudflare Pages serves it: with the headers of its `_headers` file."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from gateway.http.gui import headers_of

ROOT = Path(__file__).parents[2]
DIST = ROOT / "gui" / "dist"


@contextlib.asynccontextmanager
async def gui_site() -> AsyncIterator[str]:
    """Its origin."""
    headers = headers_of((DIST / "_headers").read_text())

    async def serve(request: web.Request) -> web.StreamResponse:
        path = DIST / (request.match_info["path"] or "index.html")
        if not path.is_file() or not path.resolve().is_relative_to(DIST):
            return web.Response(status=404)
        return web.FileResponse(path, headers=headers)

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
