"""How long a start takes: of the process, of the gateway inside a process, and of the frozen programs when they are built.

Everything but `live_ms` is to the first 200 of `/readyz`; that one is to the first of `/healthz`. Starts alternate, on a data folder that
was served before; the clock starts before the process does. `frozen_ratio` compares with the same Python, unfrozen, as `make dist-linux`
has it; `frozen_tray_ms` is to the icon's registration with a tray host, under Xvfb.
"""

import argparse
import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import gateway.wiring
from app import settings as all_settings
from bench.common import spread, surroundings
from kit.files import private_folder
from kit.vault import FolderSecrets, Vault

ROOT: Final = Path(__file__).parent.parent
FROZEN: Final = ROOT / "build" / "linux" / "dist" / "flowork"
FREEZER: Final = ROOT / "build" / "freeze-venv" / "bin" / "python"
FLOOR: Final = "import fastapi, uvicorn, socketio"
PATIENCE_S: Final = 30.0
LOOK_EVERY_S: Final = 0.001
GOAL_IN_PROCESS_MS, GOAL_FROZEN_RATIO = 300, 1.3


def options(parser: argparse.ArgumentParser) -> None:
    """`--starts`, `--frozen`."""
    parser.add_argument("--starts", type=int, default=7, help="of each kind (default: %(default)s)")
    parser.add_argument("--frozen", type=Path, default=FROZEN, help="folder of the frozen programs (default: %(default)s)")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Medians in milliseconds; those of the frozen programs are null where `make dist-linux` made none."""
    unfrozen = [sys.executable, "-m", "app", "serve"]
    frozen = [str(arguments.frozen / "flowork-gateway"), "serve"] if arguments.frozen.is_dir() else None
    kinds: dict[str, Callable[[Path], float]] = {
        "process_ms": lambda data: _process(unfrozen, data, "/readyz"),
        "live_ms": lambda data: _process(unfrozen, data, "/healthz"),
        "import_floor_ms": lambda _data: _floor(),
        "in_process_ms": lambda data: asyncio.run(_inside(data)),
    }
    if frozen is not None:
        kinds["frozen_ms"] = lambda data: _process(frozen, data, "/readyz")
        kinds["frozen_live_ms"] = lambda data: _process(frozen, data, "/healthz")
        if FREEZER.exists():
            kinds["freezer_ms"] = lambda data: _process([str(FREEZER), "-m", "app", "serve"], data, "/readyz")
        kinds["frozen_tray_ms"] = lambda data: asyncio.run(_tray([str(arguments.frozen / "flowork")], data))
    raw = _taken(kinds, arguments.starts)
    found: dict[str, float | None] = {name: round(median(samples), 1) for name, samples in raw.items()}
    found |= {name: None for name in ("frozen_ms", "frozen_live_ms", "frozen_tray_ms") if name not in found}
    return {
        **surroundings({"starts": arguments.starts}),
        **found,
        "ratio": _ratio(found, "process_ms", "import_floor_ms"),
        "frozen_ratio": _ratio(found, "frozen_ms", "freezer_ms"),
        "spread": {name: spread(samples) for name, samples in raw.items()},
        "goals": {"in_process_ms": GOAL_IN_PROCESS_MS, "frozen_ratio": GOAL_FROZEN_RATIO},
        "raw": raw,
    }


def _taken(kinds: dict[str, Callable[[Path], float]], starts: int) -> dict[str, list[float]]:
    """Samples of each kind, taken in turns; the first of each warms caches and makes the folders, and is not counted."""
    raw: dict[str, list[float]] = {name: [] for name in kinds}
    with tempfile.TemporaryDirectory(prefix="flowork-bench-") as scratch:
        for turn in range(starts + 1):
            for name, take in kinds.items():
                taken = take(private_folder(Path(scratch) / name))
                if turn:
                    raw[name].append(taken)
    return raw


def _ratio(found: dict[str, float | None], above: str, below: str) -> float | None:
    over, under = found.get(above), found.get(below)
    return None if over is None or under is None else round(over / under, 3)


def _floor() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", FLOOR], check=True)
    return (time.perf_counter() - began) * 1000


def _process(command: Sequence[str], data: Path, path: str) -> float:
    port = _free_port()
    began = time.perf_counter()
    with _started([*command, "--data", str(data), "--port", str(port), "--insecure-storage"], data, os.environ) as process:
        while not _answers(port, path):
            assert process.poll() is None, (data / "start.log").read_text()
            assert time.perf_counter() - began < PATIENCE_S, f"not ready within {PATIENCE_S} s"
            time.sleep(LOOK_EVERY_S)
        return (time.perf_counter() - began) * 1000


@contextlib.contextmanager
def _started(command: Sequence[str], data: Path, environment: "os._Environ[str] | dict[str, str]") -> Iterator["subprocess.Popen[bytes]"]:
    with (data / "start.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=dict(environment), stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _answers(port: int, path: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as asked:
            asked.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
            return asked.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


async def _inside(data: Path) -> float:
    """Every module is loaded already: this process has started a gateway before, in the turn that is not counted."""
    made = all_settings.load(data, {"port": 0, "audit_heads": data / "heads.log"}, {}, {})
    with contextlib.closing(Vault(FolderSecrets(data / "secrets"))) as vault:
        began = time.perf_counter()
        async with gateway.wiring.running(made.gateway, vault=vault) as running:
            port = int(running.address.rsplit(":", 1)[1])
            while not await asyncio.to_thread(_answers, port, "/readyz"):
                await asyncio.sleep(LOOK_EVERY_S)
            return (time.perf_counter() - began) * 1000


async def _tray(command: Sequence[str], data: Path) -> float:
    async with _panel(data) as (panel, environment):
        began = time.perf_counter()
        with _started([*command, "--data", str(data / "data"), "--port", "0", "--insecure-storage"], data, environment):
            await panel.item()
            return (time.perf_counter() - began) * 1000


@contextlib.asynccontextmanager
async def _panel(folder: Path) -> AsyncIterator[tuple[Any, dict[str, str]]]:
    from tests.support.desktop import desktop
    from tests.support.display import display
    from tests.support.tray_host import tray_host

    data = private_folder(folder / "data")
    (data / "config.toml").write_text("[desktop]\n")  # the first run is over
    with tempfile.TemporaryDirectory(prefix="flowork-bench-") as scratch, display() as screen, desktop(Path(scratch) / "desk") as desk:
        environment = {**os.environ, **desk.environment, "DISPLAY": screen, "QT_QPA_PLATFORM": "xcb"}
        async with tray_host(desk.environment["DBUS_SESSION_BUS_ADDRESS"]) as panel:
            yield panel, environment
