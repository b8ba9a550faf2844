"""Security reference §8.1, group I, what sockets owe to sessions (I05, I07) and tenancy on sockets (G04)."""

import asyncio

import pytest
import socketio

from app.client.api import ApiClient, open_api
from app.client.live import live_events
from contract.errors import ProofReplayed
from contract.events import SOCKET_NAMESPACE, SOCKET_PATH
from contract.limits import ACCESS_TOKEN_TTL_S
from contract.words import JobState

from .conftest import Site

PROMISE_S = 2.0


class Socket:
    """A user's socket that notes when it was closed."""

    def __init__(self) -> None:
        self.client = socketio.AsyncClient(reconnection=False)
        self.closed = asyncio.Event()
        self.heard: list[tuple[str, dict]] = []
        self.client.on("disconnect", self._closed, namespace=SOCKET_NAMESPACE)
        self.client.on("*", self._hears, namespace=SOCKET_NAMESPACE)

    async def _closed(self, *_: object) -> None:
        self.closed.set()

    async def _hears(self, name: str, data: dict) -> None:
        self.heard.append((name, data))

    async def open(self, api: ApiClient, auth: dict[str, str] | None = None) -> "Socket":
        await self.client.connect(
            api.gateway,
            auth=auth or api.socket_auth(),
            namespaces=[SOCKET_NAMESPACE],
            transports=["websocket"],
            socketio_path=SOCKET_PATH,
        )
        return self

    async def ends(self) -> None:
        async with asyncio.timeout(PROMISE_S):
            await self.closed.wait()
        await self.client.disconnect()


async def test_I05_a_socket_ends_with_its_token(site: Site):
    site.clock.forward(ACCESS_TOKEN_TTL_S - 0.3)
    site.keys.session.set_clock(site.clock.now().wall / 1e6)
    socket = await Socket().open(site.api)
    await socket.ends()


async def test_I05_a_new_token_of_the_session_keeps_it_open(site: Site):
    site.clock.forward(ACCESS_TOKEN_TTL_S - 2)
    site.keys.session.set_clock(site.clock.now().wall / 1e6)
    socket = await Socket().open(site.api)
    await site.api.refresh()
    assert await socket.client.call("auth.refresh", site.api.socket_auth(), namespace=SOCKET_NAMESPACE, timeout=5) == {"ok": True}
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2.5):  # beyond the first token's end
            await socket.closed.wait()
    await socket.client.disconnect()


async def test_I05_another_sessions_token_does_not(site: Site):
    socket = await Socket().open(site.api)
    await site.api.sign_in()
    answer = await socket.client.call("auth.refresh", site.api.socket_auth(), namespace=SOCKET_NAMESPACE, timeout=5)
    assert answer == {"ok": False, "code": "auth.token_invalid"}
    await socket.client.disconnect()


@pytest.mark.parametrize("how", ["revoke", "sign out", "remove user", "refresh reuse"])
async def test_I05_a_revocation_closes_sockets_within_two_seconds(site: Site, how: str):
    socket = await Socket().open(site.api)
    sessions = site.gateway._parts.operations.sessions
    match how:
        case "revoke":
            await sessions.revoke(site.tokens.device, "owner")
        case "sign out":
            await sessions.end(site.tokens.session, site.tokens.user, "signout")
        case "remove user":
            await sessions.remove_user(site.tokens.user, "owner")
        case _:
            await site.knock("POST", "/api/v1/auth/refresh", {"refresh_token": site.tokens.refresh_token})
            site.clock.forward(11)
            await site.knock("POST", "/api/v1/auth/refresh", {"refresh_token": site.tokens.refresh_token})
    await socket.ends()
    assert (await site.call("GET", "/api/v1/devices")).told == (401, "auth.token_revoked")


async def test_I05_other_sessions_sockets_stay(site: Site, eve):
    async with open_api(site.gateway.address, eve, site.gateway.gateway_key) as api:
        await api.sign_in()
        hers = await Socket().open(api)
        mine = await Socket().open(site.api)
        await site.gateway._parts.operations.sessions.revoke(site.tokens.device, "owner")
        await mine.ends()
        await api.devices()
        assert not hers.closed.is_set()
        await hers.client.disconnect()


async def test_I07_a_replayed_connect_is_refused(site: Site):
    auth = site.api.socket_auth()
    socket = await Socket().open(site.api, auth)
    again = Socket()
    refusals: list[dict] = []
    again.client.on("connect_error", refusals.append, namespace=SOCKET_NAMESPACE)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await again.open(site.api, auth)
    assert refusals[0]["message"] == ProofReplayed.code
    await again.client.disconnect()
    await socket.client.disconnect()


async def test_I07_a_proof_for_a_request_does_not_open_a_socket(site: Site):
    access = site.tokens.access_token
    for method, path in (("GET", "/api/v1/jobs"), ("POST", SOCKET_PATH + "/")):
        socket = Socket()
        with pytest.raises(socketio.exceptions.ConnectionError):
            await socket.open(site.api, {"token": access, "dpop": site.proof(method, path, access)})
        await socket.client.disconnect()


async def test_G04_a_socket_hears_of_its_own_users_jobs_only(site: Site, eve):
    async with open_api(site.gateway.address, eve, site.gateway.gateway_key) as api:
        await api.sign_in()
        async with live_events(api) as hers, live_events(site.api) as mine:
            from contract.jobs import JobDraft

            job = (await site.api.submit(JobDraft(engine="lab", kind="echo"), "k")).job
            async with asyncio.timeout(5):
                event = await mine.get()
            assert (event.data["id"], event.data["state"]) == (job.id, JobState.QUEUED)
            await api.submit(JobDraft(engine="lab", kind="echo"), "k")
            async with asyncio.timeout(5):
                event = await hers.get()
            assert event.data["id"] != job.id
            assert hers.empty()
