"""Sign-in: a challenge counts once, for the address that asked, in time, and only for who is on the list."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.crypto.wallet import Wallet
from contract import limits
from contract.errors import AddressUnknown, AuditUnavailable, ChallengeUnknown, RequestInvalid, SignatureInvalid, SignInMessageInvalid
from contract.signin import AccessToken, Challenge, SignInRequest, build_message
from gateway.crypto import ethereum
from gateway.operations import signin
from gateway.operations.signin import SignIn
from gateway.store.control import Control, UserRow, open_control
from kit.clock import SECOND, rfc3339
from tests.support.clock import ManualClock

ANN, EVE = Wallet(bytes(31) + b"\x07"), Wallet(bytes(31) + b"\x09")
DOMAIN = "127.0.0.1:7717"


@dataclass
class Door:
    """A gateway's sign-in, with Ann on the list."""

    control: Control
    book: Any
    clock: ManualClock = field(default_factory=ManualClock)
    issued: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.signin = SignIn(
            control=self.control,
            clock=self.clock,
            random_bytes=random.Random(7).randbytes,
            gateway_id="gate",
            uri="http://127.0.0.1:7717/api/v1/auth/sign-in",
            domains=frozenset({DOMAIN, "localhost:7717"}),
            recover=ethereum.recover_address,
            well_formed=ethereum.is_well_formed,
            issue=self.issue,
            audit=self.book.audit,
        )

    def issue(self, user: str) -> tuple[str, int]:
        self.issued.append(user)
        return f"token-of-{user}", 600

    async def answer(self, challenge: Challenge, wallet: Wallet = ANN, *, domain: str = DOMAIN, address: str | None = None) -> AccessToken:
        message = build_message(challenge, domain=domain, address=address or wallet.address)
        return await self.signin.sign_in(SignInRequest(message=message, signature=wallet.sign(message)))


@pytest.fixture
async def door(tmp_path, book) -> AsyncIterator[Door]:
    async with open_control(tmp_path / "control.db") as control:
        await control.add_user(UserRow("u-ann", ANN.address.lower(), "Ann"), 1)
        yield Door(control, book)


async def test_who_is_on_the_list_and_signs_gets_a_token(door: Door):
    answer = await door.answer(door.signin.challenge(ANN.address))
    assert answer == AccessToken(access_token="token-of-u-ann", expires_in=600, user="u-ann")


@pytest.mark.parametrize("domain", [DOMAIN, "localhost:7717"])
async def test_each_of_the_gateways_own_domains_may_be_signed_for(door: Door, domain: str):
    assert (await door.answer(door.signin.challenge(ANN.address), domain=domain)).user == "u-ann"


async def test_an_address_counts_whatever_its_spelling(door: Door):
    assert (await door.answer(door.signin.challenge(ANN.address.lower()))).user == "u-ann"


async def test_a_mistyped_address_is_refused_before_anything_is_signed(door: Door):
    first_letter = next(index for index, letter in enumerate(ANN.address) if index > 1 and letter.isalpha())
    wrong = ANN.address[:first_letter] + ANN.address[first_letter].swapcase() + ANN.address[first_letter + 1 :]
    with pytest.raises(RequestInvalid, match="EIP-55"):
        door.signin.challenge(wrong)
    assert len(door.signin._open) == 0


async def test_a_challenge_says_when_it_ends_and_is_never_the_same(door: Door):
    first, second = door.signin.challenge(ANN.address), door.signin.challenge(ANN.address)
    assert first.nonce != second.nonce
    assert first.request_id != second.request_id
    assert first.issued_at == rfc3339(door.clock.wall)
    assert first.expiration_time == rfc3339(door.clock.wall + limits.CHALLENGE_TTL_S * SECOND)


async def test_strangers_get_a_challenge_like_everyone_and_learn_only_after_signing(door: Door):
    challenge = door.signin.challenge(EVE.address)
    assert challenge.model_fields_set == door.signin.challenge(ANN.address).model_fields_set
    with pytest.raises(AddressUnknown):
        await door.answer(challenge, EVE)
    assert door.issued == []


