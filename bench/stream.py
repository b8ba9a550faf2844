"""What Flowork adds to the first token of streamed chats: a client's first output event against the moment its provider sent that token."""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from app.client.admin import open_admin
from app.client.api import ApiClient
from app.client.live import live_events
from bench.common import spread, surroundings
from bench.served import PATIENCE_S, paired, serving
from contract.events import Event
from contract.jobs import JobDraft
from contract.words import EventName, JobState

TOKENS = 40
TOKEN_EVERY_S = 0.02
FIRST_AFTER_S = (0.2, 0.6)
"""A model thinks before it speaks, for a time drawn evenly from this: first tokens come while other streams are under way."""


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--streams", type=int, default=10, help="chats at once (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=10, help="chats of each, one after another (default: %(default)s)")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """One process serves; this one is the provider and the client, so that both ends read one clock."""
    return asyncio.run(_measure(arguments.streams, arguments.rounds))


class Provider:
    """Speaks OpenAI's wire, and remembers when it sent each chat's first token."""

    def __init__(self) -> None:
        self.first: dict[str, float] = {}

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await asyncio.sleep(random.uniform(*FIRST_AFTER_S))
        for number in range(TOKENS):
            if number == 0:
                self.first[body["messages"][0]["content"]] = time.perf_counter()
            await response.write(_chunk({"content": f"token{number} "}))
            await asyncio.sleep(TOKEN_EVERY_S)
        await response.write(_chunk({}, "stop") + b"data: [DONE]\n\n")
        return response


def _chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + json.dumps({**head, "choices": [choice]}).encode() + b"\n\n"


@asynccontextmanager
async def _providing(provider: Provider) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", provider.chat)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


async def _measure(streams: int, rounds: int) -> dict[str, Any]:
    provider = Provider()
    with tempfile.TemporaryDirectory(prefix="flowork-bench-") as scratch:
        data = Path(scratch) / "data"
        data.mkdir(mode=0o700)
        async with _providing(provider) as address:
            (data / "config.toml").write_text(f'[providers.bench]\nbase_url = "{address}"\nmodels = ["m"]\nconcurrency = {streams}\n')
            async with serving(data, streams) as served, open_admin(data) as admin, paired(admin, served.address, "bench") as api:
                async with live_events(api) as arrived, asyncio.TaskGroup() as group:
                    seen = Seen()
                    listening = group.create_task(_listen(seen, arrived), name="listen")
                    await _chats(api, provider, seen, 2)  # loads the vendor's client, opens the files
                    added = await asyncio.gather(*(_chats(api, provider, seen, rounds) for _ in range(streams)))
                    listening.cancel()
    samples = [sample for some in added for sample in some]
    found = spread([sample for sample in samples if sample is not None])
    return {
        "added_first_token_ms": {"p50": found["p50"], "p95": found["p95"]},
        "streams": streams,
        "failed": samples.count(None),
        **surroundings({"rounds": rounds, "tokens": TOKENS, "token_every_s": TOKEN_EVERY_S, "first_after_s": FIRST_AFTER_S}),
        "raw": {"added_first_token_ms": samples},
    }


@dataclass(slots=True)
class Seen:
    """What the client saw, by job."""

    first: dict[str, float] = field(default_factory=dict)
    """When its first output arrived."""
    ended: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))


async def _chats(api: ApiClient, provider: Provider, seen: Seen, count: int) -> list[float | None]:
    """One stream after another; milliseconds for each, None for one that failed."""
    added: list[float | None] = []
    for _ in range(count):
        name = f"{time.time_ns()}-{random.randrange(2**32)}"
        payload = {"model": "bench/m", "messages": [{"role": "user", "content": name}]}
        job = (await api.submit(JobDraft(engine="home", kind="chat", payload=payload), name)).job.id
        try:
            async with asyncio.timeout(PATIENCE_S):
                await seen.ended[job].wait()
            added.append((seen.first[job] - provider.first[name]) * 1000)
        except (TimeoutError, KeyError):
            added.append(None)
    return added


async def _listen(seen: Seen, arrived: "asyncio.Queue[Event]") -> None:
    while True:
        event = await arrived.get()
        job = str(event.data.get("id", event.data.get("job")))
        if event.name is EventName.JOB_OUTPUT:
            seen.first.setdefault(job, time.perf_counter())
        elif event.name is EventName.JOB_UPDATED and JobState(event.data["state"]).final:
            seen.ended[job].set()
