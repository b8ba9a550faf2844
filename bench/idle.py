"""What Flowork costs while nothing happens: the tray application with its window closed, gateway and engine inside.

On a screen and a session bus of its own (Xvfb), with a tray host that shows its icon, and after the first run. CPU time is that of the
whole process and its children, in percent of one core; `serve` is the same for `flowork serve`, beside it in the same run.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

from app.client.admin import open_admin
from bench.common import surroundings
from bench.served import PATIENCE_S, serving
from contract.errors import GatewayUnreachable
from kit.files import private_folder

SETTLES_S = 5.0
"""After a start: imports and the first looks are no idleness."""
GOAL_CPU_PERCENT, GOAL_RSS_BYTES = 1.0, 150 * 1024 * 1024


def options(parser: argparse.ArgumentParser) -> None:
    """`--seconds`."""
    parser.add_argument("--seconds", type=float, default=15.0, help="how long each is left alone (default: %(default)s)")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """`cpu_percent`, `rss_bytes`, `instances`, of the tray application; and the same of `flowork serve` below `serve`."""
    desktop = asyncio.run(_desktop(arguments.seconds))
    serve = asyncio.run(_serve(arguments.seconds))
    return {
        **surroundings({"seconds": arguments.seconds, "settles_s": SETTLES_S}),
        **desktop,
        "serve": serve,
        "goals": {"cpu_percent": GOAL_CPU_PERCENT, "rss_bytes": GOAL_RSS_BYTES},
        "raw": {},
    }


async def _desktop(seconds: float) -> dict[str, Any]:
    from tests.support.desktop import desktop
    from tests.support.display import display
    from tests.support.tray_host import tray_host

    with tempfile.TemporaryDirectory(prefix="flowork-bench-") as scratch, display() as screen, desktop(Path(scratch) / "desktop") as desk:
        data = private_folder(Path(scratch) / "data")
        (data / "config.toml").write_text("[desktop]\n")  # the first run is over
        environment = {**os.environ, **desk.environment, "DISPLAY": screen, "QT_QPA_PLATFORM": "xcb"}
        async with tray_host(desk.environment["DBUS_SESSION_BUS_ADDRESS"]) as panel, _tray(data, environment) as pid:
            await panel.item()
            return await _left_alone(pid, seconds)


async def _serve(seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="flowork-bench-") as scratch:
        async with serving(Path(scratch) / "data", 4) as served:
            return await _left_alone(served.pid, seconds)


@asynccontextmanager
async def _tray(data: Path, environment: dict[str, str]) -> AsyncIterator[int]:
    """The tray application, serving; its process id."""
    command = [sys.executable, "-m", "app", "--data", str(data), "--port", "0", "--insecure-storage"]
    with (data.parent / "tray.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log, env=environment)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await _serves(data):
                await asyncio.sleep(0.1)
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _serves(data: Path) -> bool:
    try:
        async with open_admin(data) as admin:
            return (await admin.status()).state == "ready"
    except GatewayUnreachable:
        return False


async def _left_alone(pid: int, seconds: float) -> dict[str, Any]:
    await asyncio.sleep(SETTLES_S)
    began = _spent(pid)
    await asyncio.sleep(seconds)
    spent = _spent(pid) - began
    family = _family(pid)
    rss = sum(one.memory_info().rss for one in family)
    return {"cpu_percent": round(100 * spent / seconds, 3), "rss_bytes": rss, "instances": len(family)}


def _spent(pid: int) -> float:
    return sum(sum(one.cpu_times()[:2]) for one in _family(pid))


def _family(pid: int) -> list[psutil.Process]:
    mother = psutil.Process(pid)
    return [mother, *mother.children(recursive=True)]
