"""A gateway in this process, and devices that can send anything: right requests, and ones that are wrong in one place."""

import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest_asyncio

from app.client.api import ApiClient, open_api
from app.crypto.device_keys import DeviceKeys
from contract.signin import Challenge, Tokens, build_message
from gateway.wiring import Gateway
from tests.support.devices import KEYS, device
from tests.support.inside import SleepyClock, add_engine, gateway_on, pair


class MovingClock(SleepyClock):
    """The machine's clock, set forward by the test."""

    def forward(self, seconds: float) -> None:
        self.sleep_machine(seconds)


@dataclass
class Answer:
    """What came back."""

    status: int
    body: dict[str, Any]
    headers: Any

    @property
    def told(self) -> tuple[int, str | None]:
        """Status and code."""
        return self.status, self.body.get("code")


@dataclass
class Site:
    """The gateway, and Ann who owns it."""

    gateway: Gateway
    clock: MovingClock
    session: aiohttp.ClientSession
    api: ApiClient
    keys: DeviceKeys = KEYS
    seen: list[str] = field(default_factory=list)

    @property
    def tokens(self) -> Tokens:
        assert self.api._tokens is not None
        return self.api._tokens

    async def ask(self, method: str, path: str, body: bytes | None = None, headers: Any = None) -> Answer:
        """Exactly these headers and bytes."""
        async with self.session.request(
            method, self.gateway.address + path, data=None if body is None else io.BytesIO(body), headers=headers
        ) as response:
            raw = await response.read()
            return Answer(response.status, json.loads(raw) if raw else {}, response.headers)

    def proof(self, method: str, path: str, access: str = "", body: bytes | None = None, keys: DeviceKeys | None = None) -> str:
        """A good proof, by the gateway's clock."""
        session = (keys or self.keys).session
        session.set_clock(self.clock.now().wall / 1e6)
        return session.proof(method, self.gateway.address + path.partition("?")[0], access, body)

    def signed(self, method: str, path: str, body: bytes | None = None, keys: DeviceKeys | None = None, access: str | None = None):
        """The headers of somebody signed in."""
        token = self.tokens.access_token if access is None else access
        headers = {"Authorization": f"DPoP {token}", "DPoP": self.proof(method, path, token, body, keys)}
        return headers if body is None else {**headers, "Content-Type": "application/json"}

    async def call(self, method: str, path: str, asked: Any = None, **how: Any) -> Answer:
        """A right request of somebody signed in."""
        body = None if asked is None else json.dumps(asked).encode()
        return await self.ask(method, path, body, self.signed(method, path, body, **how))

    async def knock(self, method: str, path: str, asked: Any = None, keys: DeviceKeys | None = None, **more: str) -> Answer:
        """A right request of a device that is not signed in."""
        body = None if asked is None else json.dumps(asked).encode()
        content = {} if body is None else {"Content-Type": "application/json"}
        return await self.ask(method, path, body, {"DPoP": self.proof(method, path, "", body, keys), **content, **more})

    async def challenge(self, keys: DeviceKeys | None = None) -> Challenge:
        keys = keys or self.keys
        answer = await self.knock("POST", "/api/v1/auth/challenge", {"address": keys.address}, keys)
        assert answer.status == 200, answer.body
        return Challenge.model_validate(answer.body)

    async def send(self, message: str, signature: str, keys: DeviceKeys | None = None, **more: Any) -> Answer:
        """A sign-in."""
        asked = {"message": message, "signature": signature, **more}
        return await self.knock("POST", "/api/v1/auth/sign-in", asked, keys)

    async def sign_in(self, challenge: Challenge, keys: DeviceKeys | None = None, **more: Any) -> Answer:
        keys = keys or self.keys
        message = build_message(challenge, address=keys.address)
        return await self.send(message, keys.sign(message), keys, **more)

    def sessions(self) -> int:
        """How many there are: the side effect that no attack may have."""
        return len(self.gateway._parts.operations.sessions._sessions)

    async def audit(self) -> list[tuple[str, str, str]]:
        page = await self.gateway._parts.operations.audit.page(None, 1000)
        return [(record.event, record.actor, record.target) for record in reversed(page.records)]


@pytest_asyncio.fixture
async def site(tmp_path) -> AsyncIterator[Site]:
    clock = MovingClock()
    async with gateway_on(tmp_path / "g", clock=clock) as gateway:
        await add_engine(gateway)
        async with aiohttp.ClientSession() as session, open_api(gateway.address, KEYS, gateway.gateway_key) as api:
            await api.sign_in()
            yield Site(gateway, clock, session, api)


@pytest_asyncio.fixture
async def eve(site: Site) -> DeviceKeys:
    """Another user, paired."""
    keys = device(66)
    await pair(site.gateway, keys, "eve")
    return keys


def altered(text: str, old: str, new: str) -> str:
    assert text.count(old) >= 1, old
    return text.replace(old, new, 1)
