"""Attacks on engines' doors (security reference §8.1, group F).

F06 does not apply: protocol §3 knows no scopes; a token opens the whole engine link and nothing else.
"""

import asyncio
import io
import json
import logging
import statistics
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from contract import limits, opaque_token
from contract.admin import EngineAdded
from contract.errors import EngineTokenInvalid
from contract.events import Event
from contract.jobs import JobDraft
from contract.words import JobState, Role
from engine.store.tokens import MemoryTokens
from gateway.operations.engine_auth import OVERDUE_US
from kit.clock import SECOND
from tests.support.doors import Doors, claim, doors, finish
from tests.support.house import until
from tests.support.inside import SleepyClock, engine_for
from tests.support.queue import chance

JOB = "abcdefghijklmnop_01900000-0000-7000-8000-000000000000"
LINK = [
    ("POST", "/internal/v1/claim"),
    ("POST", "/internal/v1/heartbeat"),
    ("POST", "/internal/v1/events"),
    ("POST", f"/internal/v1/jobs/{JOB}/finish"),
    ("POST", "/internal/v1/token"),
    ("GET", "/internal/v1/whitelist"),
]
SHARED = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Doors]:
    async with doors(tmp_path_factory.mktemp("F") / "g", lease_ms=30_000) as opened:
        yield opened


def altered(token: str) -> str:
    return token[:-1] + ("a" if token[-1] != "a" else "b")


def other_secret(token: str) -> str:
    """The id of a live token with a secret and checksum of one's own."""
    parsed = opaque_token.parse("e", token)
    assert parsed is not None
    made = opaque_token.mint("e", chance(3)).text
    body = f"fwe1_{parsed.id}_{made[16:59]}"
    return body + opaque_token._base62(zlib.crc32(body.encode()), 6)


@SHARED
async def test_F01_wrong_tokens_open_nothing_and_look_alike(site: Doors):
    unknown, forged = opaque_token.mint("e", chance(9)).text, other_secret(site.lab.token)
    wrong = ["", "garbage", altered(site.lab.token), unknown, forged, site.lab.token.replace("fwe1", "fwr1"), site.lab.token + " "]
    job = await site.ann.submit()
    for method, path in LINK:
        assert await site.refusal(method, path, {"X-Engine-Id": site.lab.id}, data=b"{}") == (401, "engine.token_invalid")
        for token in wrong[:-1]:
            assert await site.refusal(method, path, {"X-Engine-Id": site.lab.id, "X-Engine-Token": token}, data=b"{}") == (
                401,
                "engine.token_invalid",
            )
    await site.untouched(job, "queued")
    await site.ann.api.cancel(job.id)
    tokens = site.gateway._parts.operations.tokens

    took: dict[str, list[float]] = {unknown: [], forged: []}
    for _ in range(10_000):
        for token, times in took.items():
            began = time.perf_counter_ns()
            try:
                tokens._recognised(site.lab.id, token)
            except EngineTokenInvalid:
                times.append(time.perf_counter_ns() - began)
    one, two = (sorted(times)[:9500] for times in took.values())
    gap = abs(statistics.mean(one) - statistics.mean(two))
    noise = (statistics.pvariance(one) / len(one) + statistics.pvariance(two) / len(two)) ** 0.5
    print(f"unknown id against wrong secret: {gap:.0f} ns apart, {gap / noise:.1f} sigma")


@SHARED
async def test_F02_each_kind_of_credential_opens_its_own_doors_only(site: Doors):
    person, engine = {"Authorization": f"DPoP {site.ann.api._tokens.access_token}"}, site.key(site.lab)
    admin = {"X-Flowork-Admin": "0" * 64}
    for method, path in LINK:
        for headers in (person, admin, {"Authorization": f"Bearer {site.lab.token}"}, {**person, "X-Engine-Id": site.lab.id}):
            assert await site.refusal(method, path, headers, data=b"{}") == (401, "engine.token_invalid")
    for headers in (engine, admin, {"Authorization": f"Bearer {site.lab.token}"}, {"Authorization": site.lab.token}):
        for method, path in (("GET", "/api/v1/jobs"), ("POST", "/api/v1/jobs"), ("GET", "/api/v1/events"), ("GET", f"/api/v1/jobs/{JOB}")):
            status, code = await site.refusal(method, path, headers, data=b"{}")
            assert status == 401
            assert code.startswith("auth.")
    for headers in (person, engine, admin):
        assert (await site.refusal("POST", "/admin/v1/engines/lab/revoke", headers, json={}))[0] == 404
    assert (await site.ask("GET", "/internal/v1/whitelist", engine))[0] == 200


