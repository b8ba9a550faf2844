"""A gateway as attackers meet it: raw requests with any headers, for tests that assert status, code and no side effect."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import socketio

from contract.admin import EngineAdded
from contract.events import SOCKET_NAMESPACE, SOCKET_PATH
from contract.jobs import Job
from gateway.wiring import Gateway
from tests.support.devices import KEYS, device, signed_headers
from tests.support.house import User, signed_in
from tests.support.inside import add_engine, gateway_on, pair

BOB = device(11)


@dataclass
class Doors:
    """Two engines with their tokens, two users; `ann` is the one of `KEYS`."""

    gateway: Gateway
    session: aiohttp.ClientSession
    lab: EngineAdded
    den: EngineAdded
    ann: User
    bob: User
    members: set[str] = field(default_factory=set)
    """Users that are no owners."""

    async def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, *, user: User | None = None, **rest: Any
    ) -> tuple[int, dict[str, Any]]:
        """Status and answer; with `user`, as that person."""
        body = json.dumps(rest.pop("json")).encode() if "json" in rest else rest.pop("data", None)
        content = {} if body is None else {"Content-Type": "application/json"}
        shown = {**content, **({} if user is None else signed_headers(user.api, method, path, body)), **(headers or {})}
        async with self.session.request(method, path, headers=shown, data=body, **rest) as response:
            raw = await response.read()
            return response.status, json.loads(raw) if raw else {}

    async def refusal(self, method: str, path: str, headers: dict[str, str] | None = None, **rest: Any) -> tuple[int, str]:
        """Status and problem code; arguments as for `ask`."""
        status, problem = await self.ask(method, path, headers, **rest)
        return status, problem.get("code", "")

    @staticmethod
    def key(engine: EngineAdded, token: str | None = None) -> dict[str, str]:
        """What an engine shows."""
        return {"X-Engine-Id": engine.id, "X-Engine-Token": token or engine.token}

    async def lease(self, engine: EngineAdded, instance: str = "a", token: str | None = None) -> dict[str, Any]:
        """Claim one job that waits."""
        status, answer = await self.ask("POST", "/internal/v1/claim", self.key(engine, token), json=claim(instance))
        assert status == 200, answer
        (lease,) = answer["leases"]
        return dict(lease)

    async def untouched(self, job: Job, state: str, user: User | None = None) -> None:
        """The job is as it was."""
        detail = await (user or self.ann).api.job(job.id)
        assert (detail.state, detail.result) == (state, None)


def claim(instance: str = "a", **changes: Any) -> dict[str, Any]:
    """The body of a claim that does not wait."""
    announce = {"version": "1", "slots": 1, "kinds": ["echo"]}
    return {"instance": instance * 32, "attempt_id": _next(), "announce": announce, "max": 1, "wait_ms": 0, **changes}


_attempts = iter(range(1, 10**9))


def _next() -> str:
    return f"{next(_attempts):032x}"


def finish(lease: dict[str, Any], result: Any = "done", **changes: Any) -> dict[str, Any]:
    """The body of a finish."""
    return {"token": lease["token"], "outcome": "succeeded", "result": result, **changes}


@asynccontextmanager
async def socket_of(address: str, person: User, **more: Any) -> AsyncIterator[tuple[socketio.AsyncClient, list[dict[str, Any]]]]:
    """A socket of a person's, with more in its CONNECT than belongs there, and the events it heard."""
    heard: list[dict[str, Any]] = []
    client = socketio.AsyncClient(reconnection=False)

    async def hear(_name: str, data: dict[str, Any]) -> None:
        heard.append(data)

    client.on("*", hear, namespace=SOCKET_NAMESPACE)
    auth = {**more, **person.api.socket_auth()}
    await client.connect(address, auth=auth, namespaces=[SOCKET_NAMESPACE], socketio_path=SOCKET_PATH, transports=["websocket"])
    try:
        yield client, heard
    finally:
        await client.disconnect()


@asynccontextmanager
async def doors(data: Path, **changes: Any) -> AsyncIterator[Doors]:
    async with AsyncExitStack() as stack:
        members: set[str] = set()
        gateway = await stack.enter_async_context(gateway_on(data, is_owner=lambda user: user not in members, **changes))
        await pair(gateway, BOB, "bob")
        lab, den = await add_engine(gateway, "lab"), await add_engine(gateway, "den")
        session = await stack.enter_async_context(aiohttp.ClientSession(gateway.address))
        ann = await stack.enter_async_context(signed_in(gateway, "lab", KEYS))
        bob = await stack.enter_async_context(signed_in(gateway, "lab", BOB))
        yield Doors(gateway, session, lab, den, ann, bob, members)
