"""Pairing, with real keys on both ends: who gets in, and everybody who does not."""

import asyncio
import hashlib

import pytest

from app.crypto.device_keys import DeviceKeys
from contract import limits
from contract.errors import (
    AuditUnavailable,
    FloworkError,
    PairingClaimed,
    PairingCodeInvalid,
    PairingDigitsWrong,
    PairingExpired,
    PairingStateConflict,
    SecretsLocked,
    SignInMessageInvalid,
    UserUnknown,
)
from contract.pairing import PairClaim
from contract.signin import Tokens, encoded
from contract.words import PairingState, Role
from gateway.operations.pair import OFFERS_MAX

from .conftest import Home, keys_at

NONCE = b"n" * 32


@pytest.fixture
def ann(home: Home) -> DeviceKeys:
    return keys_at(home.clock, 1)


@pytest.fixture
def eve(home: Home) -> DeviceKeys:
    return keys_at(home.clock, 2)


async def test_the_first_to_be_paired_is_the_owner_and_the_second_is_not(home: Home, ann: DeviceKeys, eve: DeviceKeys):
    await home.pair(ann, "Ann")
    await home.pair(eve, "Eve")
    assert [(user.name, user.role) for user in home.sessions.users()] == [("Ann", Role.OWNER), ("Eve", Role.MEMBER)]
    assert [(event.name, event.seq, event.data["name"]) for event in home.told] == [("device.added", 1, "phone")] * 2


async def test_the_machine_can_always_restore_the_owner(home: Home, ann: DeviceKeys, eve: DeviceKeys):
    await home.pair(ann, "Ann")
    await home.pair(eve, "Eve")
    eve_user = home.sessions.user("Eve")
    await home.pair(keys_at(home.clock, 3), user=eve_user.id, role=Role.OWNER)
    assert home.sessions.user("Eve").role is Role.OWNER


async def test_tokens_are_collected_once_and_work(home: Home, ann: DeviceKeys):
    made = await home.pairing.offer("owner", None, "Ann", Role.MEMBER)
    challenge = await home.claim(made, ann)
    await home.signin.sign_in(home.signed(challenge, ann, NONCE), home.proof(ann))
    assert await home.pairing.collect(made.offer.id, home.proof(ann)) is PairingState.SIGNED
    await home.pairing.approve(made.offer.id, home.digits(challenge, ann), "owner")
    tokens = await home.pairing.collect(made.offer.id, home.proof(ann))
    assert isinstance(tokens, Tokens)
    assert home.who(ann, tokens).role is Role.OWNER
    with pytest.raises(PairingExpired):
        await home.pairing.collect(made.offer.id, home.proof(ann))


async def test_a_locked_vault_does_not_cost_the_one_collection(home: Home, ann: DeviceKeys):
    made = await home.pairing.offer("owner", None, "Ann", Role.MEMBER)
    challenge = await home.claim(made, ann)
    await home.signin.sign_in(home.signed(challenge, ann, NONCE), home.proof(ann))
    await home.pairing.approve(made.offer.id, home.digits(challenge, ann), "owner")
    home.ring.keys._privates.clear()
    home.secrets.locked = True
    with pytest.raises(SecretsLocked):
        await home.pairing.collect(made.offer.id, home.proof(ann))
    home.secrets.locked = False
    assert isinstance(await home.pairing.collect(made.offer.id, home.proof(ann)), Tokens)


async def test_a_nonce_that_was_not_committed_to_ends_in_nothing(home: Home, ann: DeviceKeys):
    for nonce in (b"m" * 32, None):
        made = await home.pairing.offer("owner", None, "Ann", Role.MEMBER)
        challenge = await home.claim(made, ann)
        with pytest.raises(SignInMessageInvalid):
            await home.signin.sign_in(home.signed(challenge, ann, nonce), home.proof(ann))
        with pytest.raises(PairingStateConflict):
            await home.pairing.approve(made.offer.id, "000000", "owner")


