"""A real Prometheus in a folder of its own, with what deploy/ ships."""

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from deploy.generate import rules
from tests.support.house import PATIENCE_S, ROOT, until

EXAMPLE = ROOT / "deploy" / "prometheus" / "prometheus.yml"


def needed(*programs: str) -> None:
    """Fail where installer/test_tools.sh would have installed them; skip elsewhere."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        pytest.fail(f"{', '.join(missing)} must be installed for this test: sh installer/test_tools.sh", pytrace=False)
    if missing:
        pytest.skip(f"needs {', '.join(missing)}; on Debian and Ubuntu: sudo apt install prometheus")


@dataclass
class Prometheus:
    """One that runs; every call asks its HTTP API."""

    address: str
    http: aiohttp.ClientSession

    async def ask(self, path: str, **parameters: str) -> Any:
        async with self.http.get(f"{self.address}/api/v1/{path}", params=parameters) as answer:
            told = await answer.json()
        assert told["status"] == "success", told
        return told["data"]

    async def values(self, query: str) -> list[float]:
        """What an instant query gives, without NaN."""
        found = (await self.ask("query", query=query))["result"]
        numbers = [float(each["value"][1]) for each in found]
        return [number for number in numbers if number == number]

    async def value(self, query: str) -> float | None:
        """The only value."""
        values = await self.values(query)
        assert len(values) <= 1, values
        return values[0] if values else None


def lay_out(folder: Path, target: str, token: str) -> None:
    """The shipped example, in a hurry: a second where it says fifteen."""
    text = EXAMPLE.read_text().replace("127.0.0.1:7717", target)
    assert target in text
    (folder / EXAMPLE.name).write_text(text.replace("15s", "1s"))
    (folder / "flowork.rules.yml").write_text(rules().replace("15s", "1s"))
    (folder / "flowork.token").write_text(token)


@contextlib.asynccontextmanager
async def prometheus(folder: Path, target: str, token: str) -> AsyncIterator[Prometheus]:
    lay_out(folder, target, token)
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / EXAMPLE.name}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={listen}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        async with aiohttp.ClientSession() as http:
            made = Prometheus(f"http://{listen}", http)

            async def ready() -> bool:
                assert process.poll() is None, (folder / "prometheus.log").read_text()
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get(f"http://{listen}/-/ready") as answer:
                        return answer.status == 200
                return False

            await until(ready, "Prometheus is ready")
            yield made
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
