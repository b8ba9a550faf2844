"""The public endpoint with the real program and a stand-in for cloudflared that speaks its flags, endpoints and log lines."""

import asyncio
import json
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
import pytest

from app.client.admin import open_admin
from app.client.api import ApiClient
from app.client.pairing import pair_here
from app.services.endpoint.child import reap_orphan
from contract.endpoint import EndpointChange, EndpointKind, EndpointState, EndpointView
from contract.jobs import JobDraft
from contract.pairing import read_link
from contract.people import OfferMake
from contract.words import JobState
from tests.support import cloudflared
from tests.support.certificates import certificates
from tests.support.devices import KEYS
from tests.support.house import House, until


@dataclass
class Tunnels:
    """A home whose cloudflared is the stand-in."""

    home: House
    folder: Path
    program: Path
    context: ssl.SSLContext

    def mode(self, name: str) -> None:
        (self.folder / "mode").write_text(name)

    def starts(self) -> list[dict]:
        return [json.loads(note.read_text()) for note in sorted(self.folder.glob("started.*"))]

    async def view(self) -> EndpointView:
        async with open_admin(self.home.data) as admin:
            return (await admin.status()).endpoint

    async def becomes(self, *states: EndpointState) -> EndpointView:
        async def so() -> EndpointView | None:
            view = await self.view()
            return view if view.state in states else None

        return await until(so, f"the endpoint to be {states}; it is {(await self.view())!r}")

    async def change(self, kind: EndpointKind, **rest: str) -> EndpointView:
        async with open_admin(self.home.data) as admin:
            return await admin.change_endpoint(EndpointChange(kind=kind, **rest))

    @asynccontextmanager
    async def through(self, origin: str) -> AsyncIterator[ApiClient]:
        """A client far away, which knows the public address only."""
        connector = aiohttp.TCPConnector(ssl=self.context)
        async with aiohttp.ClientSession(origin, connector=connector) as session:
            yield ApiClient(session, origin, KEYS, self.home.gateway_key)


@pytest.fixture
async def tunnels(tmp_path: Path) -> AsyncIterator[Tunnels]:
    folder = tmp_path / "standin"
    folder.mkdir()
    authority = certificates(folder)
    program = folder / "cloudflared"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {cloudflared.__file__} "$@"\n')
    program.chmod(0o755)
    home = House(tmp_path / "data", apart=False)
    made = Tunnels(home, folder, program, ssl.create_default_context(cafile=authority))
    made.mode("ok")
    environment = {"FLOWORK_ENDPOINT_PROGRAM": str(program), "STANDIN": str(folder), "SSL_CERT_FILE": str(authority)}
    try:
        await home.start_gateway(**environment)
        async with open_admin(home.data) as admin:
            home.gateway_key = await admin.gateway_key()
        yield made
    finally:
        await home.close()
        for note in made.starts():
            assert not alive(note["pid"]), "a tunnel client was left behind"


def gone(pid: int):
    async def so() -> bool:
        return not alive(pid)

    return so


