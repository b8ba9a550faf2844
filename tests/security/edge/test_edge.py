"""Group H of the security reference §8.1: origin, host, proxy, and the bytes of a request."""

import asyncio
import json
import logging
import time
from collections.abc import Callable

import pytest

from contract.limits import JSON_MAX_DEPTH
from kit.percentiles import percentile
from tests.support.devices import KEYS
from tests.support.house import House
from tests.support.knock import SOCKET, UPGRADE, Lines, as_json, at, connected, ended, hear, knock, request, rss_bytes, throw, told

from .conftest import GUI, PUBLIC, Site, proved_by, site_on

pytestmark = pytest.mark.asyncio(loop_scope="module")
MIB = 2**20

EVIL = [
    *("https://evil.example", "null", "", f"{GUI} {GUI}", f"{GUI}, https://evil.example", GUI.upper(), f"{GUI}/", f"{GUI}:444"),
    *("https://sub.gui.example", "https://gui.example.evil.example", "http://gui.example", "https://abc.gui.pages.dev", "file://"),
]


@pytest.mark.parametrize("origin", EVIL)
@pytest.mark.parametrize("ingress", ["loopback", "lan", "tunnel"])
async def test_H01_a_foreign_origin_is_refused(site: Site, ingress: str, origin: str):
    place = getattr(site, ingress)
    async with site.unchanged():
        for heard in (
            await site.submit(place, place.usually(origin=origin)),
            await knock(place, "POST", "/api/v1/auth/challenge", place.usually(origin=origin, content_type="text/plain"), b"{}"),
            await knock(place, path=SOCKET, headers=[*place.usually(origin=origin), *UPGRADE]),
        ):
            assert (heard.status, heard.code) == (403, "origin.not_allowed")
            assert heard.header("access-control-allow-origin") is None


async def test_H01_two_origins_are_refused(site: Site):
    async with site.unchanged():
        heard = await site.submit(site.loopback, [*site.loopback.usual, ("Origin", GUI), ("Origin", GUI)])
        assert (heard.status, heard.code) == (400, "request.bad_header")


@pytest.mark.parametrize("ingress", ["loopback", "lan", "tunnel"])
async def test_H01_the_gateways_own_pages_and_the_owners_guis_may_call(site: Site, ingress: str):
    place = getattr(site, ingress)
    own = {"loopback": site.gateway.address, "lan": f"http://gateway.lan:{site.lan.port}", "tunnel": PUBLIC}[ingress]
    for origin in (own, GUI):
        heard = await knock(place, headers=place.usually(origin=origin))
        assert (heard.status, heard.header("access-control-allow-origin"), heard.header("vary")) == (200, origin, "Origin")


async def test_H01_the_page_of_one_listener_is_foreign_to_the_others(site: Site):
    for place, origin in ((site.tunnel, site.gateway.address), (site.loopback, PUBLIC), (site.lan, site.gateway.address)):
        heard = await knock(place, headers=place.usually(origin=origin))
        assert (heard.status, heard.code) == (403, "origin.not_allowed")


async def test_H02_a_socket_without_an_origin_opens_on_loopback_only(site: Site, caplog):
    async with site.unchanged():
        for place in (site.tunnel, site.lan):
            heard = await knock(place, path=SOCKET, headers=[*place.usual, *UPGRADE])
            assert (heard.status, heard.code) == (403, "origin.not_allowed")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert (await knock(site.loopback, path=SOCKET, headers=[*site.loopback.usual, *UPGRADE])).status == 101
    assert (await knock(site.tunnel, path=SOCKET, headers=[*site.tunnel.usually(origin=GUI), *UPGRADE])).status == 101


