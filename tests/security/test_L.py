"""Attacks by repeating a submit (security reference §8.1, L04)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.doors import Doors, doors

pytestmark = pytest.mark.asyncio(loop_scope="module")
DRAFT = {"engine": "lab", "kind": "echo", "payload": {"reply": 1}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Doors]:
    async with doors(tmp_path_factory.mktemp("L") / "g") as opened:
        yield opened


async def submit(site: Doors, key: str | None, **changes) -> tuple[int, dict]:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await site.ask("POST", "/api/v1/jobs", headers, user=site.ann, json={**DRAFT, **changes})


async def count(site: Doors) -> int:
    _, page = await site.ask("GET", "/api/v1/jobs", user=site.ann)
    return len(page["jobs"])


async def test_L04_the_same_submit_twice_is_one_job_and_another_body_is_refused(site: Doors):
    before = await count(site)
    (first, told), (second, again) = await submit(site, "twice"), await submit(site, "twice")
    assert (first, second) == (201, 200)
    assert told["job"]["id"] == again["job"]["id"]
    status, problem = await submit(site, "twice", payload={"reply": 2})
    assert (status, problem["code"]) == (422, "idempotency.key_reused")
    assert await count(site) == before + 1
    assert (await site.ann.api.job(told["job"]["id"])).payload == {"reply": 1}


async def test_L04_twenty_at_once_are_one_job(site: Doors):
    before = await count(site)
    answers = await asyncio.gather(*(submit(site, "at-once") for _ in range(20)))
    assert sorted(status for status, _ in answers) == [200] * 19 + [201]
    assert len({answer["job"]["id"] for _, answer in answers}) == 1
    assert await count(site) == before + 1


@pytest.mark.parametrize("key", [None, "", "k" * 256, "kéy", "a b"], ids=["none", "empty", "256 characters", "no ASCII", "a space"])
async def test_L04_a_key_that_is_none_is_refused(site: Doors, key: str | None):
    before = await count(site)
    status, problem = await submit(site, key)
    assert (status, problem["code"].partition(".")[0]) in {(400, "idempotency"), (400, "request")}
    assert await count(site) == before
