"""Kinds, offers, grants and keys on the wire: published to people, told by engines, ruled by the owner's commands."""

import json
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI

from contract.engine_link import Announce, ClaimRequest
from contract.errors import KindNotAllowed, KindUnserved, PayloadInvalid
from contract.jobs import JobDraft
from contract.kinds import KINDS
from contract.offers import Offer, OfferedKind, OfferedModel
from contract.words import JobState
from tests.support.house import House, house, signed_in, start
from tests.work.conftest import Kitchen, client_of, kitchen_in

CHAT = {"model": "fake/one", "messages": [{"role": "user", "content": "hello"}]}
PAINT = OfferedKind(name="com.example.paint", title="Paint", payload={"type": "object", "required": ["size"]})
OFFER = Offer(kinds=[PAINT], models=[OfferedModel(name="fake/one", kinds=["chat"])])


async def engine_says(kitchen: Kitchen, method: str, path: str, body: Any) -> tuple[int, Any]:
    """One call of an engine, beside the one that runs."""
    headers = {"X-Engine-Id": kitchen.added.id, "X-Engine-Token": kitchen.added.token, "Content-Type": "application/json"}
    url = f"{kitchen.gateway.address}/internal/v1{path}"
    async with aiohttp.request(method, url, headers=headers, data=body.model_dump_json()) as answer:
        return answer.status, await answer.json() if answer.status != 204 else None


def claim(offer: Offer, *kinds: str) -> ClaimRequest:
    said = Announce(version="1", slots=1, kinds=list(kinds), offer=offer.version)
    return ClaimRequest(instance="f" * 32, attempt_id=f"{len(kinds):032x}", announce=said, max=0, wait_ms=20_000)


async def test_an_unknown_offer_is_asked_for_taken_and_published(kitchen: Kitchen):
    status, answer = await engine_says(kitchen, "POST", "/claim", claim(OFFER, "chat", PAINT.name))
    assert (status, answer["offer_wanted"]) == (200, True)
    assert await engine_says(kitchen, "PUT", "/offer", OFFER) == (204, None)
    told = await kitchen.user.api.kinds()
    assert {"chat", "embed"} <= {kind.name for kind in told.kinds}
    assert next(kind for kind in told.kinds if kind.name == "chat").payload == KINDS["chat"].schema
    assert [model.name for model in told.engines[0].models] == ["fake/one"]
    with pytest.raises(KindNotAllowed):
        await kitchen.user.submit(engine="lab", kind=PAINT.name, payload={"size": 1})
    await kitchen.parts.operations.kinds.allow("lab", PAINT.name, "admin", "owner")
    with pytest.raises(PayloadInvalid):
        await kitchen.user.submit(engine="lab", kind=PAINT.name, payload={})
    await kitchen.user.submit(engine="lab", kind=PAINT.name, payload={"size": 1})


async def test_an_offer_that_points_elsewhere_is_refused_and_a_stranger_offers_nothing(kitchen: Kitchen):
    bad = Offer(kinds=[PAINT.model_copy(update={"payload": {"$ref": "https://example.org/x.json"}})])
    status, answer = await engine_says(kitchen, "PUT", "/offer", bad)
    assert (status, answer["code"]) == (422, "engine.offer_invalid")
    async with aiohttp.request("PUT", f"{kitchen.gateway.address}/internal/v1/offer", json={}) as answer:
        assert answer.status == 401


async def test_what_is_published_is_told_again_only_when_it_changed(kitchen: Kitchen):
    api = kitchen.user.api
    url = f"{api.gateway}/api/v1/kinds"

    async def get(tag: str = "") -> tuple[int, str, str]:
        proof = api._keys.session.proof("GET", url, api._tokens.access_token)
        headers = {"Authorization": f"DPoP {api._tokens.access_token}", "DPoP": proof, "If-None-Match": tag}
        async with aiohttp.request("GET", url, headers=headers) as answer:
            return answer.status, answer.headers["ETag"], answer.headers["Cache-Control"]

    status, tag, cache = await get()
    assert (status, cache) == (200, "private, no-cache")
    assert await get(tag) == (304, tag, cache)
    await kitchen.parts.operations.kinds.allow("lab", "chat", None, "owner")
    assert (await get(tag))[0] == 200