HOSTS = [
    *("evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "127.0.0.2", "192.168.1.5:{port}", "localhost.", "localhost:1"),
    *(
        "x@localhost:{port}",
        "localhost:{port}@evil.example",
        "localhost#evil.example",
        "localhost/evil",
        "",
        "[::1",
        "x" * 300,
        "2130706433",
    ),
]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("ingress", ["loopback", "lan"])
async def test_H03_a_host_that_is_not_ours_is_refused(site: Site, ingress: str, host: str):
    place = getattr(site, ingress)
    async with site.unchanged():
        heard = await site.submit(place, place.usually(host=host.format(port=place.port)))
        assert (heard.status, heard.code) in {(421, "request.host_not_allowed"), (400, "request.malformed")}


async def test_H03_no_host_and_two_hosts_are_refused(site: Site):
    async with site.unchanged():
        for headers in ([], [*site.loopback.usual, *site.loopback.usual], [*site.loopback.usual, ("Host", "evil.example")]):
            assert (await site.submit(site.loopback, headers)).status == 400
        heard = await throw(site.loopback, b"POST /api/v1/jobs HTTP/1.0\r\n\r\n")
        assert (heard.status, heard.code, heard.closed) == (400, "request.bad_header", True)


async def test_H04_a_forged_forwarded_host_does_not_make_an_origin_ours(site: Site):
    async with site.unchanged():
        for place in (site.loopback, site.lan, site.tunnel):
            headers = place.usually(x_forwarded_host="evil.example", origin="https://evil.example")
            heard = await site.submit(place, headers)
            assert heard.status in {400, 403, 421}
            assert heard.code in {"request.forwarded_not_allowed", "request.host_not_allowed"}


FORWARDED = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port", "Forwarded", "CF-Connecting-IP", "True-Client-IP", "X-Real-IP"]


@pytest.mark.parametrize("name", FORWARDED)
async def test_H05_a_forwarding_header_is_taken_on_no_other_way(site: Site, name: str):
    async with site.unchanged():
        for place in (site.loopback, site.lan):
            heard = await site.submit(place, [*place.usual, (name, "1.2.3.4")])
            assert (heard.status, heard.code) == (400, "request.forwarded_not_allowed")


async def test_H05_on_the_lan_the_sockets_own_peer_is_counted(tmp_path):
    async with site_on(tmp_path, ip_rate_per_s=0.01, ip_burst=5) as site:
        for _ in range(5):
            assert (await knock(site.lan)).status == 200
        heard = await knock(site.lan, headers=site.lan.usually(x_client="1.2.3.4"))
        assert (heard.status, heard.code) == (429, "rate.ip")


async def test_H06_the_tunnel_opens_to_its_secret_host_only(site: Site):
    secret = dict(site.tunnel.usual)["Host"]
    async with site.unchanged():
        for host in (
            "flowork.example",
            "localhost",
            secret[:-1],
            secret.upper(),
            f"{secret}:80",
            "",
            "t-" + "0" * 32 + ".flowork.internal",
        ):
            heard = await site.submit(site.tunnel, site.tunnel.usually(host=host))
            assert (heard.status, heard.code) == (421, "request.host_not_allowed")
        for asked in ("", "evil.example", f"{PUBLIC}.evil.example", secret):
            heard = await site.submit(site.tunnel, site.tunnel.usually(x_forwarded_host=asked))
            assert (heard.status, heard.code) == (421, "request.host_not_allowed")


@pytest.mark.parametrize("client", ["", "1.2.3.4, 5.6.7.8", "1.2.3.4,5.6.7.8", "garbage", "1.2.3", "1.2.3.4:80", "::1%eth0, x", "' OR 1=1"])
async def test_H06_a_client_address_that_is_not_one_address_is_refused(site: Site, client: str):
    async with site.unchanged():
        heard = await site.submit(site.tunnel, site.tunnel.usually(cf_connecting_ip=client))
        assert (heard.status, heard.code) == (400, "request.bad_header")


async def test_H06_a_tunnel_over_tcp_keeps_the_same_rules(tmp_path):
    async with site_on(tmp_path, tunnel_over_tcp=True) as site:
        assert site.tunnel.port
        assert (await knock(site.tunnel)).status == 200
        async with site.unchanged():
            heard = await site.submit(site.tunnel, [("Host", f"127.0.0.1:{site.tunnel.port}")])
            assert (heard.status, heard.code) == (421, "request.host_not_allowed")


async def test_H06_the_tunnels_secrets_lie_in_the_owners_files_and_go_with_the_gateway(tmp_path):
    async with site_on(tmp_path):
        for name in ("tunnel.json", "tunnel.sock"):
            assert (tmp_path / "g" / "run" / name).stat().st_mode & 0o077 == 0
    assert not (tmp_path / "g" / "run" / "tunnel.json").exists()
    assert not (tmp_path / "g" / "run" / "tunnel.sock").exists()


CLAIM = as_json(
    {
        "instance": "0" * 32,
        "attempt_id": "1" * 32,
        "announce": {"version": "1", "slots": 1, "kinds": ["echo"]},
        "max": 1,
        "wait_ms": 0,
        "running": [],
    }
)


async def test_H07_owners_and_engines_doors_do_not_exist_behind_the_tunnel(site: Site):
    async with site.unchanged():
        for place in (site.tunnel, site.lan):
            for path in ("/admin/v1/status", "/admin/v1/users", "/admin", "/internal/v1/heartbeat", "/internal", "/metrics"):
                heard = await knock(place, "GET", path, [*place.usual, *site.signed, *site.engine_key])
                assert (heard.status, heard.code) == (404, "request.route_unknown"), path
            headers = [*place.usual, *site.engine_key, ("Content-Type", "application/json")]
            heard = await knock(place, "POST", "/internal/v1/claim", headers, CLAIM)
            assert (heard.status, heard.code) == (404, "request.route_unknown")
    for path in ("/%61dmin/v1/status", "//admin/v1/status", "/api/../admin/v1/status", "/api/%2e%2e/internal/v1/claim"):
        assert (await knock(site.tunnel, path=path)).status in {400, 404}


async def test_H07_engines_come_by_the_tunnel_when_the_owner_says_so(tmp_path):
    async with site_on(tmp_path, accept_remote_engines=True) as site:
        headers = [*site.engine_key, ("Content-Type", "application/json")]
        assert (await knock(site.tunnel, "POST", "/internal/v1/claim", [*site.tunnel.usual, *headers], CLAIM)).status == 200
        for place, path in ((site.tunnel, "/admin/v1/status"), (site.lan, "/internal/v1/claim")):
            heard = await knock(place, "POST", path, [*place.usual, *headers], CLAIM)
            assert (heard.status, heard.code) == (404, "request.route_unknown")


def preflight(origin: str) -> Lines:
    return [("Origin", origin), ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "authorization,dpop")]


