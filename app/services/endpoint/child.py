"""One run of cloudflared: started so that it cannot outlive us, asked how it is, and ended.

What is known of its flags and of its metrics server is of cloudflared 2026.8; its token goes through the environment, never argv.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import psutil

from app.rules.tunnel import origin_of, quick_host
from contract.endpoint import EndpointKind
from kit.files import write_private
from kit.logs import Log

log = Log("endpoint")
PROGRAM: Final = "cloudflared"
GRACE_S: Final = 5.0
KEPT_LINES: Final = 200
LINE_MAX: Final = 8192
ANSWER_S: Final = 2.0
RECORD: Final = "tunnel-child.json"
PR_SET_PDEATHSIG: Final = 1


class ProgramMissing(Exception):
    """There is no such program."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is written down of a child, so that a later start knows it again if we die without ending it."""

    pid: int
    started: float
    exe: str
    nonce: str


class Child:
    """A running client."""

    def __init__(self, process: asyncio.subprocess.Process, metrics: int, lines: "deque[str]") -> None:
        self._process = process
        self._metrics = f"http://127.0.0.1:{metrics}"
        self.lines = lines
        """What it said last."""

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    async def ended(self) -> int:
        """Wait for its end; its exit status."""
        return await self._process.wait()

    async def connections(self, session: aiohttp.ClientSession) -> int:
        """How many its edge has accepted; 0 also while it does not answer."""
        told = await _asked(session, f"{self._metrics}/ready")
        count = told.get("readyConnections", 0)
        return count if isinstance(count, int) else 0

    async def quick_origin(self, session: aiohttp.ClientSession) -> str | None:
        """Where a quick tunnel is published: by its metrics server, else by what it said."""
        host = (await _asked(session, f"{self._metrics}/quicktunnel")).get("hostname")
        if not isinstance(host, str) or not host:
            host = next((found for line in self.lines if (found := quick_host(line))), None)
        return None if host is None else origin_of(host)


async def _asked(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError):
        async with session.get(url, timeout=aiohttp.ClientTimeout(total=ANSWER_S)) as response:
            told = await response.json(content_type=None)
            return told if isinstance(told, dict) else {}
    return {}


def find_program(named: Path | None) -> Path:
    """The client's program.

    Raises:
        ProgramMissing.
    """
    found = shutil.which(PROGRAM if named is None else str(named))
    if found is None:
        raise ProgramMissing
    return Path(found).resolve()


@dataclass(frozen=True, slots=True)
class Order:
    """How to start it."""

    program: Path
    kind: EndpointKind
    service: str
    """Where it finds the gateway: `http://127.0.0.1:PORT`."""
    secret_host: str
    """The Host header that opens the gateway's listener."""
    token: str | None
    run: Path
    """The folder for its empty configuration, and for what is written down of it."""
    nonce: str


def command(order: Order, metrics: int) -> list[str]:
    """The client's arguments. An empty configuration of our own keeps the person's from changing what is published."""
    config = order.run / f"tunnel-{order.nonce}.yml"
    common = [
        *(str(order.program), "tunnel", "--no-autoupdate", "--config", str(config), "--output", "json", "--loglevel", "info"),
        *("--metrics", f"127.0.0.1:{metrics}", "--grace-period", f"{GRACE_S:g}s", "--management-diagnostics=false"),
    ]
    origin = ["--url", order.service]
    return [*common, *origin] if order.kind is EndpointKind.QUICK else [*common, "run", *origin]


@contextlib.asynccontextmanager
async def started(order: Order) -> AsyncIterator[Child]:
    """A client for the length of the block; at its end it is asked to go, and killed if it does not.

    Raises:
        ProgramMissing: it cannot be started.
    """
    config = order.run / f"tunnel-{order.nonce}.yml"
    write_private(config, b"")
    metrics = _free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TUNNEL_", "FLOWORK_"))}
    environment["TUNNEL_HTTP_HOST_HEADER"] = order.secret_host  # not in argv, which every user of the machine can read
    if order.token is not None:
        environment["TUNNEL_TOKEN"] = order.token
    arguments = command(order, metrics)
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            limit=LINE_MAX,
            **_tied_to_us(),
        )
    except OSError as error:
        config.unlink(missing_ok=True)
        raise ProgramMissing from error
    lines: deque[str] = deque(maxlen=KEPT_LINES)
    draining = asyncio.create_task(_drain(process, lines), name="tunnel-lines")
    try:
        _write_down(order, process.pid)
        yield Child(process, metrics, lines)
    finally:
        await _end(process)
        draining.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await draining
        (order.run / RECORD).unlink(missing_ok=True)
        config.unlink(missing_ok=True)


def reap_orphan(run: Path) -> None:
    """End the client that an earlier run of ours left behind; anything else is left alone. Blocks for some seconds at most."""
    try:
        left = Record(**json.loads((run / RECORD).read_text(encoding="utf-8")))
        process = psutil.Process(left.pid)
        ours = (
            abs(process.create_time() - left.started) < 1.0
            and process.exe() == left.exe
            and any(left.nonce in part for part in process.cmdline())
        )
        if ours:
            log.warning("endpoint.orphan_ended", pid=left.pid)
            process.terminate()
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(GRACE_S)
                return
            process.kill()
    except (OSError, ValueError, TypeError, psutil.Error):
        return
    finally:
        for path in (*run.glob("tunnel-*.yml"), run / RECORD):
            path.unlink(missing_ok=True)


def _write_down(order: Order, pid: int) -> None:
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        record = Record(pid, process.create_time(), process.exe(), order.nonce)
        write_private(order.run / RECORD, json.dumps(asdict(record)).encode())


async def _drain(process: asyncio.subprocess.Process, lines: "deque[str]") -> None:
    """Read what it says for as long as it says something: a full pipe would stop it."""
    assert process.stderr is not None
    while True:
        try:
            line = await process.stderr.readline()
        except ValueError:  # longer than anybody wants to know; the rest of it follows
            continue
        if not line:
            return
        lines.append(line.decode("utf-8", "replace").rstrip())


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    _signal(process, signal.SIGTERM)
    try:
        async with asyncio.timeout(GRACE_S + 1):
            await process.wait()
    except TimeoutError:
        _signal(process, getattr(signal, "SIGKILL", signal.SIGTERM))
        await process.wait()


def _signal(process: asyncio.subprocess.Process, number: int) -> None:
    """To it and to whatever it started."""
    with contextlib.suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, number)  # it leads a session of its own
        else:  # pragma: no cover
            process.send_signal(number)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _tied_to_us() -> dict[str, Any]:
    """So that it dies with us, however we die: Linux's parent-death signal. Elsewhere its record tells the next start."""
    if sys.platform == "linux":
        return {"preexec_fn": _die_with_parent(), "start_new_session": True}
    if sys.platform == "win32":  # pragma: no cover
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined, unused-ignore]
    return {"start_new_session": True}  # pragma: no cover - what is left behind is found by its record at the next start


def _die_with_parent() -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)  # loaded before the fork: after it nothing may be
    parent = os.getpid()

    def tie() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return tie
