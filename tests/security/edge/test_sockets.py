"""Group I of the security reference §8.1: the users' sockets."""

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import AsyncIterator

import aiohttp
import pytest

from app.client.api import open_api
from contract.events import SOCKET_NAMESPACE, SOCKET_PATH, Event
from contract.words import EventName
from tests.support.house import House, until
from tests.support.knock import SOCKET, UPGRADE, Place, at, connected, ended, hear, knock, request, rss_bytes

from .conftest import OTHER, Site, site_on

pytestmark = pytest.mark.asyncio(loop_scope="module")
MIB = 2**20
NS = SOCKET_NAMESPACE


def ws_address(address: str) -> str:
    return address.replace("http", "ws", 1) + SOCKET


class Talker:
    """A client that says what it likes."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws

    async def says(self, packet: str) -> None:
        with contextlib.suppress(ConnectionError, aiohttp.ClientError):
            await self.ws.send_str(packet)

    async def hears(self, start: str = "") -> str:
        async with asyncio.timeout(10):
            while True:
                message = await self.ws.receive()
                assert message.type is aiohttp.WSMsgType.TEXT, message
                if message.data.startswith(start):
                    return message.data

    async def ended(self, seconds: float = 10) -> int | None:
        """Wait for the end; the close code."""
        async with asyncio.timeout(seconds):
            while not self.ws.closed:
                await self.ws.receive()
        return self.ws.close_code


@contextlib.asynccontextmanager
async def talking(address: str, auth: dict[str, str] | None = None) -> AsyncIterator[Talker]:
    async with aiohttp.ClientSession() as session, session.ws_connect(ws_address(address), max_msg_size=0) as ws:
        talker = Talker(ws)
        await talker.hears("0")
        if auth is not None:
            await talker.says(f"40{NS},{json.dumps(auth)}")
            await talker.hears(f"40{NS},")
        yield talker


@contextlib.asynccontextmanager
async def nobody_else_minds(site: Site) -> AsyncIterator[None]:
    """Another user's socket lives through it, and the attack opens nothing."""
    async with open_api(site.gateway.address, OTHER, site.gateway.gateway_key) as bob:
        await bob.sign_in()
        async with talking(site.gateway.address, bob.socket_auth()) as other:
            async with site.unchanged_soon():
                yield
            await other.says(f'42{NS},1["auth.refresh",{json.dumps(bob.socket_auth())}]')
            assert await other.hears(f"43{NS},1") == f'43{NS},1[{{"ok":true}}]'


FORGED = [
    f'42{NS},["connect",{{}}]',
    f'42{NS},["connect",{{"HTTP_X":"y"}},{{"token":"t"}}]',
    f'42{NS},["disconnect","x"]',
    f'42{NS},["disconnect",{{}}]',
    f'42{NS},["connect_error",{{}}]',
    f'42{NS},["*",{{}}]',
    f'42{NS},["__disconnect_final",{{}}]',
    f'42{NS},["job.updated",{{}}]',
    f'42{NS},["auth.refresh"]',
    f'42{NS},["auth.refresh",{{}},{{}}]',
    f'42{NS},["auth.refresh",[]]',
    f'42{NS},["auth.refresh","token"]',
    f'42{NS},[["auth.refresh"],{{}}]',
    f"42{NS},[]",
    f"42{NS},{{}}",
    f"42{NS},",
    '42["auth.refresh",{}]',
    '42/admin,["auth.refresh",{}]',
    f"40{NS},{{}}",
    f'42{NS},["auth.refresh",{{"a":NaN}}]',
    f'42{NS},["auth.refresh",{{"a":' + "[" * 20 + "]" * 20 + "}]",
]