async def test_H08_a_preflight_from_elsewhere_is_refused(site: Site):
    for place in (site.loopback, site.lan, site.tunnel):
        heard = await knock(place, "OPTIONS", "/api/v1/jobs", [*place.usual, *preflight("https://evil.example")])
        assert (heard.status, heard.code) == (403, "origin.not_allowed")
        assert not [name for name in heard.headers if name.startswith("access-control-")]


async def test_H08_a_preflight_from_the_gui_gets_exactly_what_it_needs(site: Site):
    heard = await knock(site.tunnel, "OPTIONS", "/api/v1/jobs", [*site.tunnel.usual, *preflight(GUI)])
    assert heard.status == 204
    assert {name: value for name, (value,) in heard.headers.items() if name.startswith("access-control-") or name == "vary"} == {
        "access-control-allow-origin": GUI,
        "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE",
        "access-control-allow-headers": (
            "authorization, dpop, content-type, idempotency-key, flowork-approval, traceparent, tracestate, if-match"
        ),
        "access-control-expose-headers": "retry-after, ratelimit, ratelimit-policy, dpop-nonce, date, x-request-id, flowork-state",
        "access-control-max-age": "600",
        "vary": "Origin",
    }


async def test_H08_no_answer_allows_everybody_or_cookies(site: Site):
    for path, sent in (("/healthz", []), ("/api/v1/jobs", []), ("/api/v1/jobs", site.signed), ("/nothing", [])):
        for origin in (None, GUI):
            headers = site.loopback.usually(**({"origin": origin} if origin else {}))
            heard = await knock(site.loopback, path=path, headers=[*headers, *sent])
            assert heard.header("access-control-allow-origin") == origin
            assert heard.header("access-control-allow-credentials") is None
            assert heard.header("vary") == "Origin"


