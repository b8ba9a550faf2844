"""The wire as strangers meet it: no door stands open, and every refusal says why in problem+json."""

import asyncio
import io
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
import pytest_asyncio

from app.client.api import ApiClient, open_api
from contract import limits
from contract.admin import EngineAdded
from contract.errors import DeviceUnknown, ServerDraining, StorageFull
from contract.jobs import JobDraft
from contract.opaque_token import mint
from contract.words import JobState
from gateway.wiring import Gateway
from tests.support.devices import KEYS, device, signed_headers
from tests.support.house import signed_in, until
from tests.support.inside import add_engine, engine_for, gateway_on

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Site:
    gateway: Gateway
    engine: EngineAdded
    session: aiohttp.ClientSession
    api: ApiClient

    async def ask(self, method: str, path: str, **rest) -> tuple[int, dict, aiohttp.ClientResponse]:
        async with self.session.request(method, path, **rest) as response:
            raw = await response.read()
            return response.status, json.loads(raw) if raw else {}, response

    async def signed(self, method: str, path: str, data: bytes | None = None, headers: dict[str, str] | None = None, **rest):
        """Asked by somebody who is signed in."""
        sent = {**signed_headers(self.api, method, path, data), **({"Content-Type": "application/json"} if data is not None else {})}
        return await self.ask(method, path, data=None if data is None else io.BytesIO(data), headers={**sent, **(headers or {})}, **rest)

    async def submit_raw(self, data: bytes, **headers: str):
        return await self.signed("POST", "/api/v1/jobs", data, {"Idempotency-Key": "k", **headers})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with gateway_on(tmp_path_factory.mktemp("site") / "g") as gateway:
        engine = await add_engine(gateway)
        async with open_api(gateway.address, KEYS, gateway.gateway_key) as api:
            await api.sign_in()
            yield Site(gateway, engine, api._session, api)


