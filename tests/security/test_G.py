"""Attacks between users (security reference §8.1, group G)."""

import base64
import json
import statistics
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from contract.errors import EngineUnknown
from contract.events import SOCKET_NAMESPACE
from contract.jobs import JobDraft
from contract.words import JobState, Role
from tests.support.doors import Doors, doors, finish, socket_of
from tests.support.house import until
from tests.support.inside import engine_for

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Doors]:
    async with doors(tmp_path_factory.mktemp("G") / "g", lease_ms=30_000) as opened:
        yield opened


BEGINNING = "e30"
"""The cursor before everything: {}."""


def random_id(site: Doors) -> str:
    return f"{site.lab.id}_01900000-0000-7000-8000-{int.from_bytes(b'random'):012x}"


async def test_G01_a_foreign_job_is_as_unknown_as_one_that_never_was(site: Doors):
    await site.ann.submit()  # she has been to this queue, so that its file is asked
    job = await site.bob.submit(payload={"reply": "secret"})
    for method, rest in (("GET", ""), ("POST", "/cancel"), ("POST", "/redrive"), ("DELETE", "")):
        answers = []
        for wanted in (job.id, random_id(site)):
            status, problem = await site.ask(method, f"/api/v1/jobs/{wanted}{rest}", user=site.ann)
            problem.pop("request_id")
            answers.append((status, problem))
        assert answers[0] == answers[1]
        assert (answers[0][0], answers[0][1]["code"]) == (404, "job.not_found")
    await site.untouched(job, "queued", site.bob)

    async def spent(wanted: str) -> list[float]:
        took = []
        for _ in range(100):
            began = time.perf_counter()
            await site.ask("GET", f"/api/v1/jobs/{wanted}", user=site.ann)
            took.append(time.perf_counter() - began)
        return took

    foreign, unknown = statistics.median(await spent(job.id)), statistics.median(await spent(random_id(site)))
    print(f"a foreign job answers in {foreign * 1000:.2f} ms, an unknown one in {unknown * 1000:.2f} ms")
    await site.bob.api.cancel(job.id)


async def test_G02_no_filter_shows_anothers_jobs(site: Doors):
    mine, theirs = await site.ann.submit(), await site.bob.submit()
    bob = (await site.bob.api.job(theirs.id)).id
    for query in ("", f"?user_id={bob}", f"?user={bob}", "?engine=lab", "?kind=echo", "?state=queued&limit=200"):
        status, page = await site.ask("GET", f"/api/v1/jobs{query}", user=site.ann)
        assert status == 200
        ids = [job["id"] for job in page["jobs"]]
        assert mine.id in ids
        assert theirs.id not in ids
    for user in (site.ann, site.bob):
        seen = {event.data["id"] for event in (await user.api.events(BEGINNING, wait_ms=0)).events}
        assert ({mine.id, theirs.id} & seen) == {mine.id if user is site.ann else theirs.id}
    body = {"states": ["cancelled"], "engine": "lab", "user": bob}
    assert await site.refusal("POST", "/api/v1/jobs:purge", user=site.ann, json=body) == (400, "request.invalid")


async def test_G03_anothers_idempotency_key_is_a_key_of_ones_own(site: Doors):
    theirs = await site.bob.submit("shared-key", payload={"reply": "secret"})
    draft = JobDraft(engine="lab", kind="echo", payload={"reply": 2})
    told = await site.ann.api.submit(draft, "shared-key")
    assert told.job.id != theirs.id
    assert (await site.ann.api.job(told.job.id)).payload == {"reply": 2}
    status, answer = await site.ask(
        "POST", "/api/v1/jobs", {"Idempotency-Key": "shared-key"}, user=site.ann, json=draft.model_dump(mode="json")
    )
    assert (status, answer["job"]["id"]) == (200, told.job.id)


HOSTILE = [
    ("join", lambda room, _sid, _job: {"room": room}),
    ("enter_room", lambda room, _sid, _job: room),
    ("subscribe", lambda room, sid, job: {"job": job, "user": room, "sid": sid}),
    ("job.updated", lambda _room, _sid, job: {"id": job, "state": "succeeded"}),
    ("connect", lambda _room, sid, _job: {"sid": sid}),
    ("disconnect", lambda _room, sid, _job: sid),
    ("*", lambda _room, sid, _job: sid),
    ("auth.refresh", lambda _room, sid, _job: {"sid": sid}),
]


@pytest.mark.parametrize(("name", "data"), HOSTILE, ids=[name for name, _ in HOSTILE])
async def test_G04_a_socket_cannot_get_into_anothers_room(site: Doors, name: str, data):
    bob, address = site.gateway._parts.operations.sessions.users()[1].id, site.gateway.address
    job = await site.bob.submit()
    async with socket_of(address, site.bob) as (other, _), socket_of(address, site.ann, user=bob, room=f"user:{bob}") as (client, heard):
        await client.emit(name, data(f"user:{bob}", other.get_sid(SOCKET_NAMESPACE), job.id), namespace=SOCKET_NAMESPACE)
        theirs = await site.bob.submit()
        mine = await site.ann.submit()  # events go out in order: once this one is heard, a foreign one would have been

        async def settled() -> bool:
            return not client.connected or any(event["data"]["id"] == mine.id for event in heard)

        await until(settled)
        assert not {job.id, theirs.id} & {event["data"]["id"] for event in heard}
    await site.untouched(job, "queued", site.bob)


async def test_G04_a_refresh_with_anothers_token_is_refused(site: Doors):
    async with socket_of(site.gateway.address, site.ann) as (client, _):
        answer = await client.call("auth.refresh", site.bob.api.socket_auth(), namespace=SOCKET_NAMESPACE)
        assert answer == {"ok": False, "code": "auth.token_invalid"}


