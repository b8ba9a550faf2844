"""`gateway.http.guard`: the order of its questions, and what it puts into a request and onto an answer."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from contract.errors import FloworkError, RouteUnknown
from gateway.http.guard import Guard
from gateway.http.ingress import AT_HOME, Direct, Tunnel, hosts_with_port
from gateway.operations.endpoint import PublicOrigins
from gateway.operations.throttle import Throttle
from gateway.rules.ingress import Ingress
from gateway.rules.throttle import Policies
from gateway.telemetry.spans import RequestSpans
from kit.bucket import Policy
from kit.logs import FIELDS, around, bind
from tests.support.clock import ManualClock
from tests.support.queue import chance
from tests.support.spans import KeptSpans

GUI = "https://gui.example"
LOOPBACK = Direct(Ingress.LOOPBACK, hosts_with_port(["localhost"], 7717))
LAN = Direct(Ingress.LAN, hosts_with_port(["gateway.lan"], 7718), AT_HOME)
TUNNEL = Tunnel("t-1.flowork.internal", PublicOrigins(["https://flowork.example"]), remote_engines=False)
ADMIN = Direct(Ingress.ADMIN, None)
THROUGH_TUNNEL = {"host": "t-1.flowork.internal", "x-forwarded-host": "Flowork.example", "cf-connecting-ip": "2001:DB8::1"}


class Inside:
    """An app that remembers the scope, and answers as told."""

    def __init__(self, status: int = 200, error: FloworkError | None = None) -> None:
        self.status = status
        self.error = error
        self.scopes: list[dict[str, Any]] = []

    async def __call__(self, scope, receive, send) -> None:
        self.scopes.append(scope)
        if self.error is not None:
            raise self.error
        await send({"type": "http.response.start", "status": self.status, "headers": [(b"cache-control", b"max-age=5")]})
        await send({"type": "http.response.body", "body": b""})


async def ask(guard: Guard, headers: dict[str, str], path: str = "/healthz", method: str = "GET", kind: str = "http", **extra: Any):
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {"type": kind, "method": method, "path": path, "raw_path": path.encode(), "headers": raw, "client": ("192.0.2.5", 1), **extra}
    await guard(scope, receive, send)
    return sent[0].get("status"), dict(sent[0].get("headers", ()))


def throttle(**policies: Policy) -> Throttle:
    return Throttle(ManualClock(), Policies(**policies), lambda _: 0)


@pytest.mark.parametrize(
    ("door", "headers", "client", "origin"),
    [
        (LOOPBACK, {"host": "LOCALHOST:7717"}, "192.0.2.5", "http://localhost:7717"),
        (LAN, {"host": "gateway.lan:7718"}, "192.0.2.5", "http://gateway.lan:7718"),
        (TUNNEL, THROUGH_TUNNEL, "2001:db8::1", "https://flowork.example"),
    ],
)
async def test_a_request_is_told_where_it_came_in_and_as_whom(door, headers: dict[str, str], client: str, origin: str):
    inside = Inside()
    await ask(Guard(inside, door, frozenset(), throttle()), headers)
    state = inside.scopes[0]["state"]
    assert (state["ingress"], state["client"], state["origin"]) == (door.ingress, client, origin)
    assert len(state["request_id"]) == 16


async def test_the_owners_listener_takes_any_host_and_counts_nobody():
    inside = Inside()
    guard = Guard(inside, ADMIN, frozenset(), None)
    for _ in range(300):
        assert (await ask(guard, {"host": "whatever"}, client=None))[0] == 200
    assert inside.scopes[0]["state"]["client"] == ""
    assert (await ask(guard, {"host": "x", "origin": "http://x"}))[0] == 403


async def test_host_comes_before_origin_and_origin_before_the_bucket():
    inside = Inside()
    guard = Guard(inside, LOOPBACK, frozenset({GUI}), throttle(ip=Policy(0.001, 1)))
    assert (await ask(guard, {"host": "evil", "origin": "https://evil"}))[0] == 421
    assert (await ask(guard, {"host": "localhost", "origin": "https://evil", "sec-fetch-mode": "navigate"}))[0] == 403
    assert (await ask(guard, {"host": "localhost", "origin": GUI}))[0] == 200
    status, headers = await ask(guard, {"host": "localhost", "origin": GUI})
    assert (status, headers[b"access-control-allow-origin"]) == (429, GUI.encode())  # the page may read why
    assert len(inside.scopes) == 1


async def test_an_answers_own_headers_stay():
    _, headers = await ask(Guard(Inside(), LOOPBACK, frozenset(), throttle()), {"host": "localhost"})
    assert headers[b"cache-control"] == b"max-age=5"
    assert headers[b"x-content-type-options"] == b"nosniff"


async def test_a_failure_from_inside_becomes_a_problem():
    status, headers = await ask(Guard(Inside(error=RouteUnknown()), LOOPBACK, frozenset(), throttle()), {"host": "localhost"})
    assert (status, headers[b"content-type"]) == (404, b"application/problem+json")


@pytest.mark.parametrize(
    ("door", "host", "path", "free"),
    [
        (LOOPBACK, "localhost", "/api/v1/jobs", 10**6),
        (LAN, "gateway.lan", "/api/v1/jobs", 2),
        (LOOPBACK, "localhost", "/api/v1/auth/sign-in", 2),
    ],
)
async def test_wrong_credentials_cost_their_address(door, host: str, path: str, free: int):
    guard = Guard(Inside(401), door, frozenset(), throttle(ip=Policy(0.001, 10), auth_loopback=Policy(0.001, 10)))
    headers = {"host": host, "authorization": "Bearer x"}
    statuses = [(await ask(guard, headers, path))[0] for _ in range(20)]
    assert statuses[:2] == [401, 401]
    assert statuses.count(401) == min(free, 20)
    if path == "/api/v1/jobs":
        assert (await ask(guard, {"host": host}))[0] == 429


async def test_a_known_device_may_use_the_reserved_share():
    counted = throttle(auth_ip=Policy(100, 1000), auth_all=Policy(0.001, 30))
    guard = Guard(Inside(), TUNNEL, frozenset(), counted, lambda headers: headers.get(b"dpop") == "mine")
    for _ in range(20):
        assert (await ask(guard, THROUGH_TUNNEL, "/api/v1/auth/challenge"))[0] == 200
    assert (await ask(guard, THROUGH_TUNNEL, "/api/v1/auth/challenge"))[0] == 429
    assert (await ask(guard, {**THROUGH_TUNNEL, "dpop": "mine"}, "/api/v1/auth/challenge"))[0] == 200


async def test_a_preflight_is_answered_here_and_costs_no_attempt_to_sign_in():
    inside = Inside()
    guard = Guard(inside, LOOPBACK, frozenset({GUI}), throttle(auth_loopback=Policy(0.001, 1)))
    headers = {
        "host": "localhost",
        "origin": GUI,
        "access-control-request-method": "POST",
        "access-control-request-private-network": "true",
    }
    for _ in range(5):
        status, told = await ask(guard, headers, "/api/v1/auth/challenge", "OPTIONS")
        assert (status, told[b"access-control-allow-private-network"]) == (204, b"true")
    assert inside.scopes == []


async def test_an_options_request_that_is_no_preflight_reaches_the_routes():
    inside = Inside(405)
    assert (await ask(Guard(inside, LOOPBACK, frozenset(), throttle()), {"host": "localhost"}, method="OPTIONS"))[0] == 405


async def test_a_socket_without_a_way_to_answer_is_closed():
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/", "raw_path": b"/", "headers": [(b"host", b"evil")], "client": None}
    await Guard(Inside(), LOOPBACK, frozenset(), throttle())(scope, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


class Route:
    path = "/api/v1/jobs"


class Submits(Inside):
    """Takes jobs; from somebody signed in, if `user` is set."""

    def __init__(self, user: str | None) -> None:
        super().__init__(201)
        self.user = user

    async def __call__(self, scope, receive, send) -> None:
        scope["route"] = Route
        if self.user is not None:
            scope["state"]["user_id"] = self.user
        await super().__call__(scope, receive, send)


CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_submit_is_a_span_under_its_callers_and_names_the_place_that_the_job_is_stored_with():
    kept, inside = KeptSpans(), Submits("ann")
    guard = Guard(inside, LOOPBACK, frozenset(), throttle(), spans=RequestSpans(kept, ManualClock(), 0.0, chance()))
    await ask(guard, {"host": "localhost", "traceparent": CALLER}, "/api/v1/jobs", "POST")
    span = kept.named("POST /api/v1/jobs")
    assert span.context == inside.scopes[0]["state"]["trace"]
    assert (span.context.trace_id, span.parent_id) == tuple(CALLER.split("-")[1:3])
    assert span.attributes["http.response.status_code"] == 201


@pytest.mark.parametrize(("user", "traceparent"), [(None, CALLER), ("ann", CALLER[:-2] + "00"), ("ann", "garbage")])
async def test_strangers_and_unsampled_traces_leave_no_span(user: str | None, traceparent: str):
    kept = KeptSpans()
    guard = Guard(Submits(user), LOOPBACK, frozenset(), throttle(), spans=RequestSpans(kept, ManualClock(), 0.0, chance()))
    await ask(guard, {"host": "localhost", "traceparent": traceparent}, "/api/v1/jobs", "POST")
    assert kept.all == []


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[tuple[str, dict[str, Any]]]]:
    """Level and fields of the access lines so far."""
    return lambda: [(record.levelname, getattr(record, FIELDS)) for record in caplog.records if record.getMessage() == "http.request"]


async def test_an_answers_line_has_who_asked_what_came_of_it_and_its_trace(lines):
    async def known(scope, receive, send) -> None:
        scope["state"]["user_id"] = "u"
        scope["route"] = SimpleNamespace(path="/api/v1/jobs/{job_id}")
        bind(user_id="u", job_id="j")
        await Inside(409)(scope, receive, send)

    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"host": "localhost", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    await ask(Guard(known, LOOPBACK, frozenset(), throttle()), headers, "/api/v1/jobs/j", "POST")
    ((level, fields),) = lines()
    assert (level, fields.pop("latency_ms") >= 0, len(fields.pop("request_id"))) == ("INFO", True, 16)
    assert fields == {
        "method": "POST",
        "route": "/api/v1/jobs/{job_id}",
        "status": 409,
        "ingress": "loopback",
        "trace_id": trace,
        "ip": "192.0.2.5",
        "user_id": "u",
        "job_id": "j",
    }
    assert around() == {}


async def test_two_requests_at_once_do_not_share_what_their_lines_say(lines):
    both = asyncio.Barrier(2)

    async def slow(scope, receive, send) -> None:
        bind(user_id=scope["path"])
        await both.wait()
        await Inside()(scope, receive, send)

    guard = Guard(slow, LOOPBACK, frozenset(), throttle())
    async with asyncio.timeout(10):
        await asyncio.gather(ask(guard, {"host": "localhost"}, "/a"), ask(guard, {"host": "localhost"}, "/b"))
    assert sorted(fields["user_id"] for _, fields in lines()) == ["/a", "/b"]
    assert len({fields["trace_id"] for _, fields in lines()}) == 2


async def test_a_stranger_writes_no_line_that_is_kept(lines):
    guard = Guard(Inside(401), LOOPBACK, frozenset(), throttle())
    await ask(guard, {"host": "localhost", "authorization": "Bearer x"}, "/api/v1/jobs", "POST")
    await ask(guard, {"host": "evil"}, "/api/v1/jobs", "POST")
    assert [level for level, _ in lines()] == ["DEBUG", "DEBUG"]
