"""`python -m bench stream` runs and says what docs promise of it; the figures themselves are judged by people."""

import asyncio
import json
import sys

from tests.support.house import ROOT


async def test_stream_measures_what_is_added_to_the_first_token():
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench", "stream", "--streams", "3", "--rounds", "1", "--json"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()
    found = json.loads(out.decode().splitlines()[-1])
    assert (found["failed"], found["streams"]) == (0, 3)
    assert 0 < found["added_first_token_ms"]["p50"] <= found["added_first_token_ms"]["p95"]
