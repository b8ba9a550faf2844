"""Security reference §8.1, group B: pairing."""

import asyncio
import hashlib
import random
import secrets
import string

import pytest

from app.client.admin import open_admin
from app.client.api import open_api
from app.crypto.device_keys import DeviceKeys
from contract import limits
from contract.errors import GatewayImpostor
from contract.pairing import read_link, six_digits
from contract.people import OfferMade, OfferMake
from contract.signin import Challenge, decoded, encoded, transcript
from tests.support.devices import device

from .conftest import Answer, Site

NONCE = b"n" * 32
PHONE, THIEF = device(21), device(22)


async def offered(site: Site, **asked: str) -> OfferMade:
    return await site.gateway._parts.operations.household.offer(OfferMake(**asked or {"name": "Bob"}), "owner", site.gateway.address)


async def claim(site: Site, offer: OfferMade, keys: DeviceKeys = PHONE, **changed: str) -> Answer:
    asked = {
        "offer": offer.offer,
        "code": offer.code,
        "address": keys.address,
        "device_name": "phone",
        "client_commitment": encoded(hashlib.sha256(NONCE).digest()),
        **changed,
    }
    return await site.knock("POST", "/api/v1/pair/claim", asked, keys)


async def signed(site: Site, offer: OfferMade, keys: DeviceKeys = PHONE) -> str:
    """Claimed and signed; the digits that the device shows."""
    challenge = Challenge.model_validate((await claim(site, offer, keys)).body)
    assert (await site.sign_in(challenge, keys, client_nonce=encoded(NONCE))).status == 202
    return six_digits(NONCE, decoded(challenge.gateway_nonce), transcript(challenge, keys.address), site.gateway.gateway_key)


async def approve(site: Site, offer: OfferMade, digits: str) -> None:
    await site.gateway._parts.operations.household.approve(offer.offer, digits, "owner")


def devices(site: Site) -> int:
    return len(site.gateway._parts.operations.sessions.devices())


async def test_B01_five_wrong_codes_end_the_offer(site: Site):
    offer = await offered(site)
    for _ in range(limits.OFFER_TRIES):
        assert (await claim(site, offer, code="0" * 26)).told == (401, "pair.code_invalid")
    assert (await claim(site, offer)).told == (410, "pair.expired")
    assert devices(site) == 1


async def test_B02_a_second_claim_is_refused_and_raises_an_alarm(site: Site):
    offer = await offered(site)
    assert (await claim(site, offer)).status == 201
    assert (await claim(site, offer, THIEF)).told == (409, "pair.already_claimed")
    assert ("pair.second_claim", "anyone", offer.offer) in await site.audit()


async def test_B03_after_five_minutes_and_after_a_new_code_the_old_one_is_over(site: Site):
    offer = await offered(site)
    site.clock.forward(limits.OFFER_TTL_S)
    assert (await claim(site, offer)).told == (410, "pair.expired")
    old, new = await offered(site), await offered(site)
    assert (await claim(site, old)).told == (410, "pair.expired")
    assert (await claim(site, new)).status == 201


async def test_B04_of_two_claims_at_once_one_passes(site: Site):
    offer = await offered(site)
    answers = await asyncio.gather(claim(site, offer), claim(site, offer, THIEF))
    assert sorted(answer.status for answer in answers) == [201, 409]


async def test_B05_wrong_digits_end_the_pairing_and_no_tokens_are_given(site: Site):
    offer = await offered(site)
    right = await signed(site, offer)
    before = site.sessions()
    async with open_admin(site.gateway._parts.shards._folder.parent) as admin:
        for digits, code in ((f"{(int(right) + 1) % 10**6:06d}", "pair.digits_wrong"), (right, "pair.expired")):
            with pytest.raises(Exception, match=code):
                await admin.approve(offer.offer, digits)
    answer = await site.knock("GET", f"/api/v1/pair/{offer.offer}", keys=PHONE)
    assert answer.told == (410, "pair.expired")
    assert (devices(site), site.sessions()) == (1, before)


async def test_B06_tokens_come_after_the_approval_to_the_one_key_and_once(site: Site):
    offer = await offered(site)
    digits = await signed(site, offer)
    path = f"/api/v1/pair/{offer.offer}"
    waiting = await site.knock("GET", path, keys=PHONE)
    assert (waiting.status, waiting.body["state"]) == (202, "signed")
    assert (await site.knock("GET", path, keys=THIEF)).told == (401, "pair.code_invalid")
    await approve(site, offer, digits)
    assert (await site.knock("GET", path, keys=THIEF)).told == (401, "pair.code_invalid")
    assert (await site.knock("GET", path, keys=PHONE)).body["token_type"] == "DPoP"
    assert (await site.knock("GET", path, keys=PHONE)).told == (410, "pair.expired")