@pytest.mark.parametrize("packet", FORGED)
async def test_I01_a_forged_event_ends_the_socket_and_runs_no_handler(site: Site, monkeypatch, packet: str):
    called: list[str] = []
    async with nobody_else_minds(site), talking(site.gateway.address, site.api.socket_auth()) as attacker:
        for name in ("connect", "disconnect", "auth.refresh"):
            handlers = site.gateway._parts.sockets.server.handlers[NS]

            async def told(*arguments: object, original=handlers[name], name=name) -> object:
                called.append(name)
                return await original(*arguments)

            monkeypatch.setitem(handlers, name, told)
        await attacker.says(packet)
        await attacker.ended(2)
        monkeypatch.undo()
    assert called in ([], ["disconnect"])  # the end of the socket itself


async def test_I02_who_never_says_connect_is_shown_out(tmp_path):
    async with site_on(tmp_path, header_deadline_s=0.3) as site:
        async with talking(site.gateway.address) as silent:
            await silent.ended(3)
        async with talking(site.gateway.address) as pinging:
            await pinging.says("3")
            await pinging.ended(3)
        await until(lambda: _visitors(site, 0))


async def test_I02_a_refused_connect_is_closed_within_a_second(site: Site):
    async with nobody_else_minds(site):
        for connect in (f"40{NS},", f'40{NS},{{"token":"nonsense"}}', f'40{NS},{{"token":[1]}}', "40", "40/other,{}", "40/gui-socket/x,"):
            async with talking(site.gateway.address) as refused:
                await refused.says(connect)
                await refused.hears("44")
                await refused.ended(1)


async def test_I02_who_does_not_answer_the_goodbye_is_cut_off(site: Site):
    async with connected(site.loopback) as (reader, writer):
        writer.write(request("GET", SOCKET, [*site.loopback.usual, *UPGRADE]))
        assert (await hear(reader)).status == 101
        writer.write(frame(b"40"))
        async with asyncio.timeout(3):
            await ended(reader)  # it never sends a close frame, nor closes


def frame(payload: bytes, opcode: int = 1, *, reserved: int = 0, fin: int = 0x80) -> bytes:
    """A client's frame (RFC 6455 §5.2), masked with zeros."""
    length = len(payload)
    if length < 126:
        size = bytes([0x80 | length])
    elif length < 2**16:
        size = bytes([0x80 | 126]) + length.to_bytes(2, "big")
    else:
        size = bytes([0x80 | 127]) + length.to_bytes(8, "big")
    return bytes([fin | reserved | opcode]) + size + b"\0\0\0\0" + payload


async def opened(place: Place) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await place.connect()
    writer.write(request("GET", SOCKET, [*place.usual, *UPGRADE]))
    assert (await hear(reader)).status == 101
    return reader, writer


BINARY = {
    "attachments without end": [frame(b"45999999999-" + NS.encode() + b',["x",{"_placeholder":true,"num":0}]'), frame(b"x" * 60_000, 2)],
    "a binary acknowledgement": [frame(b"461-" + NS.encode() + b',1[{"_placeholder":true,"num":0}]')],
    "a binary frame": [frame(b"\x04" + b"x" * 60_000, 2)],
    "an empty binary frame": [frame(b"", 2)],
    "base64 binary": [frame(b"bAAAA")],
}


@pytest.mark.parametrize("name", BINARY)
async def test_I03_binary_is_refused_and_nothing_grows(program: House, name: str):
    place, pid = at(program.address), program.gateway.process.pid
    for writer in [(await opened(place))[1] for _ in range(3)]:
        writer.close()
    before = rss_bytes(pid)

    async def attack() -> None:
        reader, writer = await opened(place)
        with contextlib.suppress(ConnectionError):
            for part in [*BINARY[name], *[frame(b"x" * 60_000, 2)] * 20]:
                writer.write(part)
            await writer.drain()
        await ended(reader)
        writer.close()

    await asyncio.gather(*(attack() for _ in range(30)))
    assert "Traceback" not in program.gateway.log.read_text()
    assert rss_bytes(pid) - before < 15 * MIB
    assert (await knock(place)).status == 200


async def close_code(reader: asyncio.StreamReader) -> int | None:
    """The code of the close frame among what still comes."""
    rest = await ended(reader)
    at_close = rest.rfind(b"\x88")
    return int.from_bytes(rest[at_close + 2 : at_close + 4], "big") if at_close >= 0 else None


