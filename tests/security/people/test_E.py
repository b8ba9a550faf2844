"""Security reference §8.1, group E: refresh tokens."""

import asyncio

from contract import limits
from tests.support.devices import device

from .conftest import Answer, Site

PATH = "/api/v1/auth/refresh"


async def refresh(site: Site, token: str, **how) -> Answer:
    return await site.knock("POST", PATH, {"refresh_token": token}, **how)


async def test_E01_a_token_used_twice_ends_the_family(site: Site):
    first = site.tokens.refresh_token
    second = (await refresh(site, first)).body
    third = (await refresh(site, second["refresh_token"])).body
    site.clock.forward(limits.REFRESH_GRACE_S + 1)
    assert (await refresh(site, first)).told == (401, "auth.refresh_reused")
    assert (await refresh(site, third["refresh_token"])).told == (401, "auth.refresh_invalid")
    assert (await site.call("GET", "/api/v1/jobs", access=third["access_token"])).told == (401, "auth.token_revoked")
    assert ("auth.refresh_reused", "anyone", site.tokens.session) in await site.audit()
    assert site.sessions() == 0


async def test_E02_of_two_tabs_one_gets_tokens_and_the_family_lives(site: Site):
    token = site.tokens.refresh_token
    answers = await asyncio.gather(refresh(site, token), refresh(site, token))
    assert sorted(answer.status for answer in answers) == [200, 409]
    assert {answer.body.get("code") for answer in answers} == {None, "auth.refresh_superseded"}
    (winner,) = [answer.body for answer in answers if answer.status == 200]
    assert (await refresh(site, winner["refresh_token"])).status == 200


async def test_E02_a_lost_answer_can_be_asked_for_again_for_ten_seconds(site: Site):
    token = site.tokens.refresh_token
    key = {"Idempotency-Key": "once"}
    lost = await refresh(site, token, **key)
    again = await refresh(site, token, **key)
    assert (again.status, again.body) == (200, lost.body)
    assert (await refresh(site, token, **{"Idempotency-Key": "other"})).told == (409, "auth.refresh_superseded")
    site.clock.forward(limits.REFRESH_GRACE_S + 1)
    assert (await refresh(site, token, **key)).told == (401, "auth.refresh_reused")


async def test_E03_a_stolen_token_with_another_key_ends_the_family(site: Site):
    answer = await refresh(site, site.tokens.refresh_token, keys=device(66))
    assert answer.told == (401, "auth.refresh_invalid")
    assert site.sessions() == 0
    assert (await refresh(site, site.tokens.refresh_token)).told == (401, "auth.refresh_invalid")


async def test_E04_after_seven_idle_days_a_session_is_over(site: Site):
    site.clock.forward(limits.REFRESH_IDLE_S)
    assert (await refresh(site, site.tokens.refresh_token)).told == (401, "auth.refresh_expired")
    assert site.sessions() == 0


async def test_E04_after_thirty_busy_days_a_session_is_over(site: Site):
    token = site.tokens.refresh_token
    for _ in range(5):
        site.clock.forward(limits.REFRESH_IDLE_S - 3600)
        answer = await refresh(site, token)
        if answer.status != 200:
            break
        token = answer.body["refresh_token"]
    assert answer.told == (401, "auth.refresh_expired")


async def test_E05_neither_token_serves_as_the_other(site: Site):
    assert (await refresh(site, site.tokens.access_token[:128])).told == (401, "auth.refresh_invalid")
    assert (await site.call("GET", "/api/v1/jobs", access=site.tokens.refresh_token)).told == (401, "auth.token_invalid")
    assert site.sessions() == 1


async def test_E06_no_token_lies_in_the_data_folder(site: Site, tmp_path):
    tokens = [site.tokens, await site.api.refresh()]
    issued = [text.encode() for pair in tokens for text in (pair.access_token, pair.refresh_token)]
    files = [path for path in (tmp_path / "g").rglob("*") if path.is_file()]
    assert len(files) > 3
    assert not [path for path in files for text in issued if text in path.read_bytes()]
