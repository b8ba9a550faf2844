"""Drain, over real sockets and processes: who may, what is said where, and that told processes end with 0."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.client.admin import open_admin
from contract.drain import DrainTarget
from contract.errors import QueueDraining, ScopeMissing, ServerDraining
from contract.words import DrainState, EventName, JobState, Role, Scope
from tests.support.devices import signed_headers
from tests.support.doors import Doors, doors
from tests.support.house import House, house, signed_in, start, until
from tests.support.inside import engine_for

LAB = DrainTarget(engine="lab")


@pytest.fixture
async def here(tmp_path) -> AsyncIterator[Doors]:
    """`ann` is the owner, `bob` runs jobs on `lab`."""
    async with doors(tmp_path / "g") as made:
        sharing = made.gateway._parts.operations.sharing
        bob = next(user.id for user in sharing.users() if user.name == "bob")
        made.members.add(bob)
        await sharing.share("lab", bob, Role.RUNNER, None, "owner")
        yield made


async def states(here: Doors) -> dict[str, Any]:
    view = await here.gateway._parts.operations.drain.view()
    return {"gateway": view.gateway, **{engine.name: engine.state for engine in view.engines}}


class TestWhoMay:
    async def test_anyone_signed_in_sees_the_gateway_and_their_own_engines(self, here: Doors):
        ann, bob = await here.ann.api.drains(), await here.bob.api.drains()
        assert ([engine.name for engine in ann.engines], [engine.name for engine in bob.engines]) == (["lab", "den"], ["lab"])

    async def test_only_the_owner_changes_it_and_only_with_a_fresh_signature(self, here: Doors):
        body = {"target": {"engine": "lab"}, "state": "drain"}
        assert await here.refusal("POST", "/api/v1/drain", json=body) == (401, "auth.missing")
        assert await here.refusal("POST", "/api/v1/drain", json=body, user=here.bob) == (403, "auth.owner_only")
        assert await here.refusal("POST", "/api/v1/drain", json=body, user=here.ann) == (401, "auth.approval_needed")
        assert set((await states(here)).values()) == {"run"}
        told = await here.ann.api.change_drain(LAB, DrainState.DRAIN)
        assert (told.engines[0].state, (await states(here))["lab"]) == ("drain", "drain")

    async def test_an_admin_token_needs_the_scope(self, here: Doors, tmp_path):
        async with open_admin(tmp_path / "g") as admin:
            tokens = here.gateway._parts.operations.admin_tokens
            others = [scope for scope in Scope if scope is not Scope.QUEUE_DRAIN]
            admin._tokens[Scope.QUEUE_DRAIN] = await tokens.mint(others)
            with pytest.raises(ScopeMissing):
                await admin.change_drain(LAB, DrainState.DRAIN)
            admin._tokens[Scope.ENGINES_ROLLOUT] = await tokens.mint([scope for scope in Scope if scope is not Scope.ENGINES_ROLLOUT])
            with pytest.raises(ScopeMissing):
                await admin.start_rollout("lab", "2")
            assert (set((await states(here)).values()), (await admin.rollouts()).rollouts) == ({"run"}, [])
            admin._tokens.clear()
            assert (await admin.change_drain(LAB, DrainState.DRAIN)).engines[0].state == "drain"

    @pytest.mark.parametrize(
        "body",
        [
            {"state": "halt"},
            {"target": {"engine": "lab", "instance": "a" * 32}, "state": "drain"},
            {"target": {"instance": "XYZ"}, "state": "drain"},
            {"target": {"everything": True}, "state": "drain"},
            {},
        ],
        ids=["word", "both", "no-id", "unknown", "empty"],
    )
    async def test_what_makes_no_sense_changes_nothing(self, here: Doors, body: dict[str, Any]):
        secret = {"Authorization": f"Bearer {await here.gateway._parts.operations.admin_tokens.mint([Scope.QUEUE_DRAIN])}"}
        async with open_admin(here.gateway._parts.shards._folder.parent) as admin:
            async with admin._session.post("/admin/v1/drain", json=body, headers=secret) as response:
                assert (response.status, (await response.json())["code"]) == (400, "request.invalid")
        assert set((await states(here)).values()) == {"run"}


class TestWhatIsSaid:
    async def test_submits_are_refused_with_a_code_of_their_own_a_time_and_the_header(self, here: Doors):
        job = {"engine": "lab", "kind": "echo", "payload": {}}
        assert (await here.ask("POST", "/api/v1/jobs", {"Idempotency-Key": "k"}, json=job, user=here.bob))[0] == 201
        await here.ann.api.change_drain(LAB, DrainState.DRAIN)
        with pytest.raises(QueueDraining):
            await here.bob.submit()
        assert (await here.ask("POST", "/api/v1/jobs", {"Idempotency-Key": "k"}, json=job, user=here.bob))[0] == 200
        await here.ann.api.change_drain(DrainTarget(), DrainState.DRAIN)
        with pytest.raises(ServerDraining) as refused:
            await here.bob.submit()
        assert refused.value.retry_after_s
        await here.ann.api.change_drain(DrainTarget(), DrainState.RUN)
        await here.ann.api.change_drain(LAB, DrainState.RUN)
        await here.bob.submit()

    @pytest.mark.parametrize("target", [DrainTarget(), LAB], ids=["gateway", "engine"])
    async def test_the_header_is_on_refusals_replays_and_status_and_only_while_draining(self, here: Doors, target: DrainTarget):
        async def headers(method: str, path: str, **rest: Any) -> str | None:
            body = json.dumps(rest).encode() if rest else None
            sent = {**signed_headers(here.bob.api, method, path, body), "Idempotency-Key": rest.get("payload", {}).get("reply", "")}
            sent |= {"Content-Type": "application/json"} if body else {}
            async with here.session.request(method, path, data=body, headers=sent) as response:
                return response.headers.get("Flowork-State")

        async def all_of(payload: str) -> list[str | None]:
            job = {"engine": "lab", "kind": "echo"}
            return [
                await headers("POST", "/api/v1/jobs", **job, payload={"reply": "known"}),
                await headers("POST", "/api/v1/jobs", **job, payload={"reply": payload}),
                await headers("GET", "/api/v1/drain"),
                await headers("GET", "/api/v2/status"),
            ]

        assert await all_of("one") == [None] * 4
        await here.ann.api.change_drain(target, DrainState.DRAIN)
        here.gateway._parts.operations.public_status._taken = None
        whole = "draining" if target == DrainTarget() else None
        assert await all_of("two") == ["draining", "draining", whole, whole]

    async def test_sockets_hear_of_it_and_a_cursor_replays_it(self, here: Doors):
        await here.ann.api.change_drain(LAB, DrainState.DRAIN)
        for user in (here.ann, here.bob):
            while (event := await user.next_event()).name is not EventName.DRAIN_CHANGED:
                pass
            assert (event.source, event.data["name"], event.data["state"]) == ("control", "lab", "drain")
            missed = (await user.api.events("e30", wait_ms=0)).events
            assert event in missed


class TestPublicStatus:
    async def test_it_needs_no_key_and_shows_what_was_published(self, here: Doors, tmp_path):
        async with open_admin(tmp_path / "g") as admin:
            await admin.publish("lab", public=True)
            assert [engine.public for engine in (await admin.engines()).engines] == [True, False]
            status, told = await here.ask("GET", "/api/v2/status")
            assert (status, [engine["name"] for engine in told["engines"]], told["others"]["engines"]) == (200, ["lab"], 1)
            await admin.publish("lab", public=False)
            here.gateway._parts.operations.public_status._taken = None
            assert (await here.ask("GET", "/api/v2/status"))[1]["engines"] == []

    async def test_pages_of_other_origins_do_not_read_it(self, here: Doors):
        own = here.gateway.address
        async with here.session.get("/api/v2/status", headers={"Origin": own}) as response:
            assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (200, own)
            assert "flowork-state" in response.headers["Access-Control-Expose-Headers"]
        assert await here.refusal("GET", "/api/v2/status", {"Origin": "https://evil.example"}) == (403, "origin.not_allowed")


@pytest.fixture
async def apart(tmp_path) -> AsyncIterator[House]:
    async with house(tmp_path, apart=True, slots=1) as home:
        yield home


async def instance_of(home: House) -> str:
    async with open_admin(home.data) as admin:

        async def there() -> str | None:
            engine = next(engine for engine in (await admin.status()).engines if engine.name == home.engine_name)
            return engine.instances[-1].instance if engine.instances else None

        return str(await until(there))


async def test_a_told_process_finishes_what_it_holds_and_exits_with_0(apart: House):
    async with signed_in(apart, "remote") as user, open_admin(apart.data) as admin:
        job = await user.submit(payload={"sleep_ms": 600, "reply": "finished"})
        await user.sees(job, JobState.RUNNING)
        assert apart.engine is not None
        told = await admin.change_drain(DrainTarget(instance=(await instance_of(apart))[:8]), DrainState.STOP)
        (remote,) = [engine for engine in told.engines if engine.name == "remote"]
        assert [(each.state, each.running) for each in remote.instances] == [("stop", 1)]
        waiting = await user.submit(payload={"reply": "waited"})
        assert await apart.engine.ended() == 0
        done = await user.reaches(job, JobState.SUCCEEDED)
        assert (done.result, done.attempt) == ("finished", 1)
        assert (await user.api.job(waiting.id)).state is JobState.QUEUED
        await apart.start_engine()
        assert (await user.reaches(waiting, JobState.SUCCEEDED)).attempt == 1


async def test_a_told_process_gives_back_what_it_cannot_finish_and_exits_with_0(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FLOWORK_ENGINE_DRAIN_DEADLINE_S", "0.3")
    async with house(tmp_path, apart=True, slots=1) as home, signed_in(home, "remote") as user, open_admin(home.data) as admin:
        job = await user.submit(payload={"sleep_ms": 60_000})
        await user.sees(job, JobState.RUNNING)
        await admin.change_drain(DrainTarget(engine="remote"), DrainState.STOP)
        assert home.engine is not None
        assert await home.engine.ended() == 0
        back = await user.api.job(job.id)
        assert (back.state, back.attempt) == (JobState.QUEUED, 0)


async def test_the_engine_beside_the_gateway_only_drains_when_told_to_stop(tmp_path):
    async with house(tmp_path, apart=False, slots=1) as home, signed_in(home, "home") as user, open_admin(home.data) as admin:
        await admin.change_drain(DrainTarget(instance=await instance_of(home)), DrainState.STOP)
        job = await user.submit(payload={"reply": 1})
        assert home.gateway is not None
        assert (await user.api.job(job.id)).state is JobState.QUEUED
        await admin.change_drain(DrainTarget(instance=await instance_of(home)), DrainState.RUN)
        await user.reaches(job, JobState.SUCCEEDED)


async def test_a_paused_engine_stays_paused_through_a_restart_of_the_gateway(tmp_path):
    async with house(tmp_path, apart=False, slots=1) as home:
        async with open_admin(home.data) as admin:
            await admin.change_drain(DrainTarget(engine="home"), DrainState.DRAIN)
            await admin.change_drain(DrainTarget(), DrainState.DRAIN)
        assert home.gateway is not None
        home.gateway.terminate()
        assert await home.gateway.ended() == 0
        await home.start_gateway()
        async with signed_in(home, "home") as user, open_admin(home.data) as admin:
            with pytest.raises(QueueDraining):
                await user.submit()
            assert (await admin.drains()).gateway == "run"


async def command(home: Path, *arguments: str) -> tuple[int, str]:
    program = await start(home.with_suffix(".cli.log"), *arguments, "--data", str(home))
    assert program.process.stdout is not None
    out = await program.process.stdout.read()
    return await program.ended(), out.decode()


async def test_the_command_line_drains_waits_and_resumes(tmp_path):
    async with house(tmp_path, apart=False, slots=1) as home, signed_in(home, "home") as user:
        job = await user.submit(payload={"sleep_ms": 800})
        await user.sees(job, JobState.RUNNING)
        code, out = await command(home.data, "drain", "--engine", "home", "--wait", "--json")
        assert (code, json.loads(out)["running"]) == (0, 0)
        assert (await user.api.job(job.id)).state is JobState.SUCCEEDED
        code, page = await command(home.data, "status")
        assert "home takes no new jobs: flowork resume --engine home" in page
        code, page = await command(home.data, "resume", "--engine", "home")
        assert (code, page.splitlines()[0]) == (0, "The gateway takes jobs.")
        assert (await command(home.data, "drain", "--engine", "attic"))[0] == 1
        assert (await command(home.data, "drain", "--instance", "xyz"))[0] == 1
        assert (await command(home.data, "drain", "--instance", "aaaa", "--engine", "home"))[0] == 2
        await user.submit()


async def test_the_command_line_rolls_out_and_back(tmp_path):
    async with house(tmp_path, apart=False, slots=1) as home:
        assert "No version was rolled out yet" in (await command(home.data, "rollout", "status"))[1]
        code, page = await command(home.data, "rollout", "start", "home", "--version", "9.9", "--percent", "5")
        assert (code, page.splitlines()[:2]) == (0, ["home  9.9  running", "  5 % to canaries; 0 of 0 shared grants so far"])
        assert (await command(home.data, "rollout", "start", "home", "--version", "9.8"))[0] == 1
        code, out = await command(home.data, "rollout", "rollback", "home", "--json")
        assert (code, json.loads(out)["state"]) == (0, "rolled_back")
        assert (await command(home.data, "rollout", "promote", "home"))[0] == 1
        assert "home  9.9  rolled back: by the owner" in (await command(home.data, "status"))[1]


async def test_an_instance_of_a_version_that_was_rolled_back_gets_nothing_until_it_is_tried_anew(here: Doors, tmp_path):
    async with open_admin(tmp_path / "g") as admin, engine_for(here.gateway.address, here.lab, tmp_path / "e", version="2") as engine:
        presence = here.gateway._parts.operations.claiming.presence

        async def there() -> bool:
            return presence.find(here.lab.id, engine.instance) is not None

        await until(there, "the instance has claimed")
        await admin.start_rollout("lab", "2")
        await admin.roll_back("lab")
        await asyncio.wait_for(engine.ended(), 30)
        job = await here.ann.submit(payload={"reply": 1})
        assert (await here.ann.api.job(job.id)).state is JobState.QUEUED
        await admin.start_rollout("lab", "2")
        await here.ann.reaches(job, JobState.SUCCEEDED)
