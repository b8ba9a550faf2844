"""Socket.IO as strangers meet it."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
import socketio

from app.client.api import open_api
from app.client.live import live_events
from contract.errors import AuthenticationInvalid
from contract.words import JobState
from gateway.wiring import Gateway
from tests.support.devices import KEYS, device
from tests.support.house import signed_in, until
from tests.support.inside import add_engine, engine_for, gateway_on, pair

pytestmark = pytest.mark.asyncio(loop_scope="module")
OTHER = device(11)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    folder = tmp_path_factory.mktemp("sockets")
    async with gateway_on(folder / "g") as running:
        await pair(running, OTHER, "other")
        added = await add_engine(running)
        async with engine_for(running.address, added, folder / "e"):
            yield running


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c"])
async def test_nobody_is_let_in_without_a_token(gateway: Gateway, token: str):
    async with open_api(gateway.address, KEYS, gateway.gateway_key) as api:
        api._tokens = (await api.sign_in()).model_copy(update={"access_token": token})
        with pytest.raises(AuthenticationInvalid):
            async with live_events(api):
                pass


async def test_only_the_websocket_is_served(gateway: Gateway):
    async with aiohttp.request("GET", f"{gateway.address}/api/socket.io/?EIO=4&transport=polling") as response:
        assert response.status == 400


async def test_the_default_namespace_is_closed(gateway: Gateway):
    client = socketio.AsyncClient(reconnection=False)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(gateway.address, namespaces=["/"], transports=["websocket"], socketio_path="/api/socket.io")
    await client.disconnect()


async def test_a_page_of_another_origin_cannot_open_a_socket(gateway: Gateway):
    url = gateway.address.replace("http", "ws") + "/api/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(url, headers={"Origin": "https://evil.example"})
        assert refused.value.status == 403


async def test_users_see_their_own_jobs_only(gateway: Gateway):
    async with signed_in(gateway, "lab") as ann, signed_in(gateway, "lab", OTHER) as bob:
        mine = await ann.submit()
        theirs = await bob.submit()
        await ann.sees(mine, JobState.SUCCEEDED)
        await bob.sees(theirs, JobState.SUCCEEDED)
        assert {event.data["id"] for event in ann.seen} == {mine.id}
        assert {event.data["id"] for event in bob.seen} == {theirs.id}


async def test_every_socket_of_a_user_gets_every_event_in_order(gateway: Gateway):
    async with signed_in(gateway, "lab") as one, signed_in(gateway, "lab") as two:
        jobs = [await one.submit(payload={"output": ["a", "b"]}) for _ in range(20)]
        for user in (one, two):
            ended = set()
            while len(ended) < len(jobs):
                event = await user.next_event()
                if event.data.get("state") == JobState.SUCCEEDED:
                    ended.add(event.data["id"])
            seqs = [event.seq for event in user.seen]
            assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


@pytest.mark.parametrize("packet", ["4", "49", "451-[", "42/gui-socket,[", "4" + "9" * 70_000, "x"])
async def test_a_broken_packet_ends_its_own_socket_only(gateway: Gateway, packet: str):
    url = gateway.address.replace("http", "ws") + "/api/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws, asyncio.timeout(10):
        await ws.receive()
        await ws.send_str(packet)
        while not ws.closed:
            await ws.receive()
    async with signed_in(gateway, "lab") as user:
        await user.sees(await user.submit(), JobState.SUCCEEDED)


async def test_a_socket_ends_with_its_token_and_a_refresh_keeps_it(gateway: Gateway):
    async with signed_in(gateway, "lab") as user:
        sockets = gateway._parts.sockets
        (visitor,) = sockets._by_user[user.api._tokens.user]
        assert await sockets._refresh(visitor.sid, user.api.socket_auth()) == {"ok": True}
        assert visitor.timer.when() > asyncio.get_running_loop().time() + 500
        sockets._expire(visitor, 0.05)

        async def gone() -> bool:
            return visitor not in sockets._visitors and user.api._tokens.user not in sockets._by_user

        await until(gone)


async def test_a_refresh_with_somebody_elses_token_changes_nothing(gateway: Gateway):
    async with signed_in(gateway, "lab") as ann, open_api(gateway.address, OTHER, gateway.gateway_key) as bob:
        await bob.sign_in()
        sockets = gateway._parts.sockets
        (visitor,) = sockets._by_user[ann.api._tokens.user]
        before = visitor.timer
        assert await sockets._refresh(visitor.sid, bob.socket_auth()) == {"ok": False, "code": "auth.token_invalid"}
        assert visitor.timer is before
