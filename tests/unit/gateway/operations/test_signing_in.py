"""Signing in: the right message of a paired device for the one challenge it answers, and nothing else."""

import asyncio

import pytest

from app.crypto.device_keys import DeviceKeys
from contract import limits
from contract.errors import (
    AuditUnavailable,
    ChallengeInvalid,
    DeviceUnknown,
    FloworkError,
    RequestInvalid,
    SecretsLocked,
    SignatureInvalid,
    SignInMessageInvalid,
)
from contract.signin import SIGNED_CHALLENGE, Challenge, SignInRequest, build_message, decoded, transcript
from gateway.crypto.dpop import Proof
from gateway.operations import challenges
from gateway.operations.challenges import Heard

from .conftest import Home, keys_at


@pytest.fixture
def ann(home: Home) -> DeviceKeys:
    return keys_at(home.clock, 1)


@pytest.fixture
def eve(home: Home) -> DeviceKeys:
    return keys_at(home.clock, 2)


@pytest.fixture
async def paired(home: Home, ann: DeviceKeys) -> None:
    await home.pair(ann)


async def ask(home: Home, keys: DeviceKeys) -> Challenge:
    return await home.signin.challenge(keys.address, home.proof(keys), home.heard)


async def refusal(home: Home, request: SignInRequest, proof: Proof) -> type[FloworkError] | None:
    try:
        await home.signin.sign_in(request, proof)
    except FloworkError as error:
        return type(error)
    return None


async def test_a_paired_device_signs_in_and_works(home: Home, paired: None, ann: DeviceKeys, book):
    tokens = await home.sign_in(ann)
    principal = home.who(ann, tokens)
    assert (principal.user, principal.device, principal.session) == (tokens.user, tokens.device, tokens.session)
    assert ("signin", tokens.user, tokens.device) in book.events()


async def test_a_challenge_is_signed_by_the_gateway(home: Home, ann: DeviceKeys):
    challenge = await ask(home, ann)
    text = SIGNED_CHALLENGE + transcript(challenge, ann.address)
    assert home.challenges.identity.holds(text, decoded(challenge.signature))
    assert challenge.session_key == ann.session.thumbprint


async def test_a_challenge_serves_once(home: Home, paired: None, ann: DeviceKeys):
    signed = home.signed(await ask(home, ann), ann)
    assert await refusal(home, signed, home.proof(ann)) is None
    assert await refusal(home, signed, home.proof(ann)) is ChallengeInvalid


async def test_of_twenty_copies_one_signs_in(home: Home, paired: None, ann: DeviceKeys):
    signed = home.signed(await ask(home, ann), ann)
    outcomes = await asyncio.gather(*(refusal(home, signed, home.proof(ann)) for _ in range(20)))
    assert sorted(map(str, outcomes)) == sorted(map(str, [None] + [ChallengeInvalid] * 19))


@pytest.mark.parametrize(("after_s", "expected"), [(limits.CHALLENGE_TTL_S - 1, None), (limits.CHALLENGE_TTL_S, ChallengeInvalid)])
async def test_a_challenge_lasts_five_minutes(home: Home, paired: None, ann: DeviceKeys, after_s: int, expected: type | None):
    signed = home.signed(await ask(home, ann), ann)
    home.clock.advance(after_s)
    assert await refusal(home, signed, home.proof(ann)) is expected


async def test_another_key_than_the_one_it_was_given_to_is_refused(home: Home, paired: None, ann: DeviceKeys, eve: DeviceKeys):
    challenge = await ask(home, ann)
    message = build_message(challenge, address=ann.address)
    assert await refusal(home, SignInRequest(message=message, signature=eve.sign(message)), home.proof(ann)) is SignatureInvalid


async def test_another_session_key_than_the_one_it_names_is_refused(home: Home, paired: None, ann: DeviceKeys, eve: DeviceKeys):
    assert await refusal(home, home.signed(await ask(home, ann), ann), home.proof(eve)) is SignInMessageInvalid