@pytest.mark.parametrize("mode", ["navigate", "no-cors"])
async def test_H09_the_api_is_not_a_page_to_open_or_embed(site: Site, mode: str):
    async with site.unchanged():
        for place in (site.loopback, site.lan, site.tunnel):
            headers = [*place.usually(sec_fetch_mode=mode), *site.signed]
            heard = await knock(place, path="/api/v1/jobs", headers=headers)
            assert (heard.status, heard.code) == (403, "origin.navigation_not_allowed")
    assert (await knock(site.loopback, headers=site.loopback.usually(sec_fetch_mode="navigate"))).status == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
async def test_H09_what_a_form_can_send_is_not_json(site: Site, kind: str):
    async with site.unchanged():
        heard = await site.submit(site.loopback, [*site.loopback.usual, ("Content-Type", kind)])
        assert (heard.status, heard.code) == (415, "request.media_type_unsupported")


BODY = as_json({"engine": "lab", "kind": "echo"})


def smuggled(site: Site, *lines: str, line_end: str = "\r\n", body: bytes = BODY, target: str = "/api/v1/jobs") -> bytes:
    """A submit that would be taken, with lines of an attacker's."""
    sent = [*site.loopback.usual, *site.signed, ("Idempotency-Key", "smuggled")]
    usual = [f"{name}: {value}" for name, value in told("POST", target, sent, body)]
    head = [f"POST {target} HTTP/1.1", *usual, "Content-Type: application/json", *lines, "", ""]
    return line_end.join(head).encode() + body


AMBIGUOUS = {
    "both lengths": ("Content-Length: {n}", "Transfer-Encoding: chunked"),
    "two lengths": ("Content-Length: {n}", "Content-Length: 1"),
    "two equal lengths": ("Content-Length: {n}", "Content-Length: {n}"),
    "a list of lengths": ("Content-Length: {n}, 1",),
    "a list of equal lengths": ("Content-Length: {n}, {n}",),
    "a signed length": ("Content-Length: +{n}",),
    "a negative length": ("Content-Length: -1",),
    "a space before the colon": ("Content-Length : {n}",),
    "a space in a name": ("Content-Length: {n}", "X Y: 1"),
    "a folded line": ("Content-Length: {n}", "X-Long: a", "\tb"),
    "a folded length": ("Content-Length:", " {n}"),
    "a NUL": ("Content-Length: {n}", "X-Y: a\0b"),
    "a bare carriage return": ("Content-Length: {n}", "X-Y: a\rb"),
    "a control character": ("Content-Length: {n}", "X-Y: a\x01b"),
    "no name": ("Content-Length: {n}", ": x"),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_H10_a_head_that_two_readers_could_read_differently_is_refused(site: Site, name: str):
    async with site.unchanged():
        heard = await throw(site.loopback, smuggled(site, *(line.format(n=len(BODY)) for line in AMBIGUOUS[name])))
        assert (heard.status, heard.closed) == (400, True)
        assert heard.code in {"request.malformed", "request.bad_header"}


async def test_H10_bare_line_feeds_are_refused(site: Site):
    async with site.unchanged():
        whole = smuggled(site, f"Content-Length: {len(BODY)}", line_end="\n")
        one = smuggled(site, f"Content-Length: {len(BODY)}\nX-Y: z")
        pipelined = request("GET", "/healthz", site.loopback.usual) + whole
        for data in (whole, one):
            heard = await throw(site.loopback, data)
            assert (heard.status, heard.code, heard.closed) == (400, "request.malformed", True)
        async with asyncio.timeout(10), connected(site.loopback) as (reader, writer):
            writer.write(pipelined)
            assert (await hear(reader)).status == 200
            heard = await hear(reader)
            assert (heard.status, heard.code, heard.closed) == (400, "request.malformed", True)


async def test_H10_other_codings_and_absurd_chunks_are_refused(site: Site):
    async with site.unchanged():
        for coding in ("gzip", "chunked, gzip", "gzip, chunked", "identity", "x"):
            heard = await throw(site.loopback, smuggled(site, f"Transfer-Encoding: {coding}"))
            assert heard.status in {400, 501}
            assert heard.closed
        for chunk in (b"f" * 21 + b"\r\n", b"-1\r\n", b"0x5\r\n", b"5 \n"):
            heard = await throw(site.loopback, smuggled(site, "Transfer-Encoding: chunked", body=chunk + b"abcde\r\n0\r\n\r\n"))
            assert (heard.status, heard.closed) == (400, True), chunk


async def test_H10_a_body_that_breaks_after_its_answer_just_ends(site: Site, caplog):
    async with site.unchanged(), connected(site.loopback) as (reader, writer):
        writer.write(request("POST", "/api/v1/jobs", [*site.loopback.usual, ("Transfer-Encoding", "chunked")]) + b"1\r\n")
        assert (await hear(reader)).status == 401
        writer.write(b"{zz\r\n")
        await ended(reader)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    "target", ["http://evil.example/api/v1/jobs", "http://localhost/api/v1/jobs", "//evil.example", "evil.example:443", "*", "?x", "#x"]
)
async def test_H10_a_target_that_is_not_a_path_is_refused(site: Site, target: str):
    async with site.unchanged():
        heard = await throw(site.loopback, smuggled(site, f"Content-Length: {len(BODY)}", target=target))
        assert heard.status in {400, 404}
        assert heard.code in {"request.bad_path", "request.route_unknown", "request.malformed"}