JOB = "abcdefghijklmnop_01900000-0000-7000-8000-000000000000"
PERSONS_DOORS = [
    ("POST", "/api/v1/jobs"),
    ("POST", "/api/v1/jobs:batch"),
    ("GET", "/api/v1/jobs"),
    ("GET", f"/api/v1/jobs/{JOB}"),
    ("POST", f"/api/v1/jobs/{JOB}/cancel"),
    ("POST", f"/api/v1/jobs/{JOB}/redrive"),
    ("DELETE", f"/api/v1/jobs/{JOB}"),
    ("POST", "/api/v1/jobs:purge"),
    ("GET", "/api/v1/events"),
    ("POST", "/api/v1/auth/sign-out"),
    ("POST", "/api/v1/auth/approval"),
    ("GET", "/api/v1/devices"),
    ("DELETE", "/api/v1/devices/{device}"),
    ("POST", "/api/v1/devices/{device}/revoke"),
    ("GET", "/api/v1/users"),
    ("POST", "/api/v1/pairings"),
    ("GET", "/api/v1/pairings"),
    ("POST", "/api/v1/pairings/{offer_id}/approve"),
    ("GET", "/api/v1/drain"),
    ("POST", "/api/v1/drain"),
    ("GET", "/api/v1/kinds"),
    ("POST", "/api/v1/api-keys"),
    ("GET", "/api/v1/api-keys"),
    ("DELETE", "/api/v1/api-keys/{key}"),
]
PROGRAMS_DOORS = [
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/embeddings"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/{name}"),
]
KEY_HOLDERS_DOORS = [
    ("POST", "/api/v1/auth/challenge"),
    ("POST", "/api/v1/auth/sign-in"),
    ("POST", "/api/v1/auth/refresh"),
    ("POST", "/api/v1/pair/claim"),
    ("GET", "/api/v1/pair/{offer}"),
]
ENGINES_DOORS = [
    ("POST", "/internal/v1/claim"),
    ("POST", "/internal/v1/heartbeat"),
    ("POST", "/internal/v1/events"),
    ("POST", f"/internal/v1/jobs/{JOB}/finish"),
    ("POST", "/internal/v1/token"),
    ("GET", "/internal/v1/whitelist"),
    ("PUT", "/internal/v1/offer"),
]
READERS_DOORS = [("GET", "/metrics")]
OPEN_TO_ALL = [
    ("POST", "/internal/v1/enrol"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/api/v2/status"),
]


async def test_every_route_of_the_page_is_tried_here_or_needs_no_key(site: Site):
    _, page, _ = await site.ask("GET", "/openapi.json")
    routes = {(method.upper(), path) for path, methods in page["paths"].items() for method in methods}
    doors = [*PERSONS_DOORS, *ENGINES_DOORS, *KEY_HOLDERS_DOORS, *READERS_DOORS, *PROGRAMS_DOORS]
    tried = {(method, path.replace(JOB, "{job_id}")) for method, path in doors}
    assert {(method, path.replace("{job}", "{job_id}")) for method, path in routes} - set(OPEN_TO_ALL) == tried


@pytest.mark.parametrize(("method", "path"), PERSONS_DOORS)
@pytest.mark.parametrize("key", [None, "Bearer nonsense", "DPoP a.b.c", "Basic YTpi"])
async def test_no_door_for_people_opens_without_a_token(site: Site, method: str, path: str, key: str | None):
    status, problem, response = await site.ask(method, path, headers={"Authorization": key} if key else {}, data=b"{}")
    assert status == 401
    assert problem["code"].startswith("auth.")
    assert response.content_type == "application/problem+json"
    assert response.headers["WWW-Authenticate"].startswith("DPoP")


@pytest.mark.parametrize(("method", "path"), KEY_HOLDERS_DOORS)
async def test_no_door_for_devices_opens_without_a_proof(site: Site, method: str, path: str):
    for proof in (None, "nonsense", "a.b.c"):
        status, problem, _ = await site.ask(method, path, headers={} if proof is None else {"DPoP": proof}, data=b"{}")
        assert (status, problem["code"]) == (401, "auth.dpop_missing" if proof is None else "auth.dpop_invalid")


@pytest.mark.parametrize(("method", "path"), ENGINES_DOORS)
async def test_no_door_for_engines_opens_without_their_token(site: Site, method: str, path: str):
    token = site.engine.token
    for headers in (
        {},
        {"X-Engine-Id": site.engine.id},
        {"X-Engine-Id": site.engine.id, "X-Engine-Token": "nonsense"},
        {"X-Engine-Id": site.engine.id, "X-Engine-Token": token[:-1] + ("a" if token[-1] != "a" else "b")},
        signed_headers(site.api, method, path, b"{}"),
    ):
        status, problem, _ = await site.ask(method, path, headers=headers, data=b"{}")
        assert (status, problem["code"]) == (401, "engine.token_invalid")
    status, problem, _ = await site.ask(method, path, headers={"X-Engine-Id": "abcdefghijklmnop", "X-Engine-Token": token}, data=b"{}")
    assert (status, problem["code"]) == (403, "engine.id_mismatch")


@pytest.mark.parametrize(("method", "path"), PROGRAMS_DOORS)
async def test_no_door_for_programs_opens_without_their_key(site: Site, method: str, path: str):
    for key in (None, "Bearer nonsense", f"Bearer {site.engine.token}", "Basic YTpi", f"Bearer {mint('k', os.urandom).text}"):
        status, problem, response = await site.ask(method, path, headers={"Authorization": key} if key else {}, data=b"{}")
        assert (status, problem["error"]["code"]) == (401, "invalid_api_key")
        assert response.headers["WWW-Authenticate"] == "Bearer"
    assert (await site.signed(method, path))[0] == 401


@pytest.mark.parametrize(("method", "path"), READERS_DOORS)
async def test_no_door_for_readers_opens_without_their_token(site: Site, method: str, path: str):
    for key in (None, "Bearer nonsense", f"Bearer {site.engine.token}", "Basic YTpi"):
        status, problem, response = await site.ask(method, path, headers={"Authorization": key} if key else {})
        assert (status, problem["code"]) == (401, "metrics.token_invalid")
        assert response.headers["WWW-Authenticate"] == "Bearer"
    assert (await site.signed(method, path))[0] == 401


async def test_the_owners_doors_are_not_on_the_public_listener(site: Site):
    for path in ("/admin/v1/users", "/admin/v1/engines", "/admin/v1/status"):
        for method in ("GET", "POST"):
            assert (await site.signed(method, path))[0] == 404


async def test_who_is_not_paired_is_sent_away_and_told_what_to_do(site: Site):
    async with open_api(site.gateway.address, device(9), site.gateway.gateway_key) as api:
        with pytest.raises(DeviceUnknown, match="flowork pair"):
            await api.sign_in()


GOOD = {"engine": "lab", "kind": "echo"}
BAD_BODIES = {
    "no JSON": b"{",
    "empty": b"",
    "a list": b"[]",
    "NaN": b'{"engine":"lab","kind":"echo","payload":NaN}',
    "infinity": b'{"engine":"lab","kind":"echo","payload":[1e999]}',
    "a lone surrogate": b'{"engine":"lab","kind":"echo","payload":"\\ud800"}',
    "not UTF-8": b'{"engine":"lab","kind":"\xff"}',
    "too deep": b'{"engine":"lab","kind":"echo","payload":' + b"[" * 40 + b"]" * 40 + b"}",
    "an unknown field": json.dumps({**GOOD, "colour": "red"}).encode(),
    "a priority out of range": json.dumps({**GOOD, "priority": 6}).encode(),
    "a text for a number": json.dumps({**GOOD, "max_attempts": "3"}).encode(),
    "true for a number": json.dumps({**GOOD, "priority": True}).encode(),
    "a time without an offset": json.dumps({**GOOD, "run_at": "2030-01-01T00:00:00"}).encode(),
    "a negative timeout": json.dumps({**GOOD, "timeout_s": -1}).encode(),
    "two documents": b"{} {}",
}


@pytest.mark.parametrize("name", BAD_BODIES)
async def test_a_bad_body_is_refused_with_a_reason_and_without_an_echo_of_it(site: Site, name: str):
    status, problem, response = await site.submit_raw(BAD_BODIES[name])
    assert (status, problem["code"], response.content_type) == (400, "request.invalid", "application/problem+json")
    assert problem["request_id"] == response.headers["X-Request-Id"]
    assert "red" not in json.dumps(problem)
    assert "Traceback" not in json.dumps(problem)


async def test_a_body_that_is_too_large_is_refused(site: Site):
    big = json.dumps({**GOOD, "payload": "x" * (limits.SUBMIT_BODY_MAX_BYTES + 1)}).encode()
    assert (await site.submit_raw(big))[0] == 413


async def test_a_payload_at_the_limit_is_taken(site: Site):
    fits = json.dumps({**GOOD, "payload": {"reply": "x" * (limits.PAYLOAD_MAX_BYTES - 12)}}).encode()
    assert (await site.submit_raw(fits, **{"Idempotency-Key": "large"}))[0] == 201
    over = json.dumps({**GOOD, "payload": {"reply": "x" * (limits.PAYLOAD_MAX_BYTES - 11)}}).encode()
    assert (await site.submit_raw(over, **{"Idempotency-Key": "larger"}))[0] == 413


async def test_a_submit_without_a_key_is_refused(site: Site):
    status, problem, _ = await site.signed("POST", "/api/v1/jobs", json.dumps(GOOD).encode())
    assert (status, problem["code"]) == (400, "idempotency.key_missing")


@pytest.mark.parametrize(
    ("key", "code"), [("x" * 256, "request.invalid"), ("with space", "request.invalid"), ("naïve", "request.bad_header")]
)
async def test_a_bad_key_is_refused(site: Site, key: str, code: str):
    status, problem, _ = await site.submit_raw(json.dumps(GOOD).encode(), **{"Idempotency-Key": key})
    assert (status, problem["code"]) == (400, code)


async def test_a_replay_says_that_it_is_one(site: Site):
    first = await site.submit_raw(json.dumps(GOOD).encode(), **{"Idempotency-Key": "again"})
    second = await site.submit_raw(json.dumps(GOOD).encode(), **{"Idempotency-Key": "again"})
    assert (first[0], second[0]) == (201, 200)
    assert second[2].headers["Idempotent-Replayed"] == "true"
    assert first[1]["job"]["id"] == second[1]["job"]["id"]
    assert first[2].headers["Location"].endswith(first[1]["job"]["id"])


async def test_other_media_types_and_encodings_are_refused(site: Site):
    for headers in ({"Content-Type": "text/plain"}, {"Content-Encoding": "gzip"}):
        status, problem, _ = await site.submit_raw(json.dumps(GOOD).encode(), **headers)
        assert (status, problem["code"]) == (415, "request.media_type_unsupported")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Host": "evil.example"}, 421, "request.host_not_allowed"),
        ({"Origin": "https://evil.example"}, 403, "origin.not_allowed"),
        ({"X-Forwarded-For": "1.2.3.4"}, 400, "request.forwarded_not_allowed"),
        ({"Forwarded": "for=1.2.3.4"}, 400, "request.forwarded_not_allowed"),
    ],
)
async def test_what_does_not_come_from_here_is_refused(site: Site, headers: dict[str, str], status: int, code: str):
    answered, problem, _ = await site.ask("GET", "/healthz", headers=headers)
    assert (answered, problem["code"]) == (status, code)


