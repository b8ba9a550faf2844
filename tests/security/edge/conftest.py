"""A gateway with every door open, as attackers meet it."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.client.api import ApiClient, open_api
from app.crypto.device_keys import DeviceKeys
from contract.admin import EngineAdded
from gateway.wiring import Gateway
from tests.support.devices import KEYS, device
from tests.support.house import House, house, until
from tests.support.inside import add_engine, gateway_on, pair
from tests.support.knock import Heard, Lines, Place, Prove, Told, as_json, at, knock

GUI = "https://gui.example"
PUBLIC = "https://flowork.example"
OTHER = device(11)


@dataclass
class Site:
    gateway: Gateway
    engine: EngineAdded
    api: ApiClient
    loopback: Place
    lan: Place
    tunnel: Place

    @property
    def signed(self) -> Lines:
        """The two headers of somebody signed in; the proof is made when the request is."""
        return signed_by(self.api)

    @property
    def engine_key(self) -> Lines:
        return [("X-Engine-Id", self.engine.id), ("X-Engine-Token", self.engine.token)]

    async def submit(self, place: Place, headers: Lines, body: bytes | None = None) -> Heard:
        """A submit that would be taken, were it not for `headers`, which replace the usual ones of the place."""
        sent = [*headers, *self.signed, ("Idempotency-Key", "attack")]
        if not any(name.lower() == "content-type" for name, _ in headers):
            sent.append(("Content-Type", "application/json"))
        return await knock(place, "POST", "/api/v1/jobs", sent, as_json({"engine": "lab", "kind": "echo"}) if body is None else body)

    async def state(self) -> tuple[int, int, int]:
        """What an attack could have changed: jobs, users, sockets."""
        heard = await knock(self.loopback, path="/api/v1/jobs?limit=200", headers=[*self.loopback.usual, *self.signed])
        users = self.gateway._parts.operations.sessions.users()
        return len(json.loads(heard.body)["jobs"]), len(users), len(self.gateway._parts.sockets._visitors)

    @contextlib.asynccontextmanager
    async def unchanged(self) -> AsyncIterator[None]:
        before = await self.state()
        yield
        assert await self.state() == before

    @contextlib.asynccontextmanager
    async def unchanged_soon(self) -> AsyncIterator[None]:
        """For attacks whose sockets take a moment to be forgotten."""
        before = await self.state()
        yield

        async def same() -> bool:
            return await self.state() == before

        await until(same, "the state before the attack")


def signed_by(api: ApiClient) -> Lines:
    """The headers of a signed-in device."""
    assert api._tokens is not None
    access = api._tokens.access_token
    return [("Authorization", f"DPoP {access}"), ("DPoP", _prover(api._keys, access))]


def _prover(keys: Any, access: str) -> Prove:
    def prove(method: str, path: str, headers: Told, body: bytes) -> str:
        sent = {name.lower(): value for name, value in headers}
        public = sent.get("x-forwarded-host")
        origin = f"http://{sent.get('host', '')}" if public is None else f"https://{public}"
        return keys.session.proof(method, origin + path.partition("?")[0], access, body or None)

    return prove


def proved_by(keys: DeviceKeys) -> Lines:
    """The header of a device that is not signed in."""
    return [("DPoP", _prover(keys, ""))]


def tunnel_place(data: Path, client: str = "203.0.113.7") -> Place:
    told = json.loads((data / "run" / "tunnel.json").read_text())
    usual = [("Host", told["host"]), ("X-Forwarded-Host", PUBLIC.removeprefix("https://")), ("CF-Connecting-IP", client)]
    if told["service"].startswith("unix:"):
        return Place(path=told["service"].removeprefix("unix:"), usual=usual)
    where = at(told["service"])
    return Place(where.host, where.port, usual=usual)


@contextlib.asynccontextmanager
async def site_on(folder: Path, **changes: object) -> AsyncIterator[Site]:
    # 0.0.0.0 because a test cannot know an interface of the machine; nobody is told of the port.
    every = {
        "gui_origins": (GUI,),
        "lan_host": "0.0.0.0",
        "lan_port": 0,
        "lan_names": ("gateway.lan",),
        "tunnel": True,
        "public_origins": (PUBLIC,),
        "auth_per_min": 10_000,
        "auth_all_per_min": 100_000,
    }
    async with gateway_on(folder / "g", **{**every, **changes}) as gateway:
        await pair(gateway, OTHER, "other")
        engine = await add_engine(gateway)
        assert gateway.lan_address is not None
        port = at(gateway.lan_address).port
        lan = Place("127.0.0.1", port, usual=[("Host", f"gateway.lan:{port}")])
        async with open_api(gateway.address, KEYS, gateway.gateway_key) as api:
            await api.sign_in()
            yield Site(gateway, engine, api, at(gateway.address), lan, tunnel_place(folder / "g"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with site_on(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def program(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A gateway in a process of its own, whose memory and log can be looked at."""
    limits = {"FLOWORK_GATEWAY_IP_RATE_PER_S": "100000", "FLOWORK_GATEWAY_IP_BURST": "100000"}
    async with house(tmp_path_factory.mktemp("program"), apart=False, **limits) as made:
        yield made