@pytest.mark.parametrize(
    "path",
    [
        *("/api/../healthz", "/api/%2e%2e/healthz", "/healthz/..", "/..%2fhealthz", "/a%2Fb", "/a%5cb", "/a\\b", "/a%00", "/%0d%0aX:y"),
        *("/%ff", "/%c0%ae%c0%ae/", "/" + "a" * 2048, "/\x7f"),
    ],
)
async def test_H10_a_path_with_more_than_one_meaning_is_refused(site: Site, path: str):
    heard = await knock(site.loopback, path=path)
    assert heard.status in {400, 414}
    assert heard.code in {"request.bad_path", "request.path_too_long", "request.malformed"}


@pytest.mark.parametrize("name", ["Authorization", "DPoP", "Idempotency-Key", "X-Engine-Id", "X-Engine-Token", "Content-Type"])
async def test_H10_a_header_that_names_the_caller_comes_once(site: Site, name: str):
    async with site.unchanged():
        heard = await knock(site.loopback, headers=[*site.loopback.usual, (name, "a"), (name, "b")])
        assert (heard.status, heard.code, heard.closed) == (400, "request.bad_header", True)


async def test_H11_floods_of_headers_are_cut_off_without_growing(program: House):
    place = at(program.address)
    pid = program.gateway.process.pid
    assert (await knock(place)).status == 200
    before = rss_bytes(pid)
    floods = {
        "one of 5 MB": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 5 * MIB + b"\r\n\r\n",
        "20,000": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
        "a URL of 64 KB": b"GET /" + b"a" * 65_536 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "101": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 100 + b"\r\n",
    }
    for _ in range(5):
        for name, flood in floods.items():
            async with asyncio.timeout(10), connected(place) as (reader, writer):
                writer.write(flood)
                try:
                    heard = await hear(reader)
                except (ConnectionError, asyncio.IncompleteReadError):
                    continue  # it hung up while we were still shouting, and its answer went with that
                expected = (414, "request.path_too_long") if "URL" in name else (431, "request.headers_too_large")
                assert (heard.status, heard.code) in {expected, (431, "request.headers_too_large")}, name
    assert rss_bytes(pid) - before < 20 * MIB
    assert (await knock(place)).status == 200


