"""`engine.link.client` against a real server on this machine."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import web

from contract.engine_link import (
    Announce,
    Append,
    AppendRequest,
    ClaimAnswer,
    ClaimRequest,
    EnrolRequest,
    Failure,
    FinishAnswer,
    HeartbeatRequest,
    InstanceStats,
    OutputChunk,
    Phase,
)
from contract.errors import (
    EngineTokenInvalid,
    EngineTokenRevoked,
    FloworkError,
    GatewayUnreachable,
    LeaseConflict,
    LeaseLost,
    QueueFull,
    StorageFull,
)
from contract.kinds import Usage
from contract.words import Directive, Outcome
from engine.link.client import HttpLink, enrol, open_link
from tests.support.fake_link import INSTANCE, TRACE, job_id, lease, report

TOKEN = "fwe1_0123456789_secret"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Shown:
    """The token to show, and what became of it."""

    def __init__(self, *others: str) -> None:
        self.text = TOKEN
        self.others = list(others)
        self.wanted: list[str] = []

    def rotate(self, shown: str) -> None:
        self.wanted.append(shown)

    async def turn(self, refused: Collection[str]) -> bool:
        assert self.text in refused
        if self.others:
            self.text = self.others.pop(0)
        return self.text not in refused


@pytest.fixture
def linked(serve):
    """A link to a gateway that is played by a handler."""

    @asynccontextmanager
    async def opened(handler: Handler) -> AsyncIterator[HttpLink]:
        port = await serve(handler)
        async with asyncio.timeout(20), open_link(f"http://127.0.0.1:{port}", "abcd", Shown()) as link:
            yield link

    return opened


def answers(status: int = 200, headers: dict[str, str] | None = None, /, **body: Any) -> Handler:
    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status, headers=headers)

    return handler


def dead_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def claim(wait_ms: int = 0) -> ClaimRequest:
    return ClaimRequest(
        instance=INSTANCE, attempt_id="2" * 32, announce=Announce(version="1", slots=1, kinds=["echo"]), max=1, wait_ms=wait_ms
    )


class TestAsking:
    async def test_every_call_names_the_engine_and_shows_its_token(self, linked):
        seen = []

        async def handler(request: web.Request) -> web.StreamResponse:
            seen.append((request.headers.get("X-Engine-Id"), request.headers.get("X-Engine-Token"), request.headers.get("Content-Type")))
            return web.json_response({"results": []})

        async with linked(handler) as link:
            await link.claim(claim())
            await link.heartbeat(HeartbeatRequest(instance=INSTANCE, leases=[], stats=InstanceStats(slots=1, busy=0)))
            await link.append(AppendRequest(instance=INSTANCE, items=[Append(job=job_id(1), token=lease(1).token)]))
            await link.finish(report(1))
        assert seen == [("abcd", TOKEN, "application/json")] * 4

    async def test_each_call_has_its_address(self, linked):
        seen = []

        async def handler(request: web.Request) -> web.StreamResponse:
            seen.append((request.method, request.path))
            return web.json_response({"results": []})

        async with linked(handler) as link:
            await link.claim(claim())
            await link.heartbeat(HeartbeatRequest(instance=INSTANCE, leases=[], stats=InstanceStats(slots=1, busy=0)))
            await link.append(AppendRequest(instance=INSTANCE, items=[Append(job=job_id(1), token=lease(1).token)]))
            await link.finish(report(1))
        base = "/internal/v1"
        paths = [f"{base}/claim", f"{base}/heartbeat", f"{base}/events", f"{base}/jobs/{job_id(1)}/finish"]
        assert seen == [("POST", path) for path in paths]

    async def test_a_slash_after_the_gateways_address_does_not_matter(self, serve):
        async def handler(request: web.Request) -> web.StreamResponse:
            return web.json_response({}, status=200 if request.path == "/internal/v1/claim" else 404)

        async with open_link(f"http://127.0.0.1:{await serve(handler)}/", "abcd", Shown()) as link:
            assert await link.claim(claim()) == ClaimAnswer()

    async def test_the_request_arrives_whole(self, linked):
        seen = []

        async def handler(request: web.Request) -> web.StreamResponse:
            seen.append(AppendRequest.model_validate_json(await request.read()))
            return web.json_response({"results": []})

        item = Append(job=job_id(1), token=lease(1).token, output=OutputChunk(offset=7, text="ä\n😀"), progress=0.5)
        sent = AppendRequest(instance=INSTANCE, items=[item])
        async with linked(handler) as link:
            await link.append(sent)
        assert seen == [sent]

    async def test_a_finish_names_its_job_in_the_address_only(self, linked):
        seen = []

        async def handler(request: web.Request) -> web.StreamResponse:
            seen.append(await request.json())
            return web.json_response({"status": "ok"})

        async with linked(handler) as link:
            phases = [Phase(name="run", began_ms=0.5, took_ms=2)]
            error = Failure(code="a.b", message="m")
            used = Usage(input_tokens=3, cost_micros=7)
            answer = await link.finish(report(1, Outcome.FAILED, error=error, phases=phases, traceparent=TRACE, usage=used))
        assert answer == FinishAnswer()
        assert seen == [
            {
                "token": lease(1).token,
                "outcome": "failed",
                "result": None,
                "error": {"code": "a.b", "message": "m", "retryable": True, "retry_after_s": None},
                "phases": [{"name": "run", "began_ms": 0.5, "took_ms": 2.0}],
                "traceparent": TRACE,
                "usage": {"input_tokens": 3, "output_tokens": 0, "cost_micros": 7, "calls": []},
            }
        ]

    async def test_leases_and_news_come_back(self, linked):
        given = ClaimAnswer(leases=[lease(1, payload={"a": [1]}, granted_after_ms=-5)], cancel=[job_id(2)], directive=Directive.DRAIN)

        async def handler(_request: web.Request) -> web.StreamResponse:
            return web.Response(body=given.model_dump_json(), content_type="application/json")

        async with linked(handler) as link:
            assert await link.claim(claim()) == given

    async def test_fields_of_a_newer_gateway_are_ignored(self, linked):
        async with linked(answers(unheard_of=1)) as link:
            assert await link.claim(claim()) == ClaimAnswer()

    async def test_a_proxy_of_the_environment_never_sees_the_token(self, linked, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
        async with linked(answers()) as link:
            assert await link.claim(claim()) == ClaimAnswer()


class TestRefused:
    @pytest.mark.parametrize("kind", [LeaseLost, LeaseConflict, EngineTokenInvalid, StorageFull])
    async def test_a_problem_becomes_the_error_it_was(self, linked, kind: type[FloworkError]):
        async with linked(answers(kind.status, **kind("What happened.").problem("r-1"))) as link:
            with pytest.raises(kind) as failed:
                await link.finish(report(1))
        assert failed.value.detail == "What happened."

    async def test_the_wait_that_a_problem_asks_for_comes_along(self, linked):
        async with linked(answers(429, **QueueFull(retry_after_s=17).problem())) as link:
            with pytest.raises(QueueFull) as failed:
                await link.claim(claim())
        assert failed.value.retry_after_s == 17

    async def test_the_wait_may_stand_in_the_header_alone(self, linked):
        async with linked(answers(503, {"Retry-After": "23"}, code="some.thing")) as link:
            with pytest.raises(FloworkError) as failed:
                await link.claim(claim())
        assert (failed.value.code, failed.value.status, failed.value.retry_after_s) == ("some.thing", 503, 23)

    async def test_a_date_as_wait_is_ignored(self, linked):
        async with linked(answers(503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, code="some.thing")) as link:
            with pytest.raises(FloworkError) as failed:
                await link.claim(claim())
        assert failed.value.retry_after_s is None

    async def test_a_problem_of_a_newer_gateway_keeps_its_code_and_status(self, linked):
        async with linked(answers(418, code="tea.pot", title="I am one", detail="Short and stout.")) as link:
            with pytest.raises(FloworkError) as failed:
                await link.claim(claim())
        error = failed.value
        assert (error.code, error.status, error.title, error.detail) == ("tea.pot", 418, "I am one", "Short and stout.")

    @pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[1]", b'"text"', b"\xff\xfe", b"[" * 100 + b"]" * 100])
    async def test_an_error_page_of_something_else_is_no_word_of_the_gateway(self, linked, body: bytes):
        async def handler(_request: web.Request) -> web.StreamResponse:
            return web.Response(body=body, status=502)

        async with linked(handler) as link:
            with pytest.raises(GatewayUnreachable, match="answered 502"):
                await link.claim(claim())


class TestUnreachable:
    async def test_a_port_where_nobody_listens(self):
        async with open_link(f"http://127.0.0.1:{dead_port()}", "abcd", Shown()) as link:
            with pytest.raises(GatewayUnreachable):
                await link.claim(claim())

    async def test_a_connection_that_breaks_in_the_middle_of_an_answer(self, linked):
        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Length": "100"})
            await response.prepare(request)
            await response.write(b'{"leases":')
            assert request.transport is not None
            request.transport.close()
            return response

        async with linked(handler) as link:
            with pytest.raises(GatewayUnreachable):
                await link.claim(claim())

    @pytest.mark.parametrize("body", [b"<html>Welcome to this router</html>", b"", b"[]", b'{"leases": 7}', b'{"leases": [{}]}'])
    async def test_an_answer_that_is_not_floworks(self, linked, body: bytes):
        async def handler(_request: web.Request) -> web.StreamResponse:
            return web.Response(body=body)

        async with linked(handler) as link:
            with pytest.raises(GatewayUnreachable, match="does not speak Flowork"):
                await link.claim(claim())

    async def test_a_gateway_that_never_answers_is_given_up(self, linked, monkeypatch):
        over = asyncio.Event()

        async def handler(_request: web.Request) -> web.StreamResponse:
            await over.wait()
            return web.json_response({})

        monkeypatch.setattr("engine.link.client.CALL_S", 0.05)
        monkeypatch.setattr("engine.link.client.CLAIM_SLACK_S", 0.05)
        async with linked(handler) as link:
            with pytest.raises(GatewayUnreachable):
                await link.claim(claim(wait_ms=10))
            over.set()

    async def test_a_claim_waits_as_long_as_it_asked_the_gateway_to(self, linked, monkeypatch):
        seen = []
        post = HttpLink._post

        async def noted(self, path, request, answer, seconds=None):
            seen.append(seconds)
            return await post(self, path, request, answer, seconds)

        monkeypatch.setattr(HttpLink, "_post", noted)
        async with linked(answers()) as link:
            await link.claim(claim(wait_ms=25_000))
        assert seen[0] > 25

    async def test_no_message_repeats_the_token(self):
        async with open_link(f"http://127.0.0.1:{dead_port()}", "abcd", Shown()) as link:
            with pytest.raises(GatewayUnreachable) as failed:
                await link.claim(claim())
        assert TOKEN not in f"{failed.value}{failed.value.detail}"


@pytest.mark.parametrize("status", [307, 308])
async def test_a_redirect_does_not_hand_the_token_to_another_host(linked, serve, status: int):
    seen = []

    async def stranger(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("X-Engine-Token"))
        return web.json_response({})

    elsewhere = f"http://localhost:{await serve(stranger)}"

    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": elsewhere + request.path})

    async with linked(handler) as link:
        with suppress(FloworkError):
            await link.claim(claim())
    assert TOKEN not in seen


class TestTokens:
    async def test_each_call_shows_the_token_that_is_in_use_then(self, serve):
        seen = []

        async def handler(request: web.Request) -> web.StreamResponse:
            seen.append(request.headers["X-Engine-Token"])
            return web.json_response({})

        shown = Shown()
        async with open_link(f"http://127.0.0.1:{await serve(handler)}", "abcd", shown) as link:
            await link.claim(claim())
            shown.text = "second"
            await link.claim(claim())
        assert seen == [TOKEN, "second"]

    @pytest.mark.parametrize("code", ["engine.token_invalid", "engine.token_revoked"])
    async def test_a_refused_token_is_followed_by_another_and_the_call_is_made_again(self, serve, code: str):
        async def handler(request: web.Request) -> web.StreamResponse:
            if request.headers["X-Engine-Token"] != "third":
                return web.json_response({"code": code}, status=401)
            return web.json_response({"directive": "run"})

        shown = Shown("second", "third")
        async with open_link(f"http://127.0.0.1:{await serve(handler)}", "abcd", shown) as link:
            assert (await link.claim(claim())).directive is Directive.RUN
        assert shown.text == "third"

    async def test_when_there_is_no_other_the_refusal_is_told(self, linked):
        async with linked(answers(401, code="engine.token_revoked")) as link:
            with pytest.raises(EngineTokenRevoked):
                await link.claim(claim())

    async def test_the_wish_for_a_new_token_names_the_one_that_was_shown(self, serve):
        shown = Shown()

        async def handler(request: web.Request) -> web.StreamResponse:
            shown.text = "swapped meanwhile"
            return web.json_response({"directive": "rotate"})

        async with open_link(f"http://127.0.0.1:{await serve(handler)}", "abcd", shown) as link:
            await link.claim(claim())
            await link.heartbeat(HeartbeatRequest(instance=INSTANCE, leases=[], stats=InstanceStats(slots=1, busy=0)))
        assert shown.wanted == [TOKEN, "swapped meanwhile"]

    async def test_a_token_is_proven_as_it_is_given_and_no_other_is_tried(self, serve):
        seen = []

        async def handler(request: web.Request) -> web.StreamResponse:
            seen.append((request.method, request.path, request.headers["X-Engine-Token"]))
            return web.json_response({"code": "engine.token_invalid"}, status=401)

        async with open_link(f"http://127.0.0.1:{await serve(handler)}", "abcd", Shown("second")) as link:
            with pytest.raises(EngineTokenInvalid):
                await link.prove("new")
        assert seen == [("GET", "/internal/v1/whitelist", "new")]

    async def test_a_new_token_and_a_whitelist_are_asked_for_where_they_are(self, serve):
        seen = []

        async def handler(request: web.Request) -> web.StreamResponse:
            seen.append((request.method, request.path))
            return web.json_response({"token": "new", "version": 3, "users": ["ann"]})

        async with open_link(f"http://127.0.0.1:{await serve(handler)}", "abcd", Shown()) as link:
            assert (await link.renew_token()).token == "new"
            assert (await link.whitelist()).users == ["ann"]
        assert seen == [("POST", "/internal/v1/token"), ("GET", "/internal/v1/whitelist")]

    async def test_a_code_is_exchanged_without_any_token(self, serve):
        seen = []

        async def handler(request: web.Request) -> web.StreamResponse:
            seen.append((request.path, await request.json(), "X-Engine-Token" in request.headers))
            told = {"engine_id": "abcd", "engine_name": "lab", "token": "t", "installation": "attic"}
            return web.json_response(told, status=201)

        told = await enrol(f"http://127.0.0.1:{await serve(handler)}", EnrolRequest(code="c", installation_name="attic"))
        assert (told.engine_id, told.token) == ("abcd", "t")
        assert seen == [("/internal/v1/enrol", {"code": "c", "installation_name": "attic"}, False)]
        assert "'t'" not in repr(told)

    async def test_a_gateway_that_is_away_is_told_of_at_an_enrolment_too(self):
        with pytest.raises(GatewayUnreachable):
            await enrol(f"http://127.0.0.1:{dead_port()}", EnrolRequest(code="c", installation_name="attic"))
