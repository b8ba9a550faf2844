"""Finds servers of models on this machine, by asking the ports that they use when nobody says otherwise."""

import asyncio
import re
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from kit.strict_json import JsonRefused, decode

PORTS: Final = {"ollama": 11434, "lm-studio": 1234, "llama-cpp": 8080, "vllm": 8000}
ANSWER_S: Final = 2.0
ANSWER_MAX_BYTES: Final = 1024 * 1024
_NAME: Final = re.compile(r"[!-~]{1,160}")


@dataclass(frozen=True, slots=True)
class Found:
    """One server."""

    name: str
    base_url: str
    models: tuple[str, ...]


async def find(ports: dict[str, int] | None = None) -> list[Found]:
    """Those that answer on loopback as OpenAI's wire says; other services on these ports are left out."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
        asked = [_ask(session, name, port) for name, port in (ports or PORTS).items()]
        return [found for found in await asyncio.gather(*asked) if found is not None]


async def _ask(session: aiohttp.ClientSession, name: str, port: int) -> Found | None:
    base = f"http://127.0.0.1:{port}/v1"
    try:
        async with session.get(f"{base}/models", allow_redirects=False) as response:
            body = await response.content.read(ANSWER_MAX_BYTES)
            while more := await response.content.read(ANSWER_MAX_BYTES - len(body)):
                body += more
            listed = _models(decode(body, 16)) if response.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, OSError, JsonRefused):
        return None
    return None if listed is None else Found(name, base, listed)


def _models(answer: Any) -> tuple[str, ...] | None:
    """Their names; None when this is no list of models."""
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list):
        return None
    names = [one.get("id") for one in data if isinstance(one, dict)]
    return tuple(sorted(name for name in names if isinstance(name, str) and _NAME.fullmatch(name)))
