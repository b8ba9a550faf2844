"""Group L of the security reference §8.1: everybody gets their share, and nobody can use up another's."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from app.client.api import ApiClient, open_api
from contract.errors import SignInThrottled
from tests.support.devices import KEYS, device
from tests.support.inside import SleepyClock, add_engine, gateway_on
from tests.support.knock import Heard, as_json, at, knock

from .conftest import OTHER, Site, proved_by, signed_by, site_on, tunnel_place

pytestmark = pytest.mark.asyncio(loop_scope="module")
STRANGER = device(77)
SLOW = 0.01
"""Tokens a second: what comes back during a test does not count."""


async def jobs(site: Site, by: ApiClient | None = None, **headers: str) -> Heard:
    return await knock(site.loopback, path="/api/v1/jobs", headers=[*site.loopback.usually(**headers), *signed_by(by or site.api)])


async def test_L01_the_address_bucket_ends_exactly_and_says_when_it_goes_on(tmp_path):
    clock = SleepyClock()
    async with site_on(tmp_path, clock=clock, ip_rate_per_s=SLOW, ip_burst=7) as site:
        for place, left in ((site.loopback, 5), (site.lan, 7), (site.tunnel, 7)):  # signing in took two
            assert [(await knock(place)).status for _ in range(left + 1)] == [200] * left + [429]
            heard = await knock(place, headers=place.usually(x_user="somebody-else", x_user_id="1"))
            assert (heard.status, heard.code) == (429, "rate.ip")
            wait = int(heard.header("retry-after"))
            assert 95 <= wait <= 100
            assert heard.header("ratelimit") == f'"ip";r=0;t={wait}'
            assert heard.header("ratelimit-policy") == '"ip";q=7;w=700'
            clock.sleep_machine(wait)
            assert [(await knock(place)).status for _ in range(2)] == [200, 429]


async def test_L01_the_user_bucket_is_keyed_by_who_it_is_not_by_what_they_claim(tmp_path):
    clock = SleepyClock()
    async with (
        site_on(tmp_path, clock=clock, user_rate_per_s=SLOW, user_burst=3) as site,
        open_api(site.gateway.address, OTHER, site.gateway.gateway_key) as bob,
    ):
        await bob.sign_in()
        assert [(await jobs(site)).status for _ in range(4)] == [200] * 3 + [429]
        heard = await jobs(site, x_user="bob", x_user_id="bob")
        assert (heard.status, heard.code, heard.header("ratelimit-policy")) == (429, "rate.user", '"user";q=3;w=300')
        key = [("Idempotency-Key", "k"), ("Content-Type", "application/json")]
        heard = await knock(
            site.loopback, "POST", "/api/v1/jobs", [*site.loopback.usual, *site.signed, *key], as_json({"engine": "lab", "kind": "echo"})
        )
        assert (heard.status, heard.code) == (429, "rate.user")
        assert (await jobs(site, bob)).status == 200
        clock.sleep_machine(int(heard.header("retry-after")))
        site.api._keys.session.set_clock(clock.now().wall / 1e6)
        assert (await jobs(site)).status == 200


async def test_L01_whoever_shows_a_credential_on_loopback_is_not_held_up_by_the_others_there(tmp_path):
    async with site_on(tmp_path, ip_rate_per_s=SLOW, ip_burst=5) as site:
        for _ in range(9):
            await knock(site.loopback, path="/api/v1/jobs", headers=[*site.loopback.usual, ("Authorization", "Bearer wrong")])
        assert (await knock(site.loopback)).status == 429  # nine wrong tokens have cost the address its own
        assert [(await jobs(site)).status for _ in range(20)] == [200] * 20
        headers = [*site.loopback.usual, *site.engine_key]
        assert (await knock(site.loopback, "POST", "/internal/v1/heartbeat", headers)).status == 415


async def test_L01_an_engine_is_held_to_its_slots_wherever_it_comes_from(tmp_path):
    async with site_on(tmp_path, ip_rate_per_s=SLOW, ip_burst=5, accept_remote_engines=True) as site:
        headers = [*site.tunnel.usual, *site.engine_key]
        ask = lambda: knock(site.tunnel, "POST", "/internal/v1/heartbeat", headers)  # noqa: E731
        assert {(await ask()).status for _ in range(30)} == {415}  # more than its address may
        answers = [await ask() for _ in range(1500)]
        refused = [heard for heard in answers if heard.status == 429]
        assert refused
        assert {heard.code for heard in refused} == {"rate.engine"}


async def fail(place) -> Heard:
    signed = as_json({"message": "no message", "signature": "0x" + "0" * 130})
    return await knock(
        place, "POST", "/api/v1/auth/sign-in", [*place.usually(content_type="application/json"), *proved_by(STRANGER)], signed
    )


async def challenge(place) -> Heard:
    asked = as_json({"address": KEYS.address})
    return await knock(
        place, "POST", "/api/v1/auth/challenge", [*place.usually(content_type="application/json"), *proved_by(STRANGER)], asked
    )


async def test_L02_a_thousand_failed_sign_ins_stop_nobody_else(tmp_path):
    async with site_on(tmp_path, auth_per_min=10, auth_all_per_min=60) as site:
        data = tmp_path / "g"
        evil, good = tunnel_place(data, "198.51.100.1"), tunnel_place(data, "198.51.100.2")
        answers = [await fail(evil) for _ in range(1000)]
        assert {heard.status for heard in answers} == {401, 429}
        assert sum(heard.status == 401 for heard in answers) <= 3
        assert {heard.code for heard in answers if heard.status == 429} == {"rate.sign_in"}
        assert (await challenge(good)).status == 200
        assert (await fail(good)).status == 401
        assert (await challenge(site.loopback)).status == 200
        assert (await site.state())[1] == 2


async def test_L02_the_addresses_of_one_subscriber_share_a_bucket(tmp_path):
    async with site_on(tmp_path, auth_per_min=10) as site:
        data = tmp_path / "g"
        answers = [await challenge(tunnel_place(data, f"2001:db8:0:1:{n:x}::{n:x}")) for n in range(1, 12)]
        assert [heard.status for heard in answers] == [200] * 10 + [429]
        assert (await challenge(tunnel_place(data, "2001:db8:0:2::1"))).status == 200
        assert (await challenge(tunnel_place(data, "::ffff:198.51.100.1"))).status == 200
        assert (await site.state())[2] == 0


async def test_L03_a_flood_of_challenges_from_everywhere_leaves_memory_and_the_known_devices_alone(tmp_path):
    async with site_on(tmp_path, auth_per_min=10, auth_all_per_min=60) as site:
        addresses = (f"198.18.{n // 250}.{n % 250 + 1}" for n in range(10_000))
        everywhere = (replace(site.tunnel, usual=site.tunnel.usually(cf_connecting_ip=address)) for address in addresses)
        statuses: Counter[int] = Counter()

        async def flood() -> None:
            for place in everywhere:
                statuses[(await challenge(place)).status] += 1

        await asyncio.gather(*(flood() for _ in range(32)))
        assert statuses[200] + statuses[429] == 10_000
        assert 40 <= statuses[200] < 200  # 40 at once, then 40 a minute
        throttle = site.gateway._parts.throttle
        with pytest.raises(SignInThrottled):
            throttle.auth("198.51.100.3", local=False, known_device=False)
        for _ in range(9):
            throttle.auth("198.51.100.3", local=False, known_device=True)
        assert (await challenge(site.loopback)).status == 200


async def test_L05_a_full_queue_and_a_draining_gateway_say_when_to_come_back(tmp_path):
    async with site_on(tmp_path, hard_cap=2, user_share=1.0) as site:

        async def submit(key: str) -> Heard:
            headers = [*site.loopback.usually(content_type="application/json"), *site.signed, ("Idempotency-Key", key)]
            return await knock(site.loopback, "POST", "/api/v1/jobs", headers, as_json({"engine": "lab", "kind": "echo"}))

        assert [(await submit(key)).status for key in "ab"] == [201, 201]
        heard = await submit("c")
        assert (heard.status, heard.code) == (429, "queue.full")
        assert int(heard.header("retry-after")) >= 1
        assert heard.header("ratelimit") == f'"full";r=0;t={heard.header("retry-after")}'
        assert (await site.state())[0] == 2
        await site.gateway.drain()
        heard = await submit("d")
        assert (heard.status, heard.code) == (503, "server.draining")
        assert int(heard.header("retry-after")) >= 1
        assert (await submit("a")).status == 200  # a known key is answered even now
        assert (await site.state())[0] == 2


async def test_the_usual_allowance_is_the_protocols(tmp_path):
    usual = {"ip_rate_per_s": 60.0, "ip_burst": 200, "user_rate_per_s": 50.0, "user_burst": 200}
    async with gateway_on(tmp_path / "g", **usual) as gateway:
        await add_engine(gateway)
        place = at(gateway.address)
        statuses = [heard.status for _ in range(6) for heard in await asyncio.gather(*(knock(place) for _ in range(50)))]
        assert 200 <= statuses.count(200) < 300
        assert statuses[:200] == [200] * 200
