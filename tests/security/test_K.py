"""Attacks by what a job has the engine call (security reference §5.8, §8.1): nothing but what the owner listed is ever reached."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from engine.rules.addresses import Ground, parsed
from engine.rules.failures import JobFailed
from engine.rules.web import hosts
from engine.tools.safe_http import Answer, Asked, SafeHttp, ground_of, own_addresses

ASKED: dict[str, Any] = {"method": "GET", "headers": {}}


class Trap:
    """A server of this machine on every address it has; remembers what reached it."""

    def __init__(self) -> None:
        self.port = 0
        self.asked: list[web.Request] = []
        self.answer: Callable[[web.Request], Any] = lambda _: web.Response(text="private")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        made = self.answer(request)
        return await made if asyncio.iscoroutine(made) else made


@pytest.fixture
async def trap() -> AsyncIterator[Trap]:
    async with AsyncExitStack() as stack:
        yield await _trap(stack)


@pytest.fixture
async def other() -> AsyncIterator[Trap]:
    async with AsyncExitStack() as stack:
        yield await _trap(stack)


async def _trap(stack: AsyncExitStack) -> Trap:
    made = Trap()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "0.0.0.0", 0).start()
    made.port = int(runner.addresses[0][1])
    return made


async def nothing() -> Ground:
    return Ground()


async def own() -> Ground:
    return Ground(own_addresses())


async def get(client: SafeHttp, url: str, **more: Any) -> Answer:
    async with asyncio.timeout(20):
        return await client.send(Asked(**{**ASKED, "url": client.checked(url), **more}))


async def refused(client: SafeHttp, url: str, **more: Any) -> str:
    with pytest.raises(JobFailed) as failed:
        await get(client, url, **more)
    assert not failed.value.retryable
    return failed.value.code


def names(*answers: list[str]) -> Callable[[str, int], Any]:
    """A resolver that gives one answer after the other, the last for ever."""
    left = list(answers)

    async def resolve(_host: str, _port: int) -> list[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


SPELLINGS = [
    *(
        "127.0.0.1",
        "0",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
    ),
    *("017700000001", "127.1", "0177.0.0.1", "169.254.169.254", "[fd00:ec2::254]", "100.64.0.1", "localhost", "[::7f00:1]", "[fe80::1]"),
]


@pytest.mark.parametrize("host", SPELLINGS)
async def test_K01_no_spelling_of_a_private_address_is_called(trap: Trap, host: str):
    client = SafeHttp(hosts((f"{host}:{trap.port}",), ()), own)
    try:
        code = await refused(client, f"http://{host}:{trap.port}/")
    except OSError:
        code = "no such name here"  # this system's resolver does not know the spelling
    assert code in {"http.address_refused", "http.host_not_allowed", "job.payload_invalid", "no such name here"}
    assert trap.asked == []


@pytest.mark.parametrize("host", ["①②⑦.0.0.1", "127。0。0。1", "１２７.0.0.1"], ids=["circled", "full stops", "full width"])
async def test_K01_digits_of_other_scripts_are_judged_as_the_numbers_they_become(trap: Trap, host: str):
    listed = URL(f"http://{host}:{trap.port}/").host
    client = SafeHttp(hosts((f"{host}:{trap.port}", f"{listed}:{trap.port}"), ()), nothing)
    assert await refused(client, f"http://{host}:{trap.port}/") in {"http.address_refused", "http.host_not_allowed"}
    assert trap.asked == []


async def test_K01_this_machines_own_addresses_are_private(trap: Trap):
    own_v4 = [address for address in own_addresses() if address.version == 4 and not address.is_loopback]
    for address in own_v4:
        client = SafeHttp(hosts((f"{address}:{trap.port}",), ()), own)
        assert await refused(client, f"http://{address}:{trap.port}/") == "http.address_refused"
    assert trap.asked == []


async def test_K01_one_private_address_among_public_ones_refuses_the_name(trap: Trap):
    client = SafeHttp(hosts((f"mixed.test:{trap.port}",), ()), nothing, names(["8.8.8.8", "127.0.0.1"]))
    assert await refused(client, f"http://mixed.test:{trap.port}/") == "http.address_refused"
    assert trap.asked == []


async def test_K02_a_name_that_changes_after_it_was_judged_is_not_asked_again(trap: Trap, monkeypatch: pytest.MonkeyPatch):
    looked_up: list[str] = []
    client = SafeHttp(hosts((f"rebind.test:{trap.port}",), ()), nothing, names(["192.0.2.1", "127.0.0.1"], ["127.0.0.1"]))
    assert await refused(client, f"http://rebind.test:{trap.port}/") == "http.address_refused"

    async def never(*_: object, **__: object) -> list[object]:
        looked_up.append("asked")
        raise OSError

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    judged = SafeHttp(hosts((f"rebind.test:{trap.port}",), (f"rebind.test:{trap.port}",)), nothing, names(["127.0.0.1"], ["10.0.0.1"]))
    assert (await get(judged, f"http://rebind.test:{trap.port}/")).status == 200  # at the judged address, with nobody asked again
    assert looked_up == []
    assert trap.asked[0].headers["Host"] == f"rebind.test:{trap.port}"


async def test_K03_a_redirect_to_a_private_address_is_not_followed(trap: Trap, other: Trap):
    trap.answer = lambda _: web.Response(status=302, headers={"Location": f"http://127.0.0.1:{other.port}/"})
    start, private = f"start.test:{trap.port}", f"127.0.0.1:{other.port}"
    listed = SafeHttp(hosts((start, private), (start,)), nothing, names(["127.0.0.1"]))
    assert await refused(listed, f"http://{start}/") == "http.address_refused"
    unlisted = SafeHttp(hosts((start,), (start,)), nothing, names(["127.0.0.1"]))
    assert (await get(unlisted, f"http://{start}/")).status == 302
    assert other.asked == []


@pytest.mark.parametrize(
    "to", ["file:///etc/passwd", "gopher://127.0.0.1/", "//[::1", "http://user@{host}/", "ftp://{host}/", "javascript:1"]
)
async def test_K03_a_redirect_to_another_scheme_is_not_followed(trap: Trap, to: str):
    host = f"127.0.0.1:{trap.port}"
    trap.answer = lambda _: web.Response(status=302, headers={"Location": to.format(host=host)})
    assert (await get(SafeHttp(hosts((host,), (host,)), nothing), f"http://{host}/")).status == 302
    assert len(trap.asked) == 1


async def test_K03_the_fourth_redirect_is_not_followed(trap: Trap):
    host = f"127.0.0.1:{trap.port}"
    trap.answer = lambda _: web.Response(status=302, headers={"Location": "/again"})
    assert await refused(SafeHttp(hosts((host,), (host,)), nothing), f"http://{host}/") == "http.too_many_redirects"
    assert len(trap.asked) == 4


async def test_K03_credentials_do_not_go_along_to_another_origin(trap: Trap, other: Trap):
    trap.answer = lambda _: web.Response(status=307, headers={"Location": f"http://127.0.0.1:{other.port}/"})
    both = (f"127.0.0.1:{trap.port}", f"127.0.0.1:{other.port}")
    sent = {"Authorization": "Bearer s", "Cookie": "s", "X-Api-Key": "s", "Accept": "text/plain"}
    answer = await get(SafeHttp(hosts(both, both), nothing), f"http://{both[0]}/", headers=sent)
    assert answer.body == b"private"
    assert trap.asked[0].headers["Authorization"] == "Bearer s"
    assert not {"authorization", "cookie", "x-api-key"} & {name.lower() for name in other.asked[0].headers}
    assert other.asked[0].headers["Accept"] == "text/plain"


async def test_K04_an_endless_answer_a_bomb_and_a_flood_of_headers_end_at_their_limits(trap: Trap):
    host = f"127.0.0.1:{trap.port}"
    client = SafeHttp(hosts((host,), (host,)), nothing)

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65_536)
        except ConnectionError:
            return response

    trap.answer = endless
    answer = await get(client, f"http://{host}/", body_max=100_000)
    assert (len(answer.body), answer.truncated) == (100_000, True)
    trap.answer = lambda _: web.Response(body=gzip.compress(b"\0" * 50_000_000), headers={"Content-Encoding": "gzip"})
    assert await refused(client, f"http://{host}/") == "http.body_refused"
    trap.answer = lambda _: web.Response(headers={f"X-{number}": "x" * 4000 for number in range(200)} | {"X-Long": "x" * 100_000})
    with pytest.raises(aiohttp.ClientResponseError):
        await get(client, f"http://{host}/")


async def test_K04_a_slow_drip_ends_with_the_time(trap: Trap):
    host, over = f"127.0.0.1:{trap.port}", asyncio.Event()

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        await over.wait()
        return response

    trap.answer = drip
    with pytest.raises(TimeoutError):
        await get(SafeHttp(hosts((host,), (host,)), nothing), f"http://{host}/", timeout_s=0.2)
    over.set()


async def test_K05_what_is_listed_as_private_opens_that_port_only_and_never_the_gateways(trap: Trap, other: Trap):
    model = f"127.0.0.1:{trap.port}"
    client = SafeHttp(hosts((model, f"127.0.0.1:{other.port}"), (model,)), nothing)
    assert (await get(client, f"http://{model}/")).body == b"private"  # a model server of this machine, listed as such
    assert await refused(client, f"http://127.0.0.1:{other.port}/") == "http.address_refused"
    gateway = SafeHttp(hosts((model,), (model,)), ground_of(f"http://127.0.0.1:{trap.port}", (), own_addresses))
    assert await refused(gateway, f"http://{model}/") == "http.address_refused"
    closed = SafeHttp(hosts((model,), (model,)), ground_of("http://127.0.0.1:9", (trap.port,), own_addresses))
    assert await refused(closed, f"http://{model}/") == "http.address_refused"
    assert len(trap.asked) == 1
    assert other.asked == []


async def test_K05_a_port_of_a_system_service_is_not_called_though_it_is_listed():
    for port in (22, 25, 631):
        host = f"127.0.0.1:{port}"
        assert await refused(SafeHttp(hosts((host,), (host,)), nothing), f"http://{host}/") == "http.address_refused"


async def test_K02_even_a_connector_that_is_given_another_address_makes_no_socket_for_it(trap: Trap):
    from engine.tools.safe_http import _only

    make = _only({"192.0.2.1": socket.AF_INET}, trap.port)
    for address in ("127.0.0.1", "::ffff:127.0.0.1"):
        assert parsed(address) is not None
        with pytest.raises(JobFailed):
            make((socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, trap.port)))