async def test_unknown_routes_and_methods_answer_with_problems_too(site: Site):
    assert (await site.ask("GET", "/nothing"))[1]["code"] == "request.route_unknown"
    status, problem, response = await site.ask("PUT", "/api/v1/jobs")
    assert (status, problem["code"]) == (405, "request.method_not_allowed")
    assert "POST" in response.headers["Allow"]


@pytest.mark.parametrize("job", [JOB, "nonsense", "abcdefghijklmnop_nonsense", "../x"])
async def test_a_job_that_is_not_ones_own_or_none_at_all_is_not_found(site: Site, job: str):
    status, problem, _ = await site.signed("GET", f"/api/v1/jobs/{job}")
    assert (status, problem["code"]) in {(404, "job.not_found"), (404, "request.route_unknown")}


@pytest.mark.parametrize("query", ["after=%25%25", "after=bm9uc2Vuc2U", "wait_ms=-1", "wait_ms=99999999", "wait_ms=x"])
async def test_a_bad_cursor_or_wait_is_refused(site: Site, query: str):
    status, problem, _ = await site.signed("GET", f"/api/v1/events?{query}")
    assert status == 400
    assert problem["code"] in {"request.invalid", "request.cursor_invalid"}


async def test_an_unknown_engine_is_named_as_such(site: Site):
    status, problem, _ = await site.submit_raw(json.dumps({"engine": "nobody", "kind": "echo"}).encode())
    assert (status, problem["code"]) == (404, "engine.unknown")


