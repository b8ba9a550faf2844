"""One program from its start to its end, with everything that it started itself."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LOOK_AGAIN_S = 0.01
"""Between two looks whether it has ended: asyncio's own wait also waits for whoever inherited its pipes."""
DRAIN_S = 1.0
"""How long its pipes are read after it and its children have ended."""
READ_BYTES = 64 * 1024
MARK = "FLOWORK_TOOL"
"""The variable by which all is found again that comes from one start, whatever session or parent it has by then."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How it went."""

    exit_code: int
    out: bytes
    err: bytes
    truncated: bool
    """It wrote more than is kept."""


async def run(argv: Sequence[str], env: Mapping[str, str], cwd: str | None, given: bytes | None, keep: int) -> Ended:
    """Run a program without a shell, in a session of its own; `keep` bytes of either output are kept, the rest is read and dropped.

    However this is left, the program is killed first, with its group, its family, and whatever else carries the mark of `env`.

    Raises:
        OSError: it cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=sys.platform != "win32",
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) if sys.platform == "win32" else 0,
    )
    out, err = _Kept(keep), _Kept(keep)
    pipes = [
        asyncio.create_task(_read(process.stdout, out), name=f"stdout-{process.pid}"),
        asyncio.create_task(_read(process.stderr, err), name=f"stderr-{process.pid}"),
        asyncio.create_task(_write(process.stdin, given), name=f"stdin-{process.pid}"),
    ]
    killed = False
    try:
        while process.returncode is None:
            await asyncio.sleep(LOOK_AGAIN_S)
        killed = True
        kill_tree(process.pid)  # what it left behind would hold its pipes open, and outlive the job
        await asyncio.wait(pipes, timeout=DRAIN_S)
        return Ended(process.returncode, bytes(out.data), bytes(err.data), out.more or err.more)
    finally:
        if not killed:  # twice would be once too often: its number may be somebody else's by then
            kill_tree(process.pid)
        for pipe in pipes:
            pipe.cancel()
        await asyncio.gather(*pipes, return_exceptions=True)
        await asyncio.to_thread(kill_marked, env[MARK])
        await _reaped(process)


def kill_tree(pid: int) -> None:
    """Kill the group that a process leads, and whoever left the group but not the family."""
    family = _family(pid)
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(pid)], capture_output=True, check=False)
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    for member in family:
        with contextlib.suppress(OSError):
            os.kill(member, getattr(signal, "SIGKILL", signal.SIGTERM))


def kill_marked(mark: str) -> None:
    """Kill every process of ours whose environment carries a mark that begins so. Looks at all processes: not for an event loop."""
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            found = process.environ().get(MARK, "")
            if mark and found.startswith(mark) and process.pid != os.getpid():  # an empty mark would be everybody's
                process.kill()


def _family(pid: int) -> list[int]:
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []


class _Kept:
    """The beginning of an output."""

    def __init__(self, most: int) -> None:
        self.data = bytearray()
        self.more = False
        self._most = most

    def add(self, chunk: bytes) -> None:
        room = self._most - len(self.data)
        self.data += chunk[:room]
        self.more = self.more or len(chunk) > room


async def _read(stream: asyncio.StreamReader | None, kept: _Kept) -> None:
    while stream is not None and (chunk := await stream.read(READ_BYTES)):
        kept.add(chunk)


async def _write(stream: asyncio.StreamWriter | None, given: bytes | None) -> None:
    if stream is None:
        return
    with contextlib.suppress(ConnectionError):  # it need not read what it is given
        stream.write(given or b"")
        await stream.drain()
    stream.close()


async def _reaped(process: asyncio.subprocess.Process) -> None:
    """Let the loop see the end, and close the pipes that a survivor would hold open."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            while process.returncode is None:
                await asyncio.sleep(LOOK_AGAIN_S)
    transport = getattr(process, "_transport", None)  # nothing public closes it
    if transport is not None:
        with contextlib.suppress(PermissionError, ProcessLookupError):
            transport.close()