async def test_I04_a_frame_of_2_MB_is_too_big(site: Site):
    async with nobody_else_minds(site):
        reader, writer = await opened(site.loopback)
        writer.write(frame(b"4" + b"x" * 2 * MIB)[:100])  # the length is announced first
        assert await close_code(reader) == 1009
        writer.close()
        reader, writer = await opened(site.loopback)
        for part in [frame(b"x" * 40_000, 1, fin=0), frame(b"x" * 40_000, 0, fin=0)]:
            writer.write(part)
        assert await close_code(reader) == 1009
        writer.close()


async def test_I04_compressed_frames_are_not_taken(site: Site):
    async with nobody_else_minds(site):
        async with connected(site.loopback) as (reader, writer):
            offer = ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")
            writer.write(request("GET", SOCKET, [*site.loopback.usual, *UPGRADE, offer]))
            heard = await hear(reader)
            assert (heard.status, heard.header("sec-websocket-extensions")) == (101, None)
            writer.write(frame(os.urandom(1000), reserved=0x40))
            assert await close_code(reader) == 1002


async def test_I04_a_flood_of_frames_ends_the_socket(site: Site):
    async with nobody_else_minds(site):
        for flood in (frame(b"3"), frame(b"ping", 9), frame(f'42{NS},["auth.refresh",{{}}]'.encode())):
            reader, writer = await opened(site.loopback)
            writer.write(frame(f"40{NS},{json.dumps(site.api.socket_auth())}".encode()))
            await reader.readuntil(b'"sid"')
            with contextlib.suppress(ConnectionError):
                for _ in range(100):
                    writer.write(flood * 100)
                    await writer.drain()
            await ended(reader)
            writer.close()


async def test_I04_a_client_that_pings_and_does_not_read_is_not_kept(site: Site):
    async with nobody_else_minds(site):
        reader, writer = await opened(site.loopback)
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                writer.write(frame(b"x" * 125, 9) * 100)
                await writer.drain()
        await ended(reader)
        writer.close()


async def test_I06_other_transports_and_versions_are_refused(site: Site):
    async with site.unchanged():
        for method, path in (
            ("GET", f"{SOCKET_PATH}/?EIO=4&transport=polling"),
            ("POST", f"{SOCKET_PATH}/?EIO=4&transport=polling"),
            ("GET", f"{SOCKET_PATH}/?EIO=4&transport=polling&j=0"),
            ("GET", f"{SOCKET_PATH}/?EIO=3&transport=websocket"),
            ("GET", f"{SOCKET_PATH}/"),
            ("GET", SOCKET),
        ):
            heard = await knock(site.loopback, method, path)
            assert (heard.status, heard.code) == (400, "socket.transport_refused"), path
        for query in (
            *("EIO=3&transport=websocket", "transport=websocket", "EIO=4", "EIO=4&transport=polling", "EIO=4&transport=websocket&sid=x"),
            *("EIO=4&transport=websocket&j=1", "EIO=4&EIO=3&transport=websocket", "EIO=4&transport=websocket&b64=1"),
        ):
            heard = await knock(site.loopback, path=f"{SOCKET_PATH}/?{query}", headers=[*site.loopback.usual, *UPGRADE])
            assert (heard.status, heard.code) == (400, "socket.transport_refused"), query
        heard = await knock(site.loopback, path=f"{SOCKET_PATH}/x/?EIO=4&transport=websocket", headers=[*site.loopback.usual, *UPGRADE])
        assert (heard.status, heard.code) == (404, "request.route_unknown")


async def test_I06_an_unknown_namespace_is_refused(site: Site):
    async with nobody_else_minds(site), talking(site.gateway.address) as lost:
        await lost.says('40/admin,{"token":"x"}')
        assert (await lost.hears("44")).startswith("44/admin,")
        await lost.ended(1)