async def test_G05_anothers_cursor_and_a_forged_one_show_nothing_foreign(site: Doors):
    for _ in range(3):
        await site.bob.submit()
        await site.ann.submit()
    _, page = await site.ask("GET", "/api/v1/jobs?limit=2", user=site.bob)
    cursors = [page["next"], (await site.bob.api.events("latest", wait_ms=0)).next]
    bobs = {job["id"] for job in (await site.ask("GET", "/api/v1/jobs?limit=200", user=site.bob))[1]["jobs"]}
    status, listed = await site.ask("GET", f"/api/v1/jobs?cursor={cursors[0]}", user=site.ann)
    assert status == 200
    assert not {job["id"] for job in listed["jobs"]} & bobs
    events = (await site.ann.api.events(cursors[1], wait_ms=0)).events
    assert not {event.data["id"] for event in events} & bobs
    forged = base64.urlsafe_b64encode(json.dumps({site.lab.id: 0, site.den.id: 0, "../../x": 1}).encode()).decode().rstrip("=")
    answer = await site.ask("GET", f"/api/v1/events?after={forged}", user=site.ann)
    assert answer[0] in {200, 400}
    assert not {event["data"]["id"] for event in answer[1].get("events", [])} & bobs
    for broken in ("x", "%00", "W10", "eyJhIjotMX0", "nonsense" * 50):
        assert await site.refusal("GET", f"/api/v1/events?after={broken}", user=site.ann) == (400, "request.cursor_invalid")
        assert await site.refusal("GET", f"/api/v1/jobs?cursor={broken}", user=site.ann) == (400, "request.cursor_invalid")


async def test_an_engine_that_is_not_shared_is_as_unknown_as_one_that_never_was(tmp_path):
    async with doors(tmp_path / "g") as site:
        _, bob = [user.id for user in site.gateway._parts.operations.sessions.users()]
        site.members.add(bob)
        operations = site.gateway._parts.operations
        draft = {"engine": "den", "kind": "echo"}
        headers = {"Idempotency-Key": "k"}

        async def problems(engine: str) -> list[object]:
            """All that the API says of an engine, but for what differs at each request."""
            found: list[object] = []
            status, problem = await site.ask("POST", "/api/v1/jobs", headers, user=site.bob, json={**draft, "engine": engine})
            found.append((status, {**problem, "request_id": ""}))
            batch = {"items": [{**draft, "engine": engine, "idempotency_key": "b"}]}
            _, answer = await site.ask("POST", "/api/v1/jobs:batch", user=site.bob, json=batch)
            found.append(answer["results"])
            for method, path, body in (
                ("GET", f"/api/v1/jobs?engine={engine}", None),
                ("POST", "/api/v1/jobs:purge", {"engine": engine, "states": ["dead"]}),
            ):
                status, problem = await site.ask(method, path, user=site.bob, json=body)
                found.append((status, {**problem, "request_id": ""}))
            return found

        unknown = await problems("nowhere")
        for name in ("den", site.den.id):
            assert await problems(name) == unknown
        assert unknown[0][0] == 404
        assert unknown[0][1]["code"] == EngineUnknown.code
        await operations.engines.sharing.share("den", "bob", Role.VIEWER, None, "owner")
        assert await site.refusal("POST", "/api/v1/jobs", headers, user=site.bob, json=draft) == (403, "engine.role_insufficient")
        await operations.engines.sharing.share("den", "bob", Role.RUNNER, None, "owner")
        status, answer = await site.ask("POST", "/api/v1/jobs", headers, user=site.bob, json=draft)
        assert status == 201
        await operations.engines.sharing.unshare("den", "bob", "owner")
        assert await site.refusal("POST", "/api/v1/jobs", {"Idempotency-Key": "new"}, user=site.bob, json=draft) == (404, "engine.unknown")
        assert (await site.ask("GET", f"/api/v1/jobs/{answer['job']['id']}", user=site.bob))[0] == 200


async def test_a_job_of_somebody_who_was_unshared_meanwhile_is_refused_by_the_engine(tmp_path):
    async with doors(tmp_path / "g", lease_ms=30_000) as site:
        _, bob = [user.id for user in site.gateway._parts.operations.sessions.users()]
        site.members.add(bob)
        operations = site.gateway._parts.operations
        await operations.engines.sharing.share("lab", "bob", Role.RUNNER, None, "owner")
        running, allowed = await site.bob.submit(), await site.ann.submit()
        await operations.engines.sharing.unshare("lab", "bob", "owner")
        async with engine_for(site.gateway.address, site.lab, tmp_path / "e"):
            dead = await site.bob.reaches(running, JobState.DEAD)
            assert dead.error is not None
            assert dead.error.code == "engine.user_not_allowed"
            await site.ann.reaches(allowed, JobState.SUCCEEDED)

            async def noted() -> bool:
                records = (await operations.audit.page(None, 50)).records
                return ("engine.user_refused", running.id) in [(record.event, record.target) for record in records]

            await until(noted)
            # A running engine hears of a new member before that member's first job runs.
            await operations.engines.sharing.share("lab", "bob", Role.RUNNER, None, "owner")
            await site.bob.reaches(await site.bob.submit(), JobState.SUCCEEDED)


async def test_a_lease_holder_cannot_end_a_job_as_anothers(site: Doors):
    """Results go to the job's own user, whatever else is in the report."""
    job = await site.bob.submit(engine="den")
    lease = await site.lease(site.den)
    assert lease["job"] == job.id
    body = finish(lease, user="ann")
    assert await site.refusal("POST", f"/internal/v1/jobs/{job.id}/finish", site.key(site.den), json=body) == (400, "request.invalid")
    await site.untouched(job, "running", site.bob)
