"""Stands in for cloudflared: its documented flags, metrics endpoints and log lines, and a real HTTPS front that forwards.

Run as a program. `STANDIN` names a folder that says how to behave (`mode`) and holds the front's certificate; each start notes there
what it was given. Modes: `ok`, `wrong_token`, `exit` (after being ready), `unready`, `deaf` (ignores SIGTERM), `noisy`, `elsewhere`
(forwards nothing).
"""

import argparse
import asyncio
import json
import os
import signal
import ssl
import sys
import time
from pathlib import Path

import aiohttp
from aiohttp import WSMsgType, web

HOP = {
    "host",
    "connection",
    "upgrade",
    "keep-alive",
    "transfer-encoding",
    "content-length",
    "content-encoding",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-extensions",
}
VISITOR = "203.0.113.7"


def say(level: str, message: str, **fields: object) -> None:
    print(json.dumps({"level": level, "time": "2026-11-27T10:00:00Z", "message": message, **fields}), file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cloudflared", allow_abbrev=False)
    tunnel = parser.add_subparsers(dest="command", required=True).add_parser("tunnel", allow_abbrev=False)

    def origin(to: argparse.ArgumentParser) -> None:
        to.add_argument("--url")
        to.add_argument("--http-host-header", default=os.environ.get("TUNNEL_HTTP_HOST_HEADER"))

    for name in ("--config", "--output", "--loglevel", "--metrics", "--grace-period", "--management-diagnostics"):
        tunnel.add_argument(name)
    tunnel.add_argument("--no-autoupdate", action="store_true")
    origin(tunnel)
    origin(tunnel.add_subparsers(dest="run").add_parser("run", allow_abbrev=False))
    return parser.parse_args()


async def main() -> int:
    told = arguments()
    folder = Path(os.environ["STANDIN"])
    mode = (folder / "mode").read_text().strip()
    token = os.environ.get("TUNNEL_TOKEN")
    note = {"pid": os.getpid(), "argv": sys.argv, "token": token, "config": Path(told.config).read_bytes().decode(), "at": time.time()}
    (folder / f"started.{time.time_ns()}").write_text(json.dumps(note))
    if told.run == "run" and (token is None or mode == "wrong_token"):
        say("error", "Provided Tunnel token is not valid.")
        return 255
    if mode == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    front, stopped = Front(told, mode, folder), asyncio.Event()
    if mode != "deaf":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await front.open()
    try:
        if mode == "exit":
            await front.asked_ready.wait()
            say("error", "Lost connection with the edge")
            return 1
        await stopped.wait()
    finally:
        await front.close()
    return 0


class Front:
    """The edge and its tunnel in one."""

    def __init__(self, told: argparse.Namespace, mode: str, folder: Path) -> None:
        self.told, self.mode, self.folder = told, mode, folder
        self.asked_ready = asyncio.Event()
        self.runners: list[web.AppRunner] = []
        self.host = ""

    async def open(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "front.pem")
        fixed = self.folder / "port"
        port = int(fixed.read_text()) if self.told.run == "run" and fixed.exists() else 0
        self.session = aiohttp.ClientSession(auto_decompress=False)
        self.host = f"localhost:{await self._serve(self._forward, port, context)}"
        host, _, metrics = self.told.metrics.rpartition(":")
        assert host == "127.0.0.1"
        await self._serve(self._metrics, int(metrics), None)
        if self.told.run != "run":
            say("info", "+----------------------------------------+")
            say("info", f"|  https://{self.host}  |")
        if self.mode == "noisy":
            for number in range(20_000):
                say("error", f"error number {number} " + "x" * 200)
        if self.mode != "unready":
            say("info", "Registered tunnel connection", connIndex=0, location="cgk01", protocol="quic")

    async def close(self) -> None:
        for runner in self.runners:
            await runner.cleanup()
        await self.session.close()

    async def _serve(self, handler, port: int, context: ssl.SSLContext | None) -> int:
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self.runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=context)
        await site.start()
        return int(runner.addresses[0][1])

    async def _metrics(self, request: web.Request) -> web.Response:
        if request.path == "/ready":
            self.asked_ready.set()
            ready = 0 if self.mode == "unready" else 4 if self.told.run == "run" else 1
            return web.json_response(
                {"status": 200 if ready else 503, "readyConnections": ready, "connectorId": "x"}, status=200 if ready else 503
            )
        if request.path == "/quicktunnel":
            return web.json_response({"hostname": "" if self.told.run == "run" else self.host})
        return web.Response(text="OK") if request.path == "/healthcheck" else web.Response(status=404)

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        if self.mode == "elsewhere":
            return web.json_response({"live": True, "ready": True})
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in HOP]
        headers += [
            ("Host", self.told.http_host_header),
            ("X-Forwarded-Host", request.host),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-For", VISITOR),
            ("CF-Connecting-IP", VISITOR),
            ("Cf-Ray", "8f0a-CGK"),
        ]
        url = self.told.url + request.path_qs
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request, url, headers)
        async with self.session.request(
            request.method, url, data=await request.read() or None, headers=headers, allow_redirects=False
        ) as answer:
            kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP - {"content-encoding"}]
            return web.Response(status=answer.status, body=await answer.read(), headers=dict(kept))

    async def _socket(self, request: web.Request, url: str, headers) -> web.StreamResponse:
        outside = web.WebSocketResponse()
        async with self.session.ws_connect(url, headers=headers) as inside:
            await outside.prepare(request)

            async def carry(from_, to) -> None:
                async for message in from_:
                    await (to.send_str(message.data) if message.type is WSMsgType.TEXT else to.send_bytes(message.data))

            tasks = [asyncio.create_task(carry(outside, inside)), asyncio.create_task(carry(inside, outside))]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await outside.close()
        return outside


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