async def test_a_man_in_the_middle_shows_other_digits(home: Home, ann: DeviceKeys, eve: DeviceKeys):
    """Eve relays Ann's claim with her own keys: what Ann's screen shows is not what the gateway expects."""
    made = await home.pairing.offer("owner", None, "Ann", Role.MEMBER)
    hers = await home.claim(made, eve)
    await home.signin.sign_in(home.signed(hers, eve, NONCE), home.proof(eve))
    shown_to_ann = home.digits(hers.model_copy(update={"session_key": ann.session.thumbprint}), ann)
    with pytest.raises(PairingDigitsWrong):
        await home.pairing.approve(made.offer.id, shown_to_ann, "owner")
    assert home.sessions.devices() == []


async def test_wrong_digits_end_it_and_are_written_down(home: Home, ann: DeviceKeys, book):
    made = await home.pairing.offer("owner", None, "Ann", Role.MEMBER)
    challenge = await home.claim(made, ann)
    await home.signin.sign_in(home.signed(challenge, ann, NONCE), home.proof(ann))
    right = home.digits(challenge, ann)
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    with pytest.raises(PairingDigitsWrong):
        await home.pairing.approve(made.offer.id, wrong, "owner")
    with pytest.raises(PairingExpired):
        await home.pairing.approve(made.offer.id, right, "owner")
    assert ("pair.refused", "owner", made.offer.id) in book.events()
    assert await home.people.devices() == []