@SHARED
async def test_F03_an_engine_cannot_touch_a_job_of_another(site: Doors):
    job = await site.ann.submit()
    lease = await site.lease(site.lab)
    assert lease["job"] == job.id
    stranger = site.key(site.den)
    held = {"job": job.id, "token": lease["token"]}
    beat = {"instance": "b" * 32, "leases": [held], "stats": {"slots": 1, "busy": 1}}
    said = {"instance": "b" * 32, "items": [{**held, "output": {"offset": 0, "text": "mine"}}]}
    for path, body in (
        (f"/internal/v1/jobs/{job.id}/finish", finish(lease)),
        ("/internal/v1/heartbeat", beat),
        ("/internal/v1/events", said),
        ("/internal/v1/claim", claim("b", running=[held])),
        ("/internal/v1/claim", claim("b", finished=[{"job": job.id, **finish(lease)}])),
    ):
        assert await site.refusal("POST", path, stranger, json=body) == (404, "job.not_found")
    assert (await site.ask("POST", "/internal/v1/claim", stranger, json=claim("b")))[1]["leases"] == []
    await site.untouched(job, "running")
    assert (await site.ask("POST", f"/internal/v1/jobs/{job.id}/finish", site.key(site.lab), json=finish(lease)))[0] == 200


@SHARED
async def test_F04_a_token_under_another_engines_name_is_refused(site: Doors):
    job = await site.ann.submit()
    for named in (site.den.id, "lab", "abcdefghijklmnop", ""):
        headers = {"X-Engine-Id": named, "X-Engine-Token": site.lab.token}
        for method, path in LINK:
            assert await site.refusal(method, path, headers, json=claim()) == (403, "engine.id_mismatch")
    assert await site.refusal("POST", "/internal/v1/claim", {"X-Engine-Token": site.lab.token}, json=claim()) == (403, "engine.id_mismatch")
    status, code = await site.refusal("POST", "/internal/v1/claim", site.key(site.lab), json=claim() | {"engine_id": site.den.id})
    assert (status, code) == (400, "request.invalid")
    await site.untouched(job, "queued")
    lease = await site.lease(site.lab)
    await site.ask("POST", f"/internal/v1/jobs/{lease['job']}/finish", site.key(site.lab), json=finish(lease))


async def test_F05_a_revoked_engine_is_out_at_once_and_another_finishes_its_job(tmp_path):
    async with doors(tmp_path / "g", lease_ms=30_000) as site:
        operations = site.gateway._parts.operations
        other = await operations.tokens.mint(site.lab.id, "other")
        job = await site.ann.submit()
        lease = await site.lease(site.lab)
        waiting = asyncio.create_task(site.refusal("POST", "/internal/v1/claim", site.key(site.lab), json=claim("b", wait_ms=25_000)))

        async def both() -> bool:
            (status,) = [engine for engine in (await operations.owner.status()).engines if engine.name == "lab"]
            return len(status.instances) == 2

        await until(both)
        began = time.monotonic()
        told = await operations.engines.revoke("lab", "first", compromised=True)
        assert [(each.installation, each.jobs_returned) for each in told.revoked] == [("first", 1)]
        assert await waiting == (401, "engine.token_revoked")
        for method, path in LINK:
            assert await site.refusal(method, path, site.key(site.lab), data=b"{}") == (401, "engine.token_revoked")
        again = await site.lease(site.lab, "c", other)
        assert time.monotonic() - began < 2
        assert (again["job"], again["attempt"]) == (job.id, 2)
        late = await site.refusal("POST", f"/internal/v1/jobs/{job.id}/finish", site.key(site.lab), json=finish(lease, "stolen"))
        assert late == (401, "engine.token_revoked")
        # Nor does the lease help in other hands.
        stale = await site.refusal("POST", f"/internal/v1/jobs/{job.id}/finish", site.key(site.lab, other), json=finish(lease, "stolen"))
        assert stale == (409, "lease.lost")
        status, _ = await site.ask("POST", f"/internal/v1/jobs/{job.id}/finish", site.key(site.lab, other), json=finish(again, "honest"))
        assert status == 200
        assert (await site.ann.api.job(job.id)).result == "honest"
        events = [record.event for record in (await operations.audit.page(None, 50)).records]
        assert {"engine.token_revoked", "engine.token_compromised"} <= set(events)