async def test_H11_an_upgrade_that_the_sockets_own_parser_refuses_is_not_kept(site: Site):
    async with site.unchanged():
        for method, more in (("GET", [("X-Long", "a" * 9000)]), ("POST", []), ("GET", [(f"X-{n}", "y") for n in range(90)])):
            async with asyncio.timeout(5), connected(site.loopback) as (reader, writer):
                writer.write(request(method, SOCKET, [*site.loopback.usual, *UPGRADE, *more]))
                heard = await hear(reader)
                if heard.status != 101:
                    assert heard.status in {400, 405}
                    assert heard.closed


@pytest.mark.parametrize("ingress", ["loopback", "tunnel"])
async def test_H12_two_hundred_slow_senders_are_shown_out_and_a_good_client_is_served(tmp_path, ingress: str):
    deadline_s = 1.0
    async with site_on(tmp_path, header_deadline_s=deadline_s, body_deadline_s=deadline_s) as site:
        place, head = getattr(site, ingress), b"POST /api/v1/jobs HTTP/1.1\r\n"
        claims = [("Content-Length", "1000"), ("Content-Type", "application/json"), ("Idempotency-Key", "slow")]

        def body() -> bytes:
            return request("POST", "/api/v1/jobs", [*place.usual, *site.signed, *claims])

        took: list[float] = []
        gone: list[float] = []

        async def dribble(opening: Callable[[], bytes], drop: bytes) -> bytes:
            reader, writer = await place.connect()
            writer.write(opening())
            answer = asyncio.create_task(ended(reader))
            while not answer.done():
                if drop and not writer.is_closing():
                    writer.write(drop)
                await asyncio.wait([answer], timeout=0.1)
            writer.close()
            gone.append(time.perf_counter() - began)
            return answer.result()

        async def good() -> None:
            for _ in range(30):
                asked = time.perf_counter()
                assert (await knock(place, path="/api/v1/jobs", headers=[*place.usual, *site.signed])).status == 200
                took.append(time.perf_counter() - asked)
                await asyncio.sleep(deadline_s / 20)

        began = time.perf_counter()
        slow = [
            dribble(opening, drop)
            for opening, drop in ((bytes, b""), (lambda: head, b"X"), (lambda: head, b""), (body, b" "))
            for _ in range(50)
        ]
        *heard, _ = await asyncio.gather(*slow, good())
        print(f"\n{ingress}: {len(gone)} slow senders gone after at most {max(gone):.2f} s of {deadline_s} s")
        print(f"a good client meanwhile: p95 {percentile(sorted(took), 0.95) * 1000:.0f} ms")
        assert heard[:50] == [b""] * 50
        assert all(answer.startswith(b"HTTP/1.1 408") and b"request.too_slow" in answer for answer in heard[100:150])
        # What the others sent into the closing connection may have taken the answer with it.
        assert all(not answer or answer.startswith(b"HTTP/1.1 408") for answer in heard)
        assert (await site.state())[0] == 0


async def test_H12_a_kept_connection_and_a_long_poll_outlive_the_deadlines(tmp_path):
    async with site_on(tmp_path, header_deadline_s=0.2, body_deadline_s=0.2) as site:
        place = site.loopback
        async with asyncio.timeout(10), connected(place) as (reader, writer):
            for path in ("/healthz", "/api/v1/events?after=latest&wait_ms=900", "/healthz"):
                writer.write(request("GET", path, [*place.usual, *site.signed]))
                heard = await hear(reader)
                assert (heard.status, heard.closed) == (200, False)
                await asyncio.sleep(0.4)  # longer than a deadline: an idle connection has none


async def test_H12_one_address_cannot_take_all_connections_of_the_lan(site: Site):
    kept = [await site.lan.connect() for _ in range(32)]
    try:
        for reader, writer in kept:
            writer.write(request("GET", "/healthz", site.lan.usual))
            assert (await hear(reader)).status == 200
        heard = await knock(site.lan)
        assert (heard.status, heard.code, heard.closed) == (429, "rate.connections", True)
        assert heard.header("retry-after")
        assert (await knock(site.loopback)).status == 200
    finally:
        for _, writer in kept:
            writer.close()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "identity", "gzip, gzip"])