async def test_of_two_claims_at_once_one_holds_and_the_other_is_an_alarm(home: Home, ann: DeviceKeys, eve: DeviceKeys, book):
    made = await home.pairing.offer("owner", None, "Ann", Role.MEMBER)
    outcomes = await asyncio.gather(home.claim(made, ann), home.claim(made, eve), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Challenge", PairingClaimed.__name__]
    assert ("pair.second_claim", "anyone", made.offer.id) in book.events()


async def test_a_new_offer_ends_the_older_one_for_the_same_person(home: Home, ann: DeviceKeys):
    old = await home.pairing.offer("owner", None, "Ann", Role.MEMBER)
    other = await home.pairing.offer("owner", None, "Bob", Role.MEMBER)
    await home.pairing.offer("owner", None, "Ann", Role.MEMBER)
    with pytest.raises(PairingExpired):
        await home.claim(old, ann)
    await home.claim(other, ann)


async def test_codes_are_understood_as_people_type_them(home: Home, ann: DeviceKeys):
    made = await home.pairing.offer("owner", None, "Ann", Role.MEMBER)
    typed = "-".join(made.code.lower()[at : at + 5] for at in range(0, 26, 5)).replace("1", "l").replace("0", "o")
    asked = PairClaim(
        offer=made.offer.id,
        code=typed,
        address=ann.address,
        device_name="phone",
        client_commitment=encoded(hashlib.sha256(NONCE).digest()),
    )
    assert await home.pairing.claim(asked, home.proof(ann), home.heard)


async def test_an_offer_that_never_was_answers_like_a_wrong_code(home: Home, ann: DeviceKeys):
    made = await home.pairing.offer("owner", None, "Ann", Role.MEMBER)
    outcomes: list[FloworkError] = []
    for offer, code in ((made.offer.id, "0" * 26), ("A" * 16, made.code)):
        asked = PairClaim(offer=offer, code=code, address=ann.address, device_name="x", client_commitment="A" * 43)
        with pytest.raises(PairingCodeInvalid) as refused:
            await home.pairing.claim(asked, home.proof(ann), home.heard)
        outcomes.append(refused.value)
    assert outcomes[0].problem() == outcomes[1].problem()


async def test_offers_have_a_bound(home: Home):
    for number in range(OFFERS_MAX + 5):
        await home.pairing.offer("owner", None, f"n{number}", Role.MEMBER)
    assert len(home.pairing.offers()) == OFFERS_MAX


async def test_for_a_user_who_is_not_there_nothing_is_offered(home: Home):
    with pytest.raises(UserUnknown):
        await home.pairing.offer("owner", "nobody", "x", Role.MEMBER)


async def test_a_user_who_was_removed_meanwhile_does_not_come_back(home: Home, ann: DeviceKeys, eve: DeviceKeys):
    await home.pair(ann, "Ann")
    user = home.sessions.user("Ann").id
    made = await home.pairing.offer("owner", user, "Ann", Role.MEMBER)
    challenge = await home.claim(made, eve)
    await home.signin.sign_in(home.signed(challenge, eve, NONCE), home.proof(eve))
    await home.sessions.remove_user(user, "owner")
    with pytest.raises(UserUnknown):
        await home.pairing.approve(made.offer.id, home.digits(challenge, eve), "owner")
    assert await home.people.devices() == []


async def test_a_device_that_pairs_again_replaces_itself_and_its_sessions_end(home: Home, ann: DeviceKeys):
    first = await home.pair(ann, "Ann")
    tokens = await home.sign_in(ann)
    second = await home.pair(ann, user=first.user)
    assert [device.id for device in home.sessions.devices()] == [second.id]
    assert home.ended == [frozenset({tokens.session})]


@pytest.mark.parametrize("step", ["offer", "claim", "sign", "approve"])
async def test_what_cannot_be_written_down_does_not_happen(home: Home, ann: DeviceKeys, book, step: str):
    if step == "offer":
        book.break_it()
        with pytest.raises(AuditUnavailable):
            await home.pairing.offer("owner", None, "Ann", Role.MEMBER)
        assert home.pairing.offers() == []
        return
    made = await home.pairing.offer("owner", None, "Ann", Role.MEMBER)
    if step == "claim":
        book.break_it()
        with pytest.raises(AuditUnavailable):
            await home.claim(made, ann)
        assert [offer.state for offer in home.pairing.offers()] == [PairingState.OPEN]
        return
    challenge = await home.claim(made, ann)
    if step == "sign":
        book.break_it()
        with pytest.raises(AuditUnavailable):
            await home.signin.sign_in(home.signed(challenge, ann, NONCE), home.proof(ann))
        assert [offer.state for offer in home.pairing.offers()] == [PairingState.CLAIMED]
        return
    await home.signin.sign_in(home.signed(challenge, ann, NONCE), home.proof(ann))
    book.break_it()
    with pytest.raises(AuditUnavailable):
        await home.pairing.approve(made.offer.id, home.digits(challenge, ann), "owner")
    assert await home.people.devices() == []
    assert [offer.state for offer in home.pairing.offers()] == [PairingState.SIGNED]


async def test_time_ends_an_offer_on_the_owners_screen_too(home: Home):
    await home.pairing.offer("owner", None, "Ann", Role.MEMBER)
    home.clock.advance(limits.OFFER_TTL_S)
    assert [offer.state for offer in home.pairing.offers()] == [PairingState.DEAD]


async def test_no_code_and_no_digits_are_in_the_log(home: Home, ann: DeviceKeys, book):
    made = await home.pairing.offer("owner", None, "Ann", Role.MEMBER)
    challenge = await home.claim(made, ann)
    await home.signin.sign_in(home.signed(challenge, ann, NONCE), home.proof(ann))
    digits = home.digits(challenge, ann)
    await home.pairing.approve(made.offer.id, digits, "owner")
    told = b"".join(entry.body for entry in book.file.newest(2**62, 100))
    assert made.code.encode() not in told
    assert b'"' + digits.encode() + b'"' not in told
    assert made.code not in repr(made)


async def test_a_device_that_waits_is_answered_as_soon_as_the_owner_has_typed(home: Home, ann: DeviceKeys):
    made = await home.pairing.offer("owner", None, "Ann", Role.MEMBER)
    challenge = await home.claim(made, ann)
    waiting = asyncio.create_task(home.pairing.collect(made.offer.id, home.proof(ann), wait_ms=20_000))
    await home.signin.sign_in(home.signed(challenge, ann, NONCE), home.proof(ann))
    await home.pairing.approve(made.offer.id, home.digits(challenge, ann), "owner")
    async with asyncio.timeout(10):
        assert isinstance(await waiting, Tokens)


async def test_a_device_that_waits_in_vain_is_told_how_far_it_is(home: Home, ann: DeviceKeys):
    made = await home.pairing.offer("owner", None, "Ann", Role.MEMBER)
    await home.claim(made, ann)
    assert await home.pairing.collect(made.offer.id, home.proof(ann), wait_ms=10) is PairingState.CLAIMED
    waiting = asyncio.create_task(home.pairing.collect(made.offer.id, home.proof(ann), wait_ms=20_000))
    await home.pairing.withdraw(made.offer.id, "owner")
    with pytest.raises(PairingExpired):
        async with asyncio.timeout(10):
            await waiting