async def test_F07_twenty_rotations_under_fifty_claims_a_second_cost_nothing(tmp_path, caplog: pytest.LogCaptureFixture):
    caplog.set_level("DEBUG", "flowork.http")
    async with doors(tmp_path / "g", lease_ms=30_000, engine_token_retires_s=0.5) as site:
        operations, keeper = site.gateway._parts.operations, MemoryTokens(site.lab.token)
        async with engine_for(site.gateway.address, site.lab, tmp_path / "e", slots=1, heartbeat_s=0.2, keeper=keeper):
            done, jobs, began = asyncio.Event(), [], time.monotonic()

            async def submits() -> None:
                """55 jobs a second, each with a claim of its own; what was late is made up for."""
                while not done.is_set():
                    await asyncio.sleep(max(0.0, began + len(jobs) / 55 - time.monotonic()))
                    draft = JobDraft(engine="lab", kind="echo", payload={"reply": len(jobs)})
                    jobs.append((await site.ann.api.submit(draft, f"k{len(jobs)}")).job)

            load = asyncio.create_task(submits())
            for _ in range(20):
                (before,) = await keeper.read()
                await operations.engines.rotate("lab", None)

                async def changed(before: str = before) -> bool:
                    kept = await keeper.read()
                    return len(kept) == 1 and kept[0] != before

                await until(changed)
            done.set()
            await load
            seconds = time.monotonic() - began
            for job in jobs:
                await site.ann.reaches(job, JobState.SUCCEEDED)
        calls = [record.flowork_fields for record in caplog.records if record.getMessage() == "http.request"]
        link = [call for call in calls if str(call["route"]).startswith("/internal")]
        assert {call["status"] for call in link} <= {200, 499}
        ends = Counter(event.data["id"] for event in await _all_events(site) if event.data.get("state") == "succeeded")
        assert ends == Counter({job.id: 1 for job in jobs})
        details = [await site.ann.api.job(job.id) for job in jobs]
        assert [(detail.attempt, detail.result) for detail in details] == [(1, number) for number in range(len(jobs))]
        rotated = [record for record in (await operations.audit.page(None, 1000)).records if record.event == "engine.token_rotated"]
        assert len(rotated) == 20
        claims = sum(call["route"] == "/internal/v1/claim" for call in link)
        print(f"20 rotations in {seconds:.1f} s; each second {len(jobs) / seconds:.0f} jobs and {claims / seconds:.0f} claims")


async def _all_events(site: Doors) -> list[Event]:
    events: list[Event] = []
    cursor = "e30"
    while (page := await site.ann.api.events(cursor, wait_ms=0)).events:
        events += page.events
        cursor = page.next
    return events


async def test_F08_a_rotation_that_is_never_picked_up_locks_nobody_out_and_is_told(tmp_path):
    clock = SleepyClock()
    async with doors(tmp_path / "g", lease_ms=30_000, clock=clock) as site:
        operations = site.gateway._parts.operations
        await operations.engines.rotate("lab", None)
        assert (await site.ask("POST", "/internal/v1/claim", site.key(site.lab), json=claim()))[1]["directive"] == "rotate"
        clock.sleep_machine(OVERDUE_US / SECOND)
        await operations.tokens.tidy()
        (lab, _) = (await operations.engines.listing()).engines
        assert [each.state for each in lab.installations] == ["overdue"]
        assert "engine.rotation_overdue" in [record.event for record in (await operations.audit.page(None, 20)).records]
        # An unused new one changes nothing either.
        await site.ask("POST", "/internal/v1/token", site.key(site.lab))
        clock.sleep_machine(40 * 24 * 3600)
        await operations.tokens.tidy()
        assert (await site.ask("POST", "/internal/v1/claim", site.key(site.lab), json=claim()))[0] == 200


