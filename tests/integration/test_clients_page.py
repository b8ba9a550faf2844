"""The program of docs/clients.md does what the page says."""

import asyncio
import json
import os
import re
import sys

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.client.api import open_api
from tests.support.devices import KEYS
from tests.support.house import ROOT
from tests.support.inside import add_engine, gateway_on


async def test_the_forty_lines_submit_a_job(tmp_path):
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "clients.md").read_text(encoding="utf-8"), re.DOTALL)
    async with gateway_on(tmp_path / "g") as gateway, open_api(gateway.address, KEYS, gateway.gateway_key) as api:
        await add_engine(gateway, "home")
        tokens = await api.sign_in()
        key = KEYS.session._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "FLOWORK_GATEWAY": gateway.address},
        )
        out, _ = await process.communicate(json.dumps({"access_token": tokens.access_token, "session_key": key}).encode())
    assert (process.returncode, out) == (0, b"queued\n")
