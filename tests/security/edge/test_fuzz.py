"""Seeded noise on real sockets (security reference §8.2): no 5xx, no traceback, no growth, and good clients are served."""

import asyncio
import contextlib
import json
import random
import string
from collections import Counter
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from tests.support.house import House, signed_in
from tests.support.knock import Place, at, connected, knock, rss_bytes

from .test_sockets import frame, opened, ws_address

pytestmark = pytest.mark.asyncio(loop_scope="module")
MIB = 2**20
REQUESTS = 10_000
PACKETS = 10_000
AT_ONCE = 32
GROWTH_MAX = 25 * MIB
"""Engine.IO keeps 6 KB of each ended socket for its ping interval of 25 s; after that nothing is left (measured over minutes)."""

METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE", "CONNECT", "get", "G\0T", "", "POST POST", "é"]
PATHS = [
    *("/healthz", "/api/v1/jobs", "/api/v1/jobs:batch", "/api/v1/events?after=%00&wait_ms=-1", "/internal/v1/claim", "/admin/v1/users"),
    *("/api/v1/auth/challenge", "/api/socket.io/?EIO=4&transport=websocket", "/api/socket.io/", "/openapi.json", "*", "//", "/.."),
    *("/%00", "/%ff%fe", "http://x/", "/a b", "", "/" + "a" * 3000, "/api/v1/jobs/%0d%0a", "/api/v1/jobs?cursor=%f0%28&limit=1e9", "/\x01"),
    "/%2e%2e/",
]
NAMES = [
    *("Host", "Origin", "Authorization", "Content-Length", "Transfer-Encoding", "Content-Type", "Connection", "Upgrade", "Expect"),
    *("X-Forwarded-For", "Idempotency-Key", "X-Engine-Id", "X-Engine-Token", "traceparent", "Sec-WebSocket-Key", "Sec-WebSocket-Version"),
    *("Sec-Fetch-Mode", "Access-Control-Request-Method", "Content-Encoding", "Accept", "Cookie", "DPoP", "X Y", "", "é", "\0"),
]
VALUES = [
    *("localhost", "127.0.0.1", "evil", "close", "keep-alive, Upgrade", "websocket", "chunked", "gzip", "application/json", "100-continue"),
    *("0", "1", "-1", "10", "999999999999", "1e3", "", " ", "\t", "é", "a\x01b", "Bearer a.b.c", "13", "dGhlIHNhbXBsZSBub25jZQ==", "null"),
    *("navigate", "POST", "x" * 500, "x" * 9000, "text/plain", "00-" + "0" * 32 + "-" + "0" * 16 + "-00"),
]
BODIES = [
    *(b"", b"{}", b"[]", b"{", b"\xff\xfe", b"5\r\nabcde\r\n0\r\n\r\n", b"zz\r\n", b"[" * 5000, b'{"a":NaN}', b"0\r\nX: y\r\n\r\n"),
    b"\0" * 300,
]


PLAUSIBLE = [
    *("Origin: null", "Authorization: Bearer a.b.c", "Idempotency-Key: k", "X-Engine-Token: fwe1_x", "Expect: 100-continue", "Cookie: a=b"),
    *("Sec-Fetch-Mode: navigate", "Access-Control-Request-Method: POST", "Content-Encoding: gzip", "traceparent: x", "Connection: close"),
    *("Content-Type: application/json", "Content-Type: text/plain", "X-Forwarded-For: 1.2.3.4", "Upgrade: websocket", "Accept: */*"),
]


def odd_request(chance: random.Random, place: Place) -> bytes:
    """Well-formed, and still not what anybody would send."""
    body = chance.choice(BODIES)
    lines = [f"{chance.choice(METHODS[:7])} {chance.choice([path for path in PATHS if path.startswith('/')])} HTTP/1.1"]
    lines += [f"Host: {place.host}:{place.port}", *chance.sample(PLAUSIBLE, chance.randint(0, 4))]
    lines += [f"Content-Length: {chance.choice([len(body), len(body), len(body) + 5])}"] if body else []
    return "\r\n".join([*lines, "", ""]).encode() + body


def hostile_request(chance: random.Random, place: Place) -> bytes:
    """Something between a request and noise."""
    if chance.random() < 0.05:
        return chance.randbytes(chance.randint(1, 400))
    if chance.random() < 0.5:
        return odd_request(chance, place)
    lines = [f"{chance.choice(METHODS)} {chance.choice(PATHS)} {chance.choice(['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2', 'X', ''])}"]
    if chance.random() < 0.9:
        lines.append(f"Host: {place.host}:{place.port}")
    count = chance.choice([0, 1, 2, 3, 5, 8, 120])
    lines += [f"{chance.choice(NAMES)}{chance.choice([': ', ': ', ':', ' : ', ''])}{chance.choice(VALUES)}" for _ in range(count)]
    data = chance.choice(["\r\n"] * 9 + ["\n"]).join([*lines, "", ""]).encode("latin-1") + chance.choice(BODIES)
    if chance.random() < 0.2:
        at_byte = chance.randrange(len(data))
        data = data[:at_byte] + chance.randbytes(chance.randint(0, 3)) + data[at_byte + chance.randint(0, 3) :]
    if chance.random() < 0.1:
        data = data[: chance.randrange(1, len(data) + 1)]
    return data


