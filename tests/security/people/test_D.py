"""Security reference §8.1, group D: proofs of possession. Every form of a bad proof is in `tests/unit/gateway/crypto/test_dpop.py`."""

import json

import pytest

from gateway.rules.replay import ReplayMemory
from tests.support.devices import device
from tests.support.inside import gateway_on

from .conftest import Answer, Site

PATH = "/api/v1/jobs"
JOB = json.dumps({"engine": "lab", "kind": "echo"}).encode()


async def jobs(site: Site) -> int:
    return len((await site.call("GET", PATH)).body["jobs"])


async def submit(site: Site, headers: dict[str, str], body: bytes = JOB) -> Answer:
    return await site.ask("POST", PATH, body, {"Content-Type": "application/json", "Idempotency-Key": "k", **headers})


async def refused(site: Site, headers: dict[str, str], code: str = "auth.dpop_invalid", body: bytes = JOB) -> None:
    assert (await submit(site, headers, body)).told == (401, code)
    assert await jobs(site) == 0


async def test_D01_a_token_without_a_proof_is_worth_nothing(site: Site):
    token = site.tokens.access_token
    await refused(site, {"Authorization": f"DPoP {token}"}, "auth.dpop_missing")
    await refused(site, {"Authorization": f"Bearer {token}"}, "auth.dpop_missing")
    await refused(site, {**site.signed("POST", PATH, JOB), "Authorization": f"Bearer {token}"}, "auth.dpop_missing")


async def test_D02_a_stolen_token_with_ones_own_key_is_worth_nothing(site: Site):
    await refused(site, site.signed("POST", PATH, JOB, keys=device(66)))


async def test_D03_a_proof_serves_once_and_not_after_a_restart(site: Site, tmp_path):
    headers = site.signed("GET", PATH)
    assert (await site.ask("GET", PATH, None, headers)).status == 200
    assert (await site.ask("GET", PATH, None, headers)).told == (401, "auth.dpop_replayed")


async def test_D03_a_proof_from_before_a_restart_is_refused(site: Site, tmp_path):
    site.clock.forward(-10)
    old = site.signed("GET", PATH)
    site.clock.forward(10)
    assert (await site.ask("GET", PATH, None, old)).told == (401, "auth.dpop_invalid")


async def test_D04_a_proof_for_another_request_is_refused(site: Site):
    token = site.tokens.access_token
    session = site.keys.session
    own = site.gateway.address
    for method, url in (
        ("GET", own + PATH),
        ("POST", own + PATH + "?x=1"),
        ("POST", own + "/api/v1/jobs:batch"),
        ("POST", "http://evil.example" + PATH),
        ("POST", own.replace("http", "https") + PATH),
    ):
        await refused(site, {"Authorization": f"DPoP {token}", "DPoP": session.proof(method, url, token, JOB)})


@pytest.mark.parametrize(("off_s", "good"), [(-59, True), (-63, False), (3, True), (8, False)])
async def test_D05_a_proof_of_another_time_is_refused_and_told_ours(site: Site, off_s: int, good: bool):
    site.clock.forward(100)  # away from the start, before which nothing is taken
    session = site.keys.session
    session.set_clock(site.clock.now().wall / 1e6 + off_s)
    token = site.tokens.access_token
    proof = session.proof("GET", site.gateway.address + PATH, token)
    answer = await site.ask("GET", PATH, None, {"Authorization": f"DPoP {token}", "DPoP": proof})
    assert answer.status == (200 if good else 401)
    if not good:
        assert abs(answer.body["server_time"] - site.clock.now().wall / 1e6) < 5


async def test_D06_a_proof_for_another_token_is_refused(site: Site):
    headers = site.signed("POST", PATH, JOB)
    other = (await site.api.sign_in()).access_token
    await refused(site, {**headers, "Authorization": f"DPoP {other}"})


async def test_D07_a_body_that_is_not_the_proved_one_is_refused(site: Site):
    other = JOB.replace(b"echo", b"http")
    await refused(site, site.signed("POST", PATH, JOB), body=other)
    token = site.tokens.access_token
    await refused(site, {"Authorization": f"DPoP {token}", "DPoP": site.proof("POST", PATH, token)}, "auth.dpop_body_hash_missing")


async def test_D08_a_proof_that_shows_a_private_key_is_refused(site: Site):
    import jwt

    key, token = site.keys.session, site.tokens.access_token
    good = key.proof("POST", site.gateway.address + PATH, token, JOB)
    claims = jwt.decode(good, options={"verify_signature": False})
    header = {"typ": "dpop+jwt", "jwk": {**key._jwk, "d": "A" * 43}}
    await refused(site, {"Authorization": f"DPoP {token}", "DPoP": jwt.encode(claims, key._key, "ES256", header)})


async def test_D09_two_proofs_are_a_bad_request(site: Site):
    from multidict import CIMultiDict

    headers = CIMultiDict(site.signed("GET", PATH))
    headers.add("DPoP", site.proof("GET", PATH, site.tokens.access_token))
    assert (await site.ask("GET", PATH, None, headers)).status == 400


async def test_D10_a_flood_of_proofs_by_one_key_stops_that_key_only(site: Site, eve):
    site.gateway._parts.operations.sessions.replays = ReplayMemory(per_key_max=5)
    answers = [await site.call("GET", PATH) for _ in range(7)]
    assert [answer.status for answer in answers] == [200] * 5 + [429] * 2
    assert answers[-1].told == (429, "rate.user")
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert (await site.knock("POST", "/api/v1/auth/challenge", {"address": eve.address}, eve)).status == 200


async def test_D10_a_full_memory_lets_nothing_through(site: Site):
    site.gateway._parts.operations.sessions.replays = ReplayMemory(kept_max=2)
    answers = [await site.call("GET", PATH) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 503]
    assert answers[-1].body["code"] == "server.overloaded"


async def test_P2_what_lies_in_the_data_folder_signs_nobody_in(site: Site, tmp_path):
    """Tokens at rest are digests; see also J11."""
    secrets = [site.tokens.access_token, site.tokens.refresh_token]
    for path in (tmp_path / "g").rglob("*"):
        if path.is_file():
            raw = path.read_bytes()
            assert not [secret for secret in secrets if secret.encode() in raw], path


async def test_the_reopened_gateway_knows_its_sessions(tmp_path):
    async with gateway_on(tmp_path / "h") as gateway:
        key = gateway.gateway_key
    async with gateway_on(tmp_path / "h") as gateway:
        assert gateway.gateway_key == key