async def test_a_wallet_alone_opens_nothing(home: Home, paired: None, ann: DeviceKeys, eve: DeviceKeys):
    thief = DeviceKeys((1).to_bytes(32), (99).to_bytes(32), lambda: 0.0)  # Ann's wallet in another browser
    assert thief.address == ann.address
    assert await refusal(home, home.signed(await ask(home, thief), thief), home.proof(thief)) is DeviceUnknown


async def test_a_stranger_gets_a_challenge_like_everybody_and_no_further(home: Home, paired: None, ann: DeviceKeys, eve: DeviceKeys):
    mine, theirs = await ask(home, ann), await ask(home, eve)
    assert mine.model_fields_set == theirs.model_fields_set
    assert await refusal(home, home.signed(theirs, eve), home.proof(eve)) is DeviceUnknown


@pytest.mark.parametrize(
    "changed",
    [
        {"uri": "https://evil.example/api/v1/auth/sign-in"},
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:7718"},
        {"origin": "http://user@127.0.0.1:7717"},
        {"statement": "Sign in to something else."},
        {"request_id": "other"},
        {"issued_at": "2026-01-01T00:00:01.000000Z"},
        {"expiration_time": "2026-01-01T00:05:01.000000Z"},
        {"chain_id": 5},
        {"resources": []},
        {"resources": ["urn:flowork:gateway:other", "urn:flowork:session-key:x"]},
    ],
    ids=str,
)
async def test_a_message_with_another_field_is_refused(home: Home, paired: None, ann: DeviceKeys, changed: dict):
    challenge = (await ask(home, ann)).model_copy(update=changed)
    assert await refusal(home, home.signed(challenge, ann), home.proof(ann)) is SignInMessageInvalid


async def test_the_domain_is_that_of_the_page(home: Home, paired: None, ann: DeviceKeys):
    home.heard = Heard("http://127.0.0.1:7717", "https://gui.example", "tunnel", "1.2.3.4")
    challenge = await ask(home, ann)
    message = build_message(challenge, address=ann.address)
    assert message.startswith("gui.example wants you")
    assert (await home.sign_in(ann)).user


async def test_an_address_with_a_typing_mistake_is_told_so(home: Home, ann: DeviceKeys):
    wrong = ann.address[:2] + ann.address[2:].swapcase()
    with pytest.raises(RequestInvalid, match="EIP-55"):
        await home.signin.challenge(wrong, home.proof(ann), home.heard)


async def test_a_flood_of_strangers_does_not_push_out_a_paired_devices_challenge(home: Home, paired: None, ann, monkeypatch):
    monkeypatch.setattr(challenges, "STRANGERS_MAX", 50)
    challenge = await ask(home, ann)
    for number in range(100):
        await home.signin.challenge(f"0x{number:040x}", Proof("s" * 43, "j", None), home.heard)
    assert len(home.challenges._strangers) == 50
    assert await refusal(home, home.signed(challenge, ann), home.proof(ann)) is None


async def test_what_cannot_be_written_down_signs_nobody_in(home: Home, paired: None, ann: DeviceKeys, book):
    signed = home.signed(await ask(home, ann), ann)
    book.break_it()
    assert await refusal(home, signed, home.proof(ann)) is AuditUnavailable
    assert await home.people.sessions() == []


async def test_while_the_vault_is_locked_sessions_go_on_and_nobody_signs_in(home: Home, paired: None, ann: DeviceKeys):
    tokens = await home.sign_in(ann)
    signed = home.signed(await ask(home, ann), ann)
    home.ring.keys._privates.clear()
    home.secrets.locked = True
    assert await refusal(home, signed, home.proof(ann)) is SecretsLocked
    assert home.who(ann, tokens).user == tokens.user
    home.secrets.locked = False
    assert (await home.sign_in(ann)).user == tokens.user