async def test_B07_a_client_that_pinned_another_key_stops_before_it_signs(site: Site):
    offer = await offered(site)
    async with open_api(site.gateway.address, PHONE, b"\x01" * 32) as api:
        with pytest.raises(GatewayImpostor):
            await api.claim(read_link(offer.link), "phone")
    assert [known.state for known in site.gateway._parts.operations.pairing.offers()] == ["claimed"]


@pytest.mark.parametrize(
    "fragment",
    [
        "v=2&g={g}&p={p}&c={c}&k={k}&e=9999999999",
        "v=1&g=amF2YXNjcmlwdDphbGVydCgxKQ&p={p}&c={c}&k={k}&e=9999999999",  # javascript:alert(1)
        "v=1&g=aHR0cHM6Ly94QGV2aWwuZXhhbXBsZQ&p={p}&c={c}&k={k}&e=9999999999",  # https://x@evil.example
        "v=1&g=aHR0cHM6Ly9ob21lLmV4YW1wbGUvcGF0aA&p={p}&c={c}&k={k}&e=9999999999",  # https://home.example/path
        "v=1&g={g}&p={p}&c={c}&k=AAAA&e=9999999999",
        "v=1&g={g}&p={p}&c={c}&k={k}",
        "v=1&g={g}&g={g}&p={p}&c={c}&k={k}&e=9999999999",
        "v=1&g={g}&p={p}&c={c}&k={k}&e=soon",
        "v=1&g=%00&p={p}&c={c}&k={k}&e=9999999999",
        "",
        "x" * 100_000,
    ],
    ids=lambda fragment: fragment[:24],
)
def test_B08_a_hostile_link_is_refused_before_anything_is_fetched(fragment: str):
    parts = {"g": encoded(b"https://home.example"), "p": "A" * 16, "c": "0" * 26, "k": encoded(bytes(32))}
    with pytest.raises(ValueError, match="pairing link") as refused:
        read_link("https://gui.example/#/pair?" + fragment.format(**parts))
    assert "0" * 26 not in str(refused.value)


async def test_B09_the_link_keeps_everything_in_its_fragment(site: Site):
    offer = await offered(site)
    assert offer.code not in offer.link.partition("#")[0]
    assert read_link(offer.link).code == offer.code


async def test_B10_offers_cannot_be_found_by_trying(site: Site):
    offer = await offered(site)
    chance = random.Random(1)
    bodies = set()
    for _ in range(50):
        guess = "".join(chance.choices(string.ascii_letters + string.digits, k=16))
        for answer in (
            await site.knock("GET", f"/api/v1/pair/{guess}", keys=THIEF),
            await claim(site, offer.model_copy(update={"offer": guess}), THIEF),
        ):
            assert answer.told == (401, "pair.code_invalid")
            bodies.add(str({**answer.body, "request_id": ""}))
    assert len(bodies) == 1
    assert [known.tries for known in site.gateway._parts.operations.pairing.offers()] == [0]


async def test_B11_no_way_leads_past_the_digits(site: Site):
    offer = await offered(site)
    await signed(site, offer)
    before = site.sessions()
    for asked in ({}, {"digits": None}, {"digits": ""}, {"approve": True}):
        answer = await site.call("POST", f"/api/v1/pairings/{offer.offer}/approve", asked)
        assert answer.status in {400, 401}
    assert (await site.knock("GET", f"/api/v1/pair/{offer.offer}", keys=PHONE)).status == 202
    challenge = await site.challenge(PHONE)
    assert (await site.sign_in(challenge, PHONE)).told == (403, "auth.device_unknown")
    assert (devices(site), site.sessions()) == (1, before)


async def test_P1_a_photo_of_the_code_is_not_enough(site: Site):
    """Who photographs the screen may claim first; the owner's digits are those of the device in the owner's hand."""
    offer = await offered(site)
    await signed(site, offer, THIEF)
    mine = await claim(site, offer)
    assert mine.told == (409, "pair.already_claimed")
    guess = f"{secrets.randbelow(10**6):06d}"
    with pytest.raises(Exception, match=r"pair\.digits_wrong"):
        await approve(site, offer, guess)
    assert devices(site) == 1