async def test_a_challenge_serves_once(door: Door):
    challenge = door.signin.challenge(ANN.address)
    await door.answer(challenge)
    with pytest.raises(ChallengeUnknown):
        await door.answer(challenge)
    assert door.issued == ["u-ann"]


async def test_a_failed_attempt_uses_the_challenge_up(door: Door):
    challenge = door.signin.challenge(ANN.address)
    with pytest.raises(SignInMessageInvalid):
        await door.answer(challenge, domain="evil.example")
    with pytest.raises(ChallengeUnknown):
        await door.answer(challenge)


async def test_two_challenges_of_one_address_both_serve(door: Door):
    first, second = door.signin.challenge(ANN.address), door.signin.challenge(ANN.address)
    assert (await door.answer(second)).user == "u-ann"
    assert (await door.answer(first)).user == "u-ann"


async def test_a_challenge_serves_until_its_last_moment_and_no_longer(door: Door):
    early, late = door.signin.challenge(ANN.address), door.signin.challenge(ANN.address)
    door.clock.advance(limits.CHALLENGE_TTL_S - 0.000001)
    assert (await door.answer(early)).user == "u-ann"
    door.clock.advance(0.000001)
    with pytest.raises(ChallengeUnknown):
        await door.answer(late)


async def test_a_challenge_for_one_address_does_not_serve_another(door: Door):
    with pytest.raises(SignInMessageInvalid):
        await door.answer(door.signin.challenge(EVE.address), ANN)


async def test_a_message_in_ones_name_signed_by_another_is_refused(door: Door):
    with pytest.raises(SignatureInvalid):
        await door.answer(door.signin.challenge(ANN.address), EVE, address=ANN.address)
    assert door.issued == []


async def test_a_challenge_of_another_gateway_is_not_ours(door: Door):
    other = Door(door.control, door.book)
    other.signin.random_bytes = random.Random(8).randbytes
    with pytest.raises(ChallengeUnknown):
        await door.answer(other.signin.challenge(ANN.address))


@pytest.mark.parametrize(
    ("field_name", "value"),
    [
        ("request_id", "other"),
        ("issued_at", "2025-12-31T23:59:59.000000Z"),
        ("expiration_time", "2027-01-01T00:00:00.000000Z"),
        ("uri", "http://127.0.0.1:7717/elsewhere"),
        ("chain_id", 5),
        ("statement", "I transfer all my funds."),
        ("gateway_id", "other"),
    ],
)
async def test_a_message_with_one_field_changed_is_refused_however_well_signed(door: Door, field_name: str, value: object):
    challenge = door.signin.challenge(ANN.address)
    with pytest.raises(SignInMessageInvalid):
        await door.answer(challenge.model_copy(update={field_name: value}))


async def test_what_is_no_sign_in_message_is_refused(door: Door):
    with pytest.raises(SignInMessageInvalid):
        await door.signin.sign_in(SignInRequest(message="Hello.", signature=ANN.sign("Hello.")))


async def test_outstanding_challenges_are_bounded_and_the_oldest_go_first(door: Door, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(signin, "CHALLENGES_MAX", 3)
    challenges = [door.signin.challenge(ANN.address) for _ in range(4)]
    assert len(door.signin._open) == 3
    with pytest.raises(ChallengeUnknown):
        await door.answer(challenges[0])
    assert (await door.answer(challenges[1])).user == "u-ann"
    assert (await door.answer(challenges[3])).user == "u-ann"


async def test_who_signs_in_is_written_down_before_the_token_is_given(door: Door):
    await door.answer(door.signin.challenge(ANN.address))
    assert door.book.events() == [("signin", "u-ann", ANN.address.lower())]
    door.book.break_it()
    with pytest.raises(AuditUnavailable):
        await door.answer(door.signin.challenge(ANN.address))
    assert door.issued == ["u-ann"]


async def test_a_refused_sign_in_is_written_down_without_a_name(door: Door):
    with pytest.raises(AddressUnknown):
        await door.answer(door.signin.challenge(EVE.address), EVE)
    assert door.book.events() == [("signin.refused", "anyone", "")]