@SHARED
async def test_F09_a_token_anywhere_but_in_its_header_is_ignored_and_logged_nowhere(site: Doors, caplog: pytest.LogCaptureFixture):
    caplog.set_level("DEBUG")
    token, job = site.lab.token, await site.ann.submit()
    for path in (f"/internal/v1/claim?token={token}&x-engine-token={token}", f"/internal/v1/claim?X-Engine-Id={site.lab.id}"):
        body = {**claim(), "token": token, "engine_id": site.lab.id, "X-Engine-Token": token}
        assert await site.refusal("POST", path, {"X-Engine-Id": site.lab.id}, json=body) == (401, "engine.token_invalid")
    cookie = {"X-Engine-Id": site.lab.id, "Cookie": f"X-Engine-Token={token}"}
    assert await site.refusal("POST", "/internal/v1/claim", cookie, json=claim()) == (401, "engine.token_invalid")
    headers = {**site.key(site.lab), "X-Engine-ID": site.lab.id}
    status, answer = await site.ask("POST", "/internal/v1/claim", headers, json={**claim(), "token": token})
    assert status == 400
    assert token not in json.dumps(answer)
    await site.untouched(job, "queued")
    # Ours only: pytest listens also to loggers that are silenced, as the server's own access log is.
    assert not any(token[16:] in str(record.__dict__) for record in caplog.records if record.name.startswith("flowork"))
    assert not logging.getLogger("uvicorn.access").propagate
    lease = await site.lease(site.lab)
    await site.ask("POST", f"/internal/v1/jobs/{job.id}/finish", site.key(site.lab), json=finish(lease))


async def test_F10_a_second_word_on_a_job_does_not_count(tmp_path):
    async with doors(tmp_path / "g", lease_ms=500, heartbeat_grace_ms=0) as site:
        key = site.key(site.lab)
        job = await site.ann.submit()
        path = f"/internal/v1/jobs/{job.id}/finish"
        first = await site.lease(site.lab)
        foreign = {**first, "token": "0" * 32}
        assert await site.refusal("POST", path, key, json=finish(foreign, "forged")) == (409, "lease.lost")
        await site.untouched(job, "running")

        async def claimed_again() -> dict[str, str] | None:
            answer = (await site.ask("POST", "/internal/v1/claim", key, json=claim("b")))[1]
            return answer["leases"][0] if answer["leases"] else None

        second = await until(claimed_again)
        assert await site.refusal("POST", path, key, json=finish(first, "late")) == (409, "lease.lost")
        assert (await site.ask("POST", path, key, json=finish(second, "right")))[0] == 200
        assert (await site.ask("POST", path, key, json=finish(second, "right")))[0] == 200  # the same word again
        assert await site.refusal("POST", path, key, json=finish(second, "changed")) == (409, "lease.conflict")
        assert await site.refusal("POST", path, key, json=finish(second, outcome="failed")) == (409, "lease.conflict")
        assert (await site.ann.api.job(job.id)).result == "right"


async def test_F11_an_engine_learns_nothing_of_users_who_are_not_its_own(tmp_path):
    async with doors(tmp_path / "g", lease_ms=30_000) as site:
        ann, bob = [user.id for user in site.gateway._parts.operations.sessions.users()]
        site.members.update({ann, bob})
        sharing = site.gateway._parts.operations.engines.sharing
        await sharing.share("lab", ann, Role.RUNNER, None, "owner")
        await sharing.share("den", bob, Role.RUNNER, None, "owner")
        job = await site.bob.submit(engine="den", payload={"reply": "secret"})
        assert (await site.ask("GET", "/internal/v1/whitelist", site.key(site.lab)))[1]["users"] == [ann]
        for method, path in (
            ("GET", f"/internal/v1/jobs/{job.id}"),
            ("GET", f"/internal/v1/jobs?user={bob}"),
            ("GET", "/internal/v1/users"),
            ("GET", f"/internal/v1/whitelist/{site.den.id}"),
        ):
            assert (await site.refusal(method, path, site.key(site.lab)))[0] == 404
        claimed = (await site.ask("POST", "/internal/v1/claim", site.key(site.lab), json=claim(max=5)))[1]
        assert claimed["leases"] == []
        assert bob not in json.dumps(claimed)
        await site.untouched(job, "queued", site.bob)