def hostile_packet(chance: random.Random) -> bytes:
    """A frame whose text is somewhere near a Socket.IO packet."""
    start = chance.choice(["4", "4", "4", "2", "3", "1", "0", "5", "6", "b", "", chance.choice(string.printable)])
    kind = chance.choice([*"0123456789", ""])
    space = chance.choice(["/gui-socket,", "/gui-socket", "/", "", "/admin,", "/gui-socket?a=b,", "/" + "x" * 200 + ",", "51-/gui-socket,"])
    number = chance.choice(["", "", "1", "99999999999999999999", "²", "-1", "9" * 120])
    word = chance.choice(["auth.refresh", "connect", "disconnect", "*", "job.updated", "", "\\ud800", "a" * 2000])
    rest = chance.choice(
        [
            f'["{word}",{{}}]',
            f'["{word}"]',
            f'["{word}",{{"_placeholder":true,"num":0}}]',
            '{"token":"x"}',
            "{}",
            "[]",
            "",
            "[",
            "NaN",
            "[" * 3000,
            '{"a":' * 40,
            '"' + "\\u0000" * 20 + '"',
        ]
    )
    text = (start + kind + space + number + rest).encode()
    if chance.random() < 0.3:
        text = text[: chance.randrange(len(text) + 1)] + chance.randbytes(chance.randint(0, 3))
    opcode = chance.choice([1] * 12 + [2, 9, 10, 0, 3, 8])
    return frame(text[:125] if opcode > 7 else text, opcode, reserved=chance.choice([0] * 20 + [0x40]))


async def at_once(count: int, act: Callable[[int], Awaitable[None]]) -> None:
    """Run `act` for 0 to count - 1, some at a time."""
    numbers = iter(range(count))

    async def some() -> None:
        for number in numbers:
            await act(number)

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))


def assert_quiet(program: House) -> None:
    log = program.gateway.log.read_text()
    assert "Traceback" not in log
    assert "Exception" not in log
    told = [json.loads(line) for line in log.splitlines()]
    events = Counter(line["event"] for line in told if line["level"] != "debug")  # which nobody writes who did not ask for it
    assert all(count < 20 for count in events.values()), events


async def test_ten_thousand_hostile_requests(program: House):
    place, pid = at(program.address), program.gateway.process.pid
    statuses: Counter[int] = Counter()

    async def attack(number: int) -> None:
        data = hostile_request(random.Random(number), place)
        async with connected(place) as (reader, writer):
            writer.write(data)
            with contextlib.suppress(OSError, TimeoutError):
                writer.write_eof()
                async with asyncio.timeout(0.3):  # what waits for more of a body never answers
                    heard = await reader.read(65_536)
                    if heard.startswith(b"HTTP/1.1 "):
                        statuses[int(heard[9:12])] += 1
        assert not [status for status in statuses if status >= 500 and status != 501], (statuses, data)

    await at_once(1000, attack)
    before = rss_bytes(pid)
    await at_once(REQUESTS - 1000, lambda number: attack(number + 1000))
    print(f"\nanswers: {dict(sorted(statuses.items()))}; grown by {(rss_bytes(pid) - before) / MIB:.1f} MiB")
    assert len(statuses) > 8  # the noise reaches many rooms
    assert rss_bytes(pid) - before < GROWTH_MAX
    assert_quiet(program)
    assert (await knock(place)).status == 200


async def test_ten_thousand_hostile_packets(program: House):
    place, pid = at(program.address), program.gateway.process.pid

    async def attack(number: int) -> None:
        chance = random.Random(number)
        reader, writer = await opened(place)
        with contextlib.suppress(ConnectionError):
            for _ in range(4):  # most sockets do not live to see the second
                writer.write(hostile_packet(chance))
            writer.write(frame(b"\x03\xe8", 8))
            await writer.drain()
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionError):
                while await reader.read(65_536):
                    pass
        writer.close()

    sockets = PACKETS // 4
    await at_once(250, attack)
    before = rss_bytes(pid)
    await at_once(sockets - 250, lambda number: attack(number + 250))
    print(f"\ngrown by {(rss_bytes(pid) - before) / MIB:.1f} MiB")
    assert rss_bytes(pid) - before < GROWTH_MAX
    assert_quiet(program)
    async with signed_in(program, program.engine_name) as user:
        await user.reaches(await user.submit(), "succeeded")


async def test_a_thousand_hostile_packets_of_one_who_is_signed_in(program: House):
    async with signed_in(program, program.engine_name) as user, aiohttp.ClientSession() as session:
        for number in range(250):
            chance = random.Random(number)
            async with session.ws_connect(ws_address(program.address)) as ws:
                await ws.send_str(f"40/gui-socket,{json.dumps(user.api.socket_auth())}")
                while "sid" not in (await ws.receive_str()) or not ws:
                    pass
                with contextlib.suppress(ConnectionError, aiohttp.ClientError):
                    await ws.send_str(hostile_packet(chance)[8:].decode("utf-8", "replace"))
        await user.reaches(await user.submit(), "succeeded")
    assert_quiet(program)