async def test_a_wrong_payload_is_refused_with_its_places_and_a_batch_by_item(kitchen: Kitchen):
    with pytest.raises(PayloadInvalid) as told:
        await kitchen.user.submit(engine="lab", kind="chat", payload={**CHAT, "temperature": "hot-secret"})
    assert "payload.temperature" in told.value.detail
    assert "hot-secret" not in told.value.detail
    assert (await kitchen.user.api.submit(JobDraft(engine="any", kind="chat", payload=CHAT), "k")).job.kind == "chat"


async def test_a_quick_tunnel_streams_nothing_and_says_so(tmp_path: Path):
    # The tunnel's client is ourselves, by the port that it would use.
    changes = {"tunnel": True, "tunnel_over_tcp": True, "public_origins": ("https://busy-bee.trycloudflare.com", "https://own.example")}
    async with kitchen_in(tmp_path, **changes) as kitchen:
        told = json.loads((tmp_path / "gateway" / "run" / "tunnel.json").read_text())
        for host, refused in (("busy-bee.trycloudflare.com", True), ("own.example", False)):
            headers = {"Host": told["host"], "X-Forwarded-Host": host, "CF-Connecting-IP": "203.0.113.7"}
            client = AsyncOpenAI(base_url=f"{told['service']}/v1", api_key=kitchen.key.key, max_retries=0, default_headers=headers)
            async with client:
                answer = await client.chat.completions.create(**CHAT)
                assert answer.choices[0].message.content == "".join(kitchen.model.words)
                if refused:
                    with pytest.raises(openai.BadRequestError) as problem:
                        await client.chat.completions.create(**CHAT, stream=True)
                    assert (problem.value.code, problem.value.param) == ("openai.stream_unavailable", "stream")
                else:
                    stream = await client.chat.completions.create(**CHAT, stream=True)
                    assert [chunk async for chunk in stream][-1].choices[0].finish_reason == "stop"


async def run(home: House, log: Path, *command: str) -> tuple[int, str]:
    program = await start(log, *command, "--data", str(home.data))
    said, _ = await program.process.communicate()
    return program.process.returncode or 0, said.decode()


async def test_the_owners_commands_rule_kinds_budgets_and_keys(tmp_path: Path):
    async with house(tmp_path, apart=False) as home, signed_in(home, "home") as user:
        log = tmp_path / "commands.log"

        async def does(*command: str, code: int = 0) -> str:
            found, said = await run(home, log, *command)
            assert found == code, log.read_text()
            return said

        assert "echo " in await does("engines", "grants", "home")
        await does("engines", "disallow", "home", "echo")
        with pytest.raises(KindNotAllowed):
            await user.submit()
        await does("engines", "allow", "home", "echo", "--role", "admin")
        await user.sees(await user.submit(), JobState.SUCCEEDED)
        assert json.loads(await does("engines", "grants", "home", "--json"))["grants"][0] == {"kind": "echo", "role": "admin"}

        name = json.loads(await does("users", "list", "--json"))["users"][0]["name"]
        assert "no limit" not in await does("users", "budget", name, "--per-day", "2.50", "--tokens-per-day", "0")
        listed = json.loads(await does("users", "list", "--json"))["users"][0]
        assert listed["budget"] == {"cost_micros": 2_500_000, "tokens": 0}
        assert "of 2.50" in await does("users", "list")
        await does("users", "budget", name, "--none")
        await does("users", "budget", name, code=2)

        await does("login")
        key = json.loads(await does("api-keys", "make", "editor", "--engine", "home", "--kind", "chat", "--json"))
        assert key["kinds"] == ["chat"]
        assert "editor" in await does("api-keys", "list")
        assert key["key"] not in await does("api-keys", "list", "--json")
        async with client_of(home, key["key"]) as client:  # type: ignore[arg-type]
            assert [model async for model in client.models.list()] == []
            with pytest.raises(KindUnserved):
                await user.submit(kind="chat", payload=CHAT)  # nobody serves it here
            await does("api-keys", "revoke", "editor")
            with pytest.raises(openai.AuthenticationError):
                await client.models.list()
        assert key["key"] not in log.read_text() + home.data.with_suffix(".gateway.log").read_text()
        audited = await does("audit", "list")
        for event in ("engine.allow_kind", "user.budget", "api_key.make", "api_key.revoke"):
            assert event in audited