@SHARED
async def test_F12_hostile_bodies_are_refused_and_the_job_runs_on(site: Doors):
    job = await site.ann.submit()
    lease = await site.lease(site.lab)
    path, headers = f"/internal/v1/jobs/{job.id}/finish", {**site.key(site.lab), "Content-Type": "application/json"}
    token = lease["token"].encode()
    deep = b"[" * 40 + b"]" * 40
    bodies = {
        b'{"token":"%s","outcome":"succeeded","result":"%s"}' % (token, b"x" * limits.RESULT_MAX_BYTES): (413, "request.body_too_large"),
        b'{"token":"%s","outcome":"succeeded","result":"%s"}' % (token, b"x" * 5 * limits.MIB): (413, "request.body_too_large"),
        b'{"token":"%s","outcome":"succeeded","result":%s}' % (token, deep): (400, "request.invalid"),
        b'{"token":"%s","outcome":"succeeded","result":NaN}' % token: (400, "request.invalid"),
        b'{"token":"%s","outcome":"succeeded","result":1e999}' % token: (400, "request.invalid"),
        b'{"token":"%s","outcome":"succeeded","result":"\\ud800"}' % token: (400, "request.invalid"),
        b'{"token":"%s","outcome":"succeeded"' % token: (400, "request.invalid"),
    }
    for body, refusal in bodies.items():
        assert await site.refusal("POST", path, headers, data=io.BytesIO(body)) == refusal, body[:80]
        await site.untouched(job, "running")
    assert (await site.ask("POST", path, site.key(site.lab), json=finish(lease)))[0] == 200


async def test_a_token_that_was_exchanged_by_a_thief_leaves_a_trace(tmp_path):
    """Whoever uses a stolen token first, the other side's next exchange is refused, and both are in the audit log."""
    async with doors(tmp_path / "g") as site:
        tokens = site.gateway._parts.operations.tokens
        stolen: EngineAdded = site.lab
        status, answer = await site.ask("POST", "/internal/v1/token", site.key(stolen))
        assert status == 200
        assert (await site.ask("GET", "/internal/v1/whitelist", site.key(stolen, answer["token"])))[0] == 200
        assert await site.refusal("POST", "/internal/v1/token", site.key(stolen)) == (409, "engine.token_superseded")
        events = [record.event for record in (await tokens.audit.page(None, 20)).records]
        assert {"engine.token_issued", "engine.token_rotated", "engine.token_superseded"} <= set(events)


@SHARED
@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"code":"x"}', b'{"code":"x","installation_name":"../x"}', b'{"code":["x"],"installation_name":"x"}'],
)
async def test_enrolment_takes_nothing_but_what_it_asks_for(site: Doors, body: bytes):
    headers = {"Content-Type": "application/json"}
    assert await site.refusal("POST", "/internal/v1/enrol", headers, data=body) == (400, "request.invalid")


@SHARED
async def test_a_wrong_enrolment_code_is_refused_and_makes_nothing(site: Doors):
    before = await site.gateway._parts.operations.engines.listing()
    for code in ("x", "0" * 30, "O" * 64):
        body = {"code": code, "installation_name": "box"}
        assert await site.refusal("POST", "/internal/v1/enrol", json=body) == (401, "engine.code_invalid")
    long = {"code": "0" * 2000, "installation_name": "box"}
    assert await site.refusal("POST", "/internal/v1/enrol", json=long) == (413, "request.body_too_large")
    assert await site.gateway._parts.operations.engines.listing() == before