async def test_I08_the_ninth_socket_of_a_user_is_refused(site: Site):
    async with nobody_else_minds(site), contextlib.AsyncExitStack() as stack:
        for _ in range(8):
            await stack.enter_async_context(talking(site.gateway.address, site.api.socket_auth()))

        async def one_more() -> None:
            async with talking(site.gateway.address) as late:
                await late.says(f"40{NS},{json.dumps(site.api.socket_auth())}")
                assert "rate.sockets" in await late.hears("44")
                await late.ended(2)

        await asyncio.gather(*(one_more() for _ in range(92)))


async def test_I08_a_65th_socket_of_one_address_is_refused(site: Site):
    place = site.tunnel
    headers = [*place.usually(origin="https://gui.example", cf_connecting_ip="198.51.100.9"), *UPGRADE]
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(64):
            reader, writer = await stack.enter_async_context(connected(place))
            writer.write(request("GET", SOCKET, headers))
            assert (await hear(reader)).status == 101
        heard = await knock(place, path=SOCKET, headers=headers)
        assert (heard.status, heard.code) == (429, "rate.sockets")
        assert heard.header("retry-after")
        other = [*place.usually(origin="https://gui.example", cf_connecting_ip="198.51.100.10"), *UPGRADE]
        assert (await knock(place, path=SOCKET, headers=other)).status == 101
    await until(lambda: _visitors(site, 0))


async def test_I09_a_storm_of_broken_packets_writes_one_line(site: Site, caplog):
    with caplog.at_level(logging.DEBUG, "flowork.sockets"), caplog.at_level(logging.INFO):
        site.gateway._parts.sockets._lines = type(site.gateway._parts.sockets._lines)()
        async with nobody_else_minds(site):
            for packet in ["4", "49", "451-[", "42/gui-socket,[", "x", "", "4" + "9" * 60_000, "40[", "\0", "2probe", "5"] * 5:
                async with talking(site.gateway.address) as storm:
                    await storm.says(packet)
                    await storm.ended(2)
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [line.getMessage() for line in lines] == ["socket.packet_refused"]


async def test_dropping_where_ends_the_sockets_meant_and_no_others(site: Site):
    sockets = site.gateway._parts.sockets
    me = (await site.api.sign_in()).user
    async with nobody_else_minds(site), talking(site.gateway.address, site.api.socket_auth()) as one, opened_raw(site) as reader:
        sockets.close_where(lambda who: who.user == "nobody")
        sockets.close_where(lambda who: who.user == me)
        assert await one.hears("41") == f"41{NS},"
        await one.ended(2)
        async with asyncio.timeout(2):
            await ended(reader)  # this one answers nothing
        assert me not in sockets._by_user


async def test_a_client_that_reads_nothing_is_dropped_like_any_other(site: Site):
    sockets = site.gateway._parts.sockets
    me = (await site.api.sign_in()).user
    async with nobody_else_minds(site), opened_raw(site):
        (visitor,) = sockets._by_user[me]
        event = Event(source="x", seq=1, name=EventName.JOB_LOG, at="2026-01-01T00:00:00Z", data={"x": "y" * 500_000})
        for _ in range(60):  # more than all buffers between us take, fewer than a slow socket may leave unsent
            sockets.publish(me, event)
        queue = sockets.server.eio.sockets[visitor.eio_sid].queue

        async def stuck() -> bool:
            return sockets._outgoing.empty() and queue.qsize() > 0

        await until(stuck)
        sockets.close_where(lambda who: who.user == me)

        async def gone() -> bool:
            return visitor not in sockets._visitors

        await until(gone, patience_s=2)


@contextlib.asynccontextmanager
async def opened_raw(site: Site) -> AsyncIterator[asyncio.StreamReader]:
    reader, writer = await opened(site.loopback)
    writer.write(frame(f"40{NS},{json.dumps(site.api.socket_auth())}".encode()))
    await reader.readuntil(b'"sid"')
    await reader.readuntil(b'"sid"')
    try:
        yield reader
    finally:
        writer.close()


async def _visitors(site: Site, count: int) -> bool:
    return len(site.gateway._parts.sockets._visitors) == count