async def test_H13_compressed_bodies_are_not_taken(site: Site, coding: str):
    async with site.unchanged():
        heard = await site.submit(site.loopback, [*site.loopback.usual, ("Content-Encoding", coding)], b"\x1f\x8b" + b"\0" * 1000)
        assert (heard.status, heard.code) == (415, "request.media_type_unsupported")


async def test_H13_a_body_that_claims_gigabytes_or_never_ends_is_cut_off(site: Site):
    async with site.unchanged():
        for length in (10 * 2**30, 10**19, 8 * MIB + 1):
            data = smuggled(site, f"Content-Length: {length}")
            heard = await throw(site.loopback, data)
            assert (heard.status, heard.code, heard.closed) == (413, "request.body_too_large", True)
        async with asyncio.timeout(20), connected(site.loopback) as (reader, writer):
            writer.write(smuggled(site, "Transfer-Encoding: chunked", body=b""))

            async def pour() -> int:
                poured = 0
                try:
                    while True:
                        writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
                        await writer.drain()
                        poured += 65_536
                except ConnectionError:
                    return poured

            pouring = asyncio.create_task(pour())
            heard = await hear(reader)
            assert (heard.status, heard.code) == (413, "request.body_too_large")
            await pouring  # the rest is not read for long


async def test_H13_the_rest_of_a_body_that_was_answered_is_not_waited_for(site: Site):
    async with site.unchanged(), connected(site.loopback) as (reader, writer):
        writer.write(request("POST", "/api/v1/jobs", [*site.loopback.usual, ("Content-Length", "1000")]) + b"{")
        assert (await hear(reader)).status == 401
        async with asyncio.timeout(10):  # a body has 30 s
            await ended(reader)