def alive(pid: int) -> bool:
    """A zombie is only a line in a table, which the machine's first process has not read yet."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_a_quick_tunnel_publishes_the_gateway_and_a_link_leads_through_it(tunnels: Tunnels):
    assert (await tunnels.view()).state is EndpointState.OFF
    await tunnels.change(EndpointKind.QUICK)
    view = await tunnels.becomes(EndpointState.READY)
    assert view.origin is not None
    assert view.probe_ms is not None
    async with open_admin(tunnels.home.data) as admin:
        offer = await admin.offer(OfferMake())
        assert read_link(offer.link).gateway == view.origin
        assert read_link((await admin.offer(OfferMake(here=True))).link).gateway == tunnels.home.address
        async with tunnels.through(view.origin) as api:
            await pair_here(admin, api, "far away", OfferMake())
            assert {device.name for device in (await admin.devices()).devices} == {"far away"}
            job = (await api.submit(JobDraft(engine="home", kind="echo", payload={"reply": 1}), "key")).job

            async def done() -> bool:
                return (await api.job(job.id)).state is JobState.SUCCEEDED

            await until(done)
    (start,) = tunnels.starts()
    assert start["config"] == ""
    assert {"--no-autoupdate", "--management-diagnostics=false"} <= set(start["argv"])
    assert json.loads((tunnels.home.data / "run" / "tunnel.json").read_text())["host"] not in " ".join(start["argv"])


async def test_live_events_come_through_the_tunnel(tunnels: Tunnels):
    await tunnels.change(EndpointKind.QUICK)
    origin = (await tunnels.becomes(EndpointState.READY)).origin
    assert origin is not None
    async with open_admin(tunnels.home.data) as admin, tunnels.through(origin) as api:
        await pair_here(admin, api, "far away", OfferMake())
        connector = aiohttp.TCPConnector(ssl=tunnels.context)
        async with aiohttp.ClientSession(connector=connector) as session:
            url = f"{origin}/api/socket.io/?EIO=4&transport=websocket"
            async with session.ws_connect(url, headers={"Origin": origin}) as socket:
                assert (await socket.receive_str()).startswith("0{")
                await socket.send_str("40/gui-socket," + json.dumps(api.socket_auth()))
                assert (await socket.receive_str()).startswith("40/gui-socket,{")


async def test_a_name_that_is_not_published_is_not_served_and_one_that_was_ends_with_its_tunnel(tunnels: Tunnels):
    door = json.loads((tunnels.home.data / "run" / "tunnel.json").read_text())
    headers = {"Host": door["host"], "X-Forwarded-Host": "evil.example", "CF-Connecting-IP": "203.0.113.9"}
    async with aiohttp.ClientSession() as session:

        async def status(**change: str) -> int:
            async with session.get(f"{door['service']}/healthz", headers={**headers, **change}) as answer:
                return answer.status

        assert await status() == 421
        await tunnels.change(EndpointKind.QUICK)
        origin = (await tunnels.becomes(EndpointState.READY)).origin
        assert origin is not None
        host = origin.removeprefix("https://")
        assert await status(**{"X-Forwarded-Host": host}) == 200
        assert await status(**{"X-Forwarded-Host": host, "Host": "t-wrong.flowork.internal"}) == 421
        assert await status() == 421
        await tunnels.change(EndpointKind.NONE)
        await tunnels.becomes(EndpointState.OFF)
        assert await status(**{"X-Forwarded-Host": host}) == 421
    await until(gone(tunnels.starts()[0]["pid"]))


async def test_a_named_tunnel_gets_its_token_by_the_environment_and_by_nothing_else(tunnels: Tunnels, unused_tcp_port: int):
    (tunnels.folder / "port").write_text(str(unused_tcp_port))
    origin = f"https://localhost:{unused_tcp_port}"
    await tunnels.change(EndpointKind.NAMED, origin=origin, token="eyJhIjoi-not-a-real-token")
    view = await tunnels.becomes(EndpointState.READY)
    assert (view.origin, view.connections) == (origin, 4)
    (start,) = tunnels.starts()
    assert start["token"] == "eyJhIjoi-not-a-real-token"
    assert "not-a-real-token" not in " ".join(start["argv"])
    home = tunnels.home
    assert home.gateway is not None
    assert "not-a-real-token" not in home.gateway.log.read_text()
    assert "not-a-real-token" not in (home.data / "config.toml").read_text()


async def test_what_was_chosen_holds_at_the_next_start(tunnels: Tunnels):
    await tunnels.change(EndpointKind.QUICK)
    await tunnels.becomes(EndpointState.READY)
    assert 'kind = "quick"' in (tunnels.home.data / "config.toml").read_text()


async def test_a_wrong_token_is_not_tried_again_and_says_what_to_do(tunnels: Tunnels):
    tunnels.mode("wrong_token")
    await tunnels.change(EndpointKind.NAMED, origin="https://localhost:1", token="x")
    view = await tunnels.becomes(EndpointState.FAILED)
    assert "--token" in view.reason
    assert len(tunnels.starts()) == 1
    tunnels.mode("unready")
    async with open_admin(tunnels.home.data) as admin:
        await admin.restart_endpoint()

    async def again() -> bool:
        return len(tunnels.starts()) == 2

    await until(again, "a second start")


async def test_without_a_token_or_a_program_it_fails_with_the_way_out(tunnels: Tunnels):
    await tunnels.change(EndpointKind.NAMED, origin="https://localhost:1")
    assert "no token" in (await tunnels.becomes(EndpointState.FAILED)).reason
    tunnels.program.unlink()
    await tunnels.change(EndpointKind.QUICK)
    assert "not installed" in (await tunnels.becomes(EndpointState.FAILED)).reason
    assert tunnels.starts() == []


async def test_a_client_that_dies_is_started_again(tunnels: Tunnels, unused_tcp_port: int):
    (tunnels.folder / "port").write_text(str(unused_tcp_port))
    await tunnels.change(EndpointKind.NAMED, origin=f"https://localhost:{unused_tcp_port}", token="x")
    await tunnels.becomes(EndpointState.READY)
    os.kill(tunnels.starts()[0]["pid"], signal.SIGKILL)

    async def again() -> bool:
        return len(tunnels.starts()) == 2

    await until(again, "a second start")
    assert (await tunnels.becomes(EndpointState.READY)).restarts == 1


async def test_a_client_that_says_error_a_lot_is_not_taken_for_a_broken_one(tunnels: Tunnels):
    tunnels.mode("noisy")
    await tunnels.change(EndpointKind.QUICK)
    await tunnels.becomes(EndpointState.READY)
    assert len(tunnels.starts()) == 1


async def test_a_name_behind_which_somebody_else_answers_is_no_endpoint(tunnels: Tunnels):
    tunnels.mode("elsewhere")
    await tunnels.change(EndpointKind.QUICK)
    view = await tunnels.becomes(EndpointState.UNREACHABLE)
    assert "not reached" in view.reason
    async with open_admin(tunnels.home.data) as admin:
        assert (await admin.status()).endpoint.state is EndpointState.UNREACHABLE


async def test_nothing_is_left_when_flowork_is_killed(tunnels: Tunnels):
    tunnels.mode("deaf")
    await tunnels.change(EndpointKind.QUICK)
    await tunnels.becomes(EndpointState.READY)
    (start,) = tunnels.starts()
    assert tunnels.home.gateway is not None
    tunnels.home.gateway.kill()
    await tunnels.home.gateway.ended()
    await until(gone(start["pid"]), "the tunnel client to be gone")


async def test_a_client_that_does_not_go_is_killed(tunnels: Tunnels):
    tunnels.mode("deaf")
    await tunnels.change(EndpointKind.QUICK)
    await tunnels.becomes(EndpointState.READY)
    await tunnels.change(EndpointKind.NONE)
    await until(gone(tunnels.starts()[0]["pid"]), "the tunnel client to be gone")


async def test_an_address_of_the_owners_own_is_looked_at_from_outside(tunnels: Tunnels):
    """Through a proxy that rewrites headers, as a person's nginx does: here the stand-in, run by hand."""
    door = json.loads((tunnels.home.data / "run" / "tunnel.json").read_text())
    (tunnels.folder / "empty").write_text("")
    proxy = await asyncio.create_subprocess_exec(
        *(str(tunnels.program), "tunnel", "--config", str(tunnels.folder / "empty"), "--metrics", "127.0.0.1:0"),
        *("--url", door["service"], "--http-host-header", door["host"]),
        env={**os.environ, "STANDIN": str(tunnels.folder)},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert proxy.stderr is not None
        origin = ""
        while "https://" not in origin:
            origin = (await asyncio.wait_for(proxy.stderr.readline(), 20)).decode()
        origin = "https://" + origin.split("https://")[1].split()[0]
        await tunnels.change(EndpointKind.URL, origin=origin)
        view = await tunnels.becomes(EndpointState.READY)
        assert (view.origin, view.service, view.secret_host) == (origin, door["service"], door["host"])
    finally:
        proxy.terminate()
        await proxy.wait()
    async with open_admin(tunnels.home.data) as admin:
        await admin.look_at_endpoint()
    await tunnels.becomes(EndpointState.UNREACHABLE)


async def test_a_change_that_makes_no_sense_is_refused_and_changes_nothing(tunnels: Tunnels):
    with pytest.raises(ValueError, match="https address"):
        EndpointChange(kind=EndpointKind.NAMED)
    with pytest.raises(ValueError, match="belongs to a named tunnel"):
        EndpointChange(kind=EndpointKind.QUICK, token="x")
    for origin in ("http://a.example", "https://a.example/", "https://A.example", "https://a.example/x", "https://*.example"):
        with pytest.raises(ValueError, match="origin"):
            EndpointChange(kind=EndpointKind.URL, origin=origin)
    assert (await tunnels.view()).state is EndpointState.OFF


async def test_no_link_leads_where_nobody_was_reached(tunnels: Tunnels):
    tunnels.mode("elsewhere")
    await tunnels.change(EndpointKind.QUICK)
    await tunnels.becomes(EndpointState.UNREACHABLE)
    async with open_admin(tunnels.home.data) as admin:
        assert read_link((await admin.offer(OfferMake())).link).gateway == tunnels.home.address


async def test_quick_tunnels_are_not_made_more_often_when_somebody_restarts_them(tunnels: Tunnels):
    await tunnels.change(EndpointKind.QUICK)
    await tunnels.becomes(EndpointState.READY)
    async with open_admin(tunnels.home.data) as admin:
        await admin.restart_endpoint()
    view = await tunnels.becomes(EndpointState.DOWN)
    assert view.next_try_s is not None
    assert view.next_try_s > 15
    await tunnels.change(EndpointKind.NONE)
    await tunnels.becomes(EndpointState.OFF)
    await tunnels.change(EndpointKind.QUICK)
    await tunnels.becomes(EndpointState.DOWN)
    assert len(tunnels.starts()) == 1


async def test_a_live_socket_ends_with_the_name_it_came_by(tunnels: Tunnels):
    await tunnels.change(EndpointKind.QUICK)
    origin = (await tunnels.becomes(EndpointState.READY)).origin
    assert origin is not None
    door = json.loads((tunnels.home.data / "run" / "tunnel.json").read_text())
    headers = {"Host": door["host"], "X-Forwarded-Host": origin.removeprefix("https://"), "CF-Connecting-IP": "203.0.113.9"}
    async with aiohttp.ClientSession() as session:  # past the tunnel client, which would close it by ending
        url = f"{door['service']}/api/socket.io/?EIO=4&transport=websocket"
        async with session.ws_connect(url, headers={**headers, "Origin": origin}) as socket:
            assert (await socket.receive_str()).startswith("0{")
            await tunnels.change(EndpointKind.NONE)
            async with asyncio.timeout(10):
                while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                    pass


async def test_a_client_left_behind_by_an_earlier_run_is_ended_and_a_stranger_is_not(tunnels: Tunnels):
    run = tunnels.home.data / "run"
    sleepers = [await asyncio.create_subprocess_exec("sleep", "300", f"0.{nonce}") for nonce in ("1111", "2222")]
    try:
        ours, stranger = sleepers
        process = psutil.Process(ours.pid)
        record = {"pid": ours.pid, "started": process.create_time(), "exe": process.exe(), "nonce": "1111"}
        for change, survives in (({"nonce": "3333"}, True), ({"started": 1.0}, True), ({"pid": stranger.pid}, True), ({}, False)):
            (run / "tunnel-child.json").write_text(json.dumps({**record, **change}))
            await asyncio.to_thread(reap_orphan, run)
            if survives:
                assert ours.returncode is None
                assert alive(ours.pid)
        await until(gone(ours.pid), "the orphan to be gone")
        assert alive(stranger.pid)
    finally:
        for sleeper in sleepers:
            if sleeper.returncode is None:
                sleeper.kill()
            await sleeper.wait()
