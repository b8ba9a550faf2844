"""Bench commands, run as people run them."""

import asyncio
import json
import sys
from typing import Any

from tests.support.house import ROOT


async def measured(*arguments: str) -> dict[str, Any]:
    """Run a bench command; its figures."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench", *arguments, "--json"), cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()
    return json.loads(out.decode().splitlines()[-1])