HOSTILE = {
    "NaN": b"NaN",
    "infinity": b"-Infinity",
    "a number beyond all": b"1e999",
    "a lone surrogate": b'"\\ud800"',
    "a level too many": b"[" * (JSON_MAX_DEPTH + 1) + b"]" * (JSON_MAX_DEPTH + 1),
    "900 levels": b"[" * 900 + b"]" * 900,
    "100,000 levels": b"[" * 100_000 + b"]" * 100_000,
    "a number of 5,000 digits": b"9" * 5000,
    "trailing garbage": b"1} x {",
    "not UTF-8": b'"\xff"',
    "a NUL outside a string": b"\0",
    "300,000 values": b"[" + b"0," * 300_000 + b"0]",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_H14_hostile_json_is_refused(site: Site, name: str):
    async with site.unchanged():
        body = b'{"engine":"lab","kind":"echo","payload":' + HOSTILE[name] + b"}"
        heard = await site.submit(site.loopback, site.loopback.usual, body)
        assert (heard.status, heard.code) == (400, "request.invalid")
        assert len(heard.body) < 500


async def test_H14_a_byte_order_mark_and_other_encodings_are_refused(site: Site):
    async with site.unchanged():
        for body in (b"\xef\xbb\xbf" + BODY, BODY.decode().encode("utf-16"), BODY.decode().encode("utf-32")):
            heard = await site.submit(site.loopback, site.loopback.usual, body)
            assert (heard.status, heard.code) == (400, "request.invalid")


async def test_H14_what_decides_about_rights_is_named_once(site: Site):
    address = "0x" + "1" * 40
    body = f'{{"address":"{address}","address":"{address}"}}'.encode()
    headers = [*site.loopback.usually(content_type="application/json"), *proved_by(KEYS)]
    heard = await knock(site.loopback, "POST", "/api/v1/auth/challenge", headers, body)
    assert (heard.status, heard.code) == (400, "request.invalid")


@pytest.mark.parametrize("field", ["engine", "kind"])
async def test_H14_a_NUL_in_a_name_is_refused(site: Site, field: str):
    async with site.unchanged():
        body = as_json({"engine": "lab", "kind": "echo", field: "a\0b"})
        assert (await site.submit(site.loopback, site.loopback.usual, body)).status in {400, 404}
        for query in ("engine=%00", "kind=%00", "cursor=%00"):
            heard = await knock(site.loopback, path=f"/api/v1/jobs?{query}", headers=[*site.loopback.usual, *site.signed])
            assert heard.status < 500


@pytest.mark.parametrize("name", ["traceparent", "tracestate", "idempotency-key", "x-request-id", "origin", "x-engine-id"])
async def test_H15_no_value_can_add_a_header(site: Site, name: str):
    async with site.unchanged():
        injected = [*site.loopback.usual, (name, "a\r\n\tSet-Cookie: b"), *site.signed]
        assert (await knock(site.loopback, path="/api/v1/jobs", headers=injected)).status == 400
        for value in ("a%0d%0aSet-Cookie: b", "a\\r\\nSet-Cookie: b"):
            heard = await knock(
                site.loopback, path="/api/v1/jobs?cursor=a%0d%0aSet-Cookie:b", headers=site.loopback.usually(**{name: value})
            )
            assert "set-cookie" not in heard.headers
            assert b"Set-Cookie" not in heard.body


TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


@pytest.mark.parametrize(
    "traceparent",
    [
        *(f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-{SPAN}-01", f"ff-{TRACE}-{SPAN}-01"),
        *(
            f"00-{TRACE}-{SPAN}-01-more",
            f"00-{TRACE}-{SPAN}",
            f"00-{TRACE}-{SPAN}-1",
            f"00-{TRACE[:-1]}-{SPAN}-01",
            f"00-{TRACE}-{SPAN}-0x",
        ),
        *("", "garbage", f"00_{TRACE}_{SPAN}_01", f"0-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01", "00-" + "a" * 4000),
    ],
)
async def test_H16_a_broken_traceparent_is_replaced_and_the_request_served(site: Site, traceparent: str):
    headers = [*site.loopback.usually(traceparent=traceparent), *site.signed]
    sent = [*headers, ("Idempotency-Key", f"H16-{traceparent[:80]}"), ("Content-Type", "application/json")]
    heard = await knock(site.loopback, "POST", "/api/v1/jobs", sent, BODY)
    assert heard.status == 201
    trace = json.loads(heard.body)["job"]["trace_id"]
    assert len(trace) == 32
    assert trace not in {TRACE, "0" * 32}


@pytest.mark.parametrize("traceparent", [f"00-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", f"01-{TRACE}-{SPAN}-00"])
async def test_H16_a_valid_one_goes_on_and_two_do_not(site: Site, traceparent: str):
    sent = [*site.loopback.usual, *site.signed, ("Content-Type", "application/json"), ("traceparent", traceparent)]
    heard = await knock(site.loopback, "POST", "/api/v1/jobs", [*sent, ("Idempotency-Key", f"H16+{traceparent}")], BODY)
    assert json.loads(heard.body)["job"]["trace_id"] == TRACE
    twice = [*sent, ("traceparent", traceparent), ("Idempotency-Key", f"H16++{traceparent}")]
    heard = await knock(site.loopback, "POST", "/api/v1/jobs", twice, BODY)
    assert heard.status == 201
    assert json.loads(heard.body)["job"]["trace_id"] != TRACE


async def test_every_answer_carries_the_headers_of_its_place(site: Site):
    for place, hsts in ((site.loopback, None), (site.lan, None), (site.tunnel, "max-age=31536000")):
        for path, shared in (("/healthz", "same-origin"), ("/api/v1/jobs", "cross-origin"), ("/nothing", "same-origin")):
            heard = await knock(place, path=path)
            told = {name: heard.header(name) for name in ("x-content-type-options", "cache-control", "referrer-policy", "server")}
            assert told == {
                "x-content-type-options": "nosniff",
                "cache-control": "no-store",
                "referrer-policy": "no-referrer",
                "server": None,
            }
            assert heard.header("cross-origin-resource-policy") == shared
            assert heard.header("strict-transport-security") == hsts
            assert heard.header("x-request-id")
