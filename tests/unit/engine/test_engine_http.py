"""`engine.tools.http` against real servers on this machine: only listed hosts are called, and nothing else is followed."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from engine.rules.addresses import Ground
from engine.rules.failures import JobFailed
from engine.rules.kinds import Runs
from engine.rules.web import hosts as listed_hosts
from engine.runtime.timeline import Timeline, Tracing
from engine.settings import EngineSettings
from engine.tools.http import BODY_MAX_BYTES, kind
from engine.tools.registry import kinds
from engine.tools.safe_http import SafeHttp
from kit.strict_json import encode
from tests.support.clock import ManualClock
from tests.support.fake_link import TRACE, lease


class FakeJob:
    """As much of a job as the http kind reads."""

    def __init__(self) -> None:
        held = lease()
        self.timeline = Timeline(held, Tracing(ManualClock()))
        self.traceparent, self.call = held.traceparent, self.timeline.call


class Server:
    """One port of this machine; remembers what was asked of it, and answers with `answer`."""

    def __init__(self) -> None:
        self.port = 0
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer: Any = lambda _: web.Response(text="hello")

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/") -> str:
        return f"http://{self.host}{path}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.method, request.path_qs, dict(request.headers), await request.read()))
        answer = self.answer(request)
        return await answer if asyncio.iscoroutine(answer) else answer


@pytest.fixture
async def server(serve) -> Server:
    made = Server()
    made.port = await serve(made.handle)
    return made


@pytest.fixture
async def other(serve) -> Server:
    """A server that is not on the list."""
    made = Server()
    made.port = await serve(made.handle)
    return made


async def nothing() -> Ground:
    return Ground()


async def call(payload: Any, *hosts: str) -> Any:
    """Call with these hosts listed, as private ones: every server of a test is on this machine."""
    async with asyncio.timeout(20):
        return await kind(SafeHttp(listed_hosts(hosts, hosts), nothing)).handler(FakeJob(), payload)


async def refused(payload: Any, *hosts: str) -> JobFailed:
    with pytest.raises(JobFailed) as failed:
        await call(payload, *hosts)
    return failed.value


def test_it_is_a_kind_for_the_loop():
    made = kind(SafeHttp(listed_hosts((), ()), nothing))
    assert (made.name, made.runs) == ("http", Runs.ASYNC)


class TestRequest:
    async def test_a_get_brings_status_headers_and_body(self, server: Server):
        server.answer = lambda _: web.Response(text="hellö", status=203, headers={"X-Mark": "m"})
        answer = await call({"url": server.url("/path?q=1&r=a%20b")}, server.host)
        assert (answer["status"], answer["body"], answer["truncated"], answer["headers"]["X-Mark"]) == (203, "hellö", False, "m")
        assert [(method, path) for method, path, _, _ in server.asked] == [("GET", "/path?q=1&r=a%20b")]

    @pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    async def test_each_method_is_sent_as_asked(self, server: Server, method: str):
        server.answer = lambda _: web.Response(text="", content_type="text/plain", charset="utf-8")
        await call({"url": server.url(), "method": method}, server.host)
        assert server.asked[0][0] == method

    async def test_json_is_sent_as_json(self, server: Server):
        await call({"url": server.url(), "method": "POST", "json": {"a": [1, None]}}, server.host)
        _, _, headers, body = server.asked[0]
        assert (headers["Content-Type"], body) == ("application/json", b'{"a": [1, null]}')

    async def test_a_body_and_headers_are_sent_as_they_are(self, server: Server):
        payload = {"url": server.url(), "method": "PUT", "body": "räw", "headers": {"X-Mine": "1", "Content-Type": "text/csv"}}
        await call(payload, server.host)
        _, _, headers, body = server.asked[0]
        assert (headers["X-Mine"], headers["Content-Type"], body) == ("1", "text/csv", "räw".encode())

    async def test_the_jobs_trace_goes_along(self, server: Server):
        await call({"url": server.url(), "headers": {"traceparent": "mine"}}, server.host)
        assert server.asked[0][2]["traceparent"] == TRACE

    async def test_no_secret_of_the_engine_goes_along(self, server: Server):
        await call({"url": server.url()}, server.host)
        plain = {"host", "accept", "accept-encoding", "user-agent", "traceparent", "connection"}
        assert {name.lower() for name in server.asked[0][2]} <= plain

    async def test_a_cookie_of_one_job_is_not_sent_by_the_next(self, server: Server):
        server.answer = lambda _: web.Response(text="", headers={"Set-Cookie": "who=ann"})
        await call({"url": server.url()}, server.host)
        await call({"url": server.url()}, server.host)
        assert all("Cookie" not in headers for _, _, headers, _ in server.asked)

    async def test_a_proxy_of_the_environment_is_not_used(self, server: Server, other: Server, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", other.url())
        monkeypatch.setenv("ALL_PROXY", other.url())
        assert (await call({"url": server.url()}, server.host))["body"] == "hello"
        assert other.asked == []


class TestAnswer:
    @pytest.mark.parametrize("status", [200, 204, 301, 400, 401, 404, 418])
    async def test_a_status_that_trying_again_cannot_change_is_an_answer(self, server: Server, status: int):
        server.answer = lambda _: web.Response(status=status, headers={"Content-Type": "text/plain; charset=utf-8"})
        assert (await call({"url": server.url()}, server.host))["status"] == status

    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 599])
    async def test_a_status_that_may_pass_is_a_failure_that_may_be_tried_again(self, server: Server, status: int):
        server.answer = lambda _: web.Response(status=status)
        error = await refused({"url": server.url()}, server.host)
        assert (error.code, error.retryable, error.retry_after_s) == ("http.status", True, None)
        assert str(status) in error.message

    async def test_a_server_that_asks_to_wait_is_waited_for(self, server: Server):
        server.answer = lambda _: web.Response(status=429, headers={"Retry-After": "120"})
        assert (await refused({"url": server.url()}, server.host)).retry_after_s == 120

    async def test_a_date_to_wait_for_is_ignored(self, server: Server):
        server.answer = lambda _: web.Response(status=503, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})
        assert (await refused({"url": server.url()}, server.host)).retry_after_s is None

    @pytest.mark.parametrize(("size", "truncated"), [(BODY_MAX_BYTES - 1, False), (BODY_MAX_BYTES, False), (BODY_MAX_BYTES + 1, True)])
    async def test_a_body_is_cut_at_a_mebibyte_and_says_so(self, server: Server, size: int, truncated: bool):
        server.answer = lambda _: web.Response(text="x" * size)
        answer = await call({"url": server.url()}, server.host)
        assert (len(answer["body"]), answer["truncated"]) == (min(size, BODY_MAX_BYTES), truncated)

    async def test_an_endless_body_is_not_read_to_its_end(self, server: Server):
        async def endless(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
            await response.prepare(request)
            try:
                while True:
                    await response.write(b"x" * 65_536)
            except ConnectionError:
                return response

        server.answer = endless
        answer = await call({"url": server.url()}, server.host)
        assert (len(answer["body"]), answer["truncated"]) == (BODY_MAX_BYTES, True)

    async def test_a_small_compressed_body_cannot_fill_the_memory(self, server: Server):
        def packed(_request: web.Request) -> web.StreamResponse:
            response = web.Response(text="x" * (BODY_MAX_BYTES * 8))
            response.enable_compression(web.ContentCoding.gzip)
            return response

        server.answer = packed
        answer = await call({"url": server.url()}, server.host)
        assert (len(answer["body"]), answer["truncated"]) == (BODY_MAX_BYTES, True)

    async def test_bytes_that_do_not_fit_the_charset_are_replaced(self, server: Server):
        server.answer = lambda _: web.Response(body=b"a\xffb", headers={"Content-Type": "text/plain; charset=utf-8"})
        assert (await call({"url": server.url()}, server.host))["body"] == "a\ufffdb"

    async def test_the_charset_that_the_server_names_is_used(self, server: Server):
        server.answer = lambda _: web.Response(body=b"\xe4", headers={"Content-Type": "text/plain; charset=latin-1"})
        assert (await call({"url": server.url()}, server.host))["body"] == "ä"

    @pytest.mark.parametrize("content_type", ["text/html", "application/octet-stream", "image/png", "text/plain; charset=unheard-of"])
    async def test_a_body_without_a_named_charset_is_read(self, server: Server, content_type: str):
        server.answer = lambda _: web.Response(body=b"hello", headers={"Content-Type": content_type})
        assert (await call({"url": server.url()}, server.host))["body"] == "hello"

    async def test_a_charset_that_is_none_is_not_the_end_of_the_job(self, server: Server):
        server.answer = lambda _: web.Response(body=b"hello", headers={"Content-Type": "text/plain; charset=hex"})
        assert (await call({"url": server.url()}, server.host))["status"] == 200

    async def test_a_header_in_latin_1_does_not_spoil_the_result(self):
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Name: caf\xe9\r\nContent-Length: 2\r\n\r\n{}")
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
            host = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
            assert encode(await call({"url": f"http://{host}/"}, host))


class TestListedHosts:
    async def test_a_listed_name_and_port_is_called(self, server: Server):
        assert (await call({"url": server.url()}, "example.org", server.host))["status"] == 200

    async def test_names_are_compared_without_regard_to_case(self, server: Server):
        assert (await call({"url": f"HTTP://LocalHost:{server.port}/"}, f"LOCALHOST:{server.port}"))["status"] == 200

    async def test_nothing_else_is_called(self, server: Server, other: Server):
        error = await refused({"url": other.url()}, server.host)
        assert (error.code, error.retryable) == ("http.host_not_allowed", False)
        assert other.asked == []

    async def test_a_bare_name_does_not_open_every_port(self, server: Server):
        assert (await refused({"url": server.url()}, "127.0.0.1")).code == "http.host_not_allowed"
        assert server.asked == []

    async def test_another_name_of_a_listed_host_is_another_host(self, server: Server):
        assert (await refused({"url": f"http://localhost:{server.port}/"}, server.host)).code == "http.host_not_allowed"

    @pytest.mark.parametrize(
        "url",
        [
            "http://listed.example.evil.test/",
            "http://evil.test/listed.example",
            "http://evil.test#listed.example",
            "http://evil.test?listed.example",
            "http://evil.test\\@listed.example/",
            "http://listed.example@evil.test/",
            "http://listed.example:80@evil.test/",
            "http://user:secret@listed.example/",
            "http://user@listed.example/",
            "http://listed.example:8080/",
            "http://listed.example./",
            "http://sub.listed.example/",
            "//evil.test/",
            "http:///listed.example",
            "listed.example",
            "/path",
            "",
        ],
    )
    async def test_no_spelling_of_an_address_gets_around_the_list(self, url: str):
        error = await refused({"url": url}, "listed.example")
        assert error.code in {"http.host_not_allowed", "job.payload_invalid"}
        assert not error.retryable

    @pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://listed.example/", "ws://listed.example/", "unix://listed.example/"])
    async def test_only_http_is_spoken(self, url: str):
        error = await refused({"url": url}, "listed.example", "listed.example:21", "listed.example:80", "")
        assert (error.code, error.retryable) == ("http.host_not_allowed", False)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_a_redirect_off_the_list_is_an_answer_and_is_not_followed(self, server: Server, other: Server, status: int):
        server.answer = lambda _: web.Response(
            status=status, headers={"Location": other.url("/stolen"), "Content-Type": "text/plain; charset=utf-8"}
        )
        answer = await call({"url": server.url()}, server.host)
        assert (answer["status"], answer["headers"]["Location"]) == (status, other.url("/stolen"))
        assert other.asked == []

    async def test_a_redirect_within_the_list_is_followed(self, server: Server):
        answers = {"/a": web.Response(status=302, headers={"Location": "/b?c=d"})}
        server.answer = lambda request: answers.get(request.path, web.Response(text="there"))
        assert (await call({"url": server.url("/a")}, server.host))["body"] == "there"
        assert [path for _, path, _, _ in server.asked] == ["/a", "/b?c=d"]

    async def test_an_error_names_neither_the_path_nor_its_secrets(self):
        error = await refused({"url": "http://evil.test/?key=secret"}, "listed.example")
        assert "secret" not in str(error)


class TestSettings:
    async def test_a_server_of_this_machine_is_called_only_where_it_is_listed_as_private(self, server: Server, tmp_path: Path):
        made = {"gateway": "http://127.0.0.1:9", "engine_id": "abcd", "data": tmp_path, "http_hosts": (server.host,)}
        private = kinds(EngineSettings(**made, http_private=(server.host,)))["http"]
        assert (await private.handler(FakeJob(), {"url": server.url()}))["status"] == 200
        with pytest.raises(JobFailed) as failed:
            await kinds(EngineSettings(**made))["http"].handler(FakeJob(), {"url": server.url()})
        assert (failed.value.code, failed.value.retryable) == ("http.address_refused", False)
        assert len(server.asked) == 1

    def test_a_private_host_that_is_not_listed_at_all_is_a_mistake(self, tmp_path: Path):
        with pytest.raises(ValidationError, match="is not in http_hosts"):
            EngineSettings(gateway="http://g", engine_id="abcd", data=tmp_path, http_private=("127.0.0.1:1",))


class TestPayload:
    @pytest.mark.parametrize(
        "payload",
        [
            None,
            "http://127.0.0.1/",
            {},
            {"url": 7},
            {"url": "http://h/", "method": "TRACE"},
            {"url": "http://h/", "method": "get"},
            {"url": "http://h/", "unknown": 1},
            {"url": "http://h/", "timeout_s": 0},
            {"url": "http://h/", "timeout_s": 301},
            {"url": "http://h/", "headers": {"a": 1}},
            {"url": "http://h/", "body": {"not": "text"}},
            {"url": "http://h/" + "x" * 9000},
            {"url": "http://h:99999/"},
            {"url": "http://[::1/"},
        ],
        ids=lambda payload: str(payload)[:40],
    )
    async def test_what_is_not_a_request_fails_for_good(self, payload: Any):
        error = await refused(payload, "h")
        assert (error.code, error.retryable) == ("job.payload_invalid", False)

    async def test_the_message_names_the_field_and_not_the_value(self):
        error = await refused({"url": "http://h/", "headers": {"X-Key": ["secret"]}}, "h")
        assert "headers" in error.message
        assert "secret" not in error.message

    @pytest.mark.parametrize("more", [{"json": {"a": 1}, "body": "b"}, {"headers": {"X-A": "1\r\nX-B: 2"}}])
    async def test_a_request_that_cannot_be_written_fails_for_good(self, server: Server, more: dict[str, Any]):
        error = await refused({"url": server.url(), "method": "POST", **more}, server.host)
        assert (error.code, error.retryable) == ("job.payload_invalid", False)


class TestUnreachable:
    async def test_a_dead_port_may_be_tried_again(self):
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            port = bound.getsockname()[1]
        error = await refused({"url": f"http://127.0.0.1:{port}/?key=secret"}, f"127.0.0.1:{port}")
        assert (error.code, error.retryable) == ("http.unreachable", True)
        assert "secret" not in error.message

    async def test_a_server_that_is_too_slow_may_be_tried_again(self, server: Server):
        over = asyncio.Event()

        async def slow(_request: web.Request) -> web.StreamResponse:
            await over.wait()
            return web.Response()

        server.answer = slow
        error = await refused({"url": server.url(), "timeout_s": 0.05}, server.host)
        over.set()
        assert (error.code, error.retryable) == ("http.unreachable", True)

    async def test_a_server_that_hangs_up_may_be_tried_again(self, server: Server):
        async def rude(request: web.Request) -> web.StreamResponse:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        server.answer = rude
        assert (await refused({"url": server.url()}, server.host)).code == "http.unreachable"

    async def test_a_job_that_is_cancelled_ends_its_request(self, server: Server):
        began, over = asyncio.Event(), asyncio.Event()

        async def slow(_request: web.Request) -> web.StreamResponse:
            began.set()
            await over.wait()
            return web.Response()

        server.answer = slow
        calling = asyncio.create_task(call({"url": server.url()}, server.host))
        async with asyncio.timeout(10):
            await began.wait()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        over.set()