async def test_a_batch_judges_each_item_by_itself(site: Site):
    items = [
        {**GOOD, "idempotency_key": "b1"},
        {**GOOD, "idempotency_key": "b1", "kind": "http"},
        {"engine": "nobody", "kind": "echo", "idempotency_key": "b2"},
        {**GOOD, "idempotency_key": "b1"},
    ]
    status, answer, _ = await site.signed("POST", "/api/v1/jobs:batch", json.dumps({"items": items}).encode())
    assert status == 200
    assert [result["status"] for result in answer["results"]] == [201, 422, 404, 200]


async def test_health_and_readiness_answer_strangers(site: Site):
    assert (await site.ask("GET", "/healthz"))[1] == {"live": True, "ready": True}
    assert (await site.ask("GET", "/readyz"))[:2] == (200, {"ready": True})


async def test_a_traceparent_runs_from_the_submit_to_the_job(site: Site):
    trace = "0af7651916cd43dd8448eb211c80319c"
    sent = {"traceparent": f"00-{trace}-b7ad6b7169203331-01", "Idempotency-Key": "traced"}
    assert (await site.submit_raw(json.dumps(GOOD).encode(), **sent))[1]["job"]["trace_id"] == trace
    sent = {"traceparent": "00-nonsense", "Idempotency-Key": "untraced"}
    status, answer, _ = await site.submit_raw(json.dumps(GOOD).encode(), **sent)
    assert status == 201
    assert len(answer["job"]["trace_id"]) == 32


async def test_a_full_queue_says_when_to_come_back(tmp_path):
    async with gateway_on(tmp_path / "g", hard_cap=2, user_share=1.0) as gateway:
        await add_engine(gateway)
        async with open_api(gateway.address, KEYS, gateway.gateway_key) as api:
            await api.sign_in()
            site = Site(gateway, await add_engine(gateway, "shed"), api._session, api)
            for n, expected in enumerate((201, 201, 429)):
                status, problem, response = await site.submit_raw(json.dumps(GOOD).encode(), **{"Idempotency-Key": str(n)})
                assert status == expected
                if expected == 429:
                    assert problem["code"] == "queue.full"
                    assert response.headers["Retry-After"] == str(problem["retry_after"])


async def test_a_full_disk_answers_507_and_what_was_acknowledged_is_done(tmp_path):
    async with gateway_on(tmp_path / "g") as gateway:
        added = await add_engine(gateway)
        async with signed_in(gateway, "lab") as user:
            first = await user.submit(payload={"reply": "first"})
            (shard,) = gateway._parts.shards.open_now()
            connection = shard._writer._connection
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages + 20}")
            kept = [first]
            with pytest.raises(StorageFull) as full:
                while len(kept) < 500:
                    kept += [await user.submit(payload={"reply": "x" * 9000})]
            assert (full.value.status, full.value.retry_after_s) == (507, 30)
            connection.execute("PRAGMA max_page_count = 1073741823")
            async with engine_for(gateway.address, added, tmp_path / "e"):
                for job in kept:
                    await user.reaches(job, JobState.SUCCEEDED)


async def test_a_draining_gateway_takes_no_new_jobs(tmp_path):
    async with gateway_on(tmp_path / "g") as gateway:
        await add_engine(gateway)
        async with open_api(gateway.address, KEYS, gateway.gateway_key) as api:
            await api.sign_in()
            await gateway.drain()
            with pytest.raises(ServerDraining) as refused:
                await api.submit(JobDraft(**GOOD), "k")
            assert refused.value.retry_after_s


async def test_a_stop_sends_waiting_pollers_home_at_once(tmp_path):
    loop = asyncio.get_running_loop()
    async with gateway_on(tmp_path / "g") as gateway, open_api(gateway.address, KEYS, gateway.gateway_key) as api:
        await api.sign_in()
        waiting = asyncio.create_task(api.events("latest", wait_ms=25_000))
        cursor = (await api.events("latest")).next
        waiting = asyncio.gather(waiting, api.events(cursor, wait_ms=25_000), return_exceptions=True)

        async def polling() -> bool:
            return bool(gateway._parts.fanout._arrivals)

        await until(polling)
        began = loop.time()
    await waiting
    assert loop.time() - began < 10
