"""`gateway.rules.pairing`: one device, one code, one try at the digits; whatever strangers do in between."""

import hashlib
from dataclasses import replace

import pytest

from contract import limits
from contract.errors import FloworkError, PairingClaimed, PairingCodeInvalid, PairingDigitsWrong, PairingExpired, PairingStateConflict
from contract.words import PairingState, Role
from gateway.rules.pairing import Claimant, Offer, approve, claim, collect, settled, sign, withdraw
from kit.clock import SECOND

NOW = 1_000_000 * SECOND
CODE, WRONG = hashlib.sha256(b"code").digest(), hashlib.sha256(b"wrong").digest()
ANN = Claimant("0xann", "j-ann", "Ann's phone", "c", "loopback", "127.0.0.1")
EVE = replace(ANN, address="0xeve", thumbprint="j-eve")
OPEN = Offer("o", CODE, None, "Ann", Role.MEMBER, NOW + limits.OFFER_TTL_S * SECOND)
END = NOW + limits.OFFER_TTL_S * SECOND


def after(step: tuple[Offer, FloworkError | None]) -> Offer:
    offer, refusal = step
    assert refusal is None
    return offer


CLAIMED = after(claim(OPEN, CODE, ANN, NOW))
SIGNED = after(sign(CLAIMED, "j-ann", "012345", NOW))
APPROVED = after(approve(SIGNED, "012345", NOW))
COLLECTED = after(collect(APPROVED, "j-ann", NOW))
DEAD = withdraw(OPEN)


def refusal(step: tuple[Offer, FloworkError | None]) -> type[FloworkError] | None:
    return None if step[1] is None else type(step[1])


def test_the_way_from_the_code_to_the_tokens():
    states = [offer.state for offer in (OPEN, CLAIMED, SIGNED, APPROVED, COLLECTED)]
    assert states == [PairingState.OPEN, PairingState.CLAIMED, PairingState.SIGNED, PairingState.APPROVED, PairingState.COLLECTED]
    assert CLAIMED.claimant == ANN
    assert SIGNED.digits == "012345"
    assert APPROVED.digits is None


class TestClaim:
    def test_five_wrong_codes_end_an_offer_even_for_the_right_one(self):
        offer = OPEN
        for tries in range(1, limits.OFFER_TRIES + 1):
            offer, error = claim(offer, WRONG, EVE, NOW)
            assert (type(error), offer.tries) == (PairingCodeInvalid, tries)
        assert refusal(claim(offer, CODE, ANN, NOW)) is PairingExpired

    def test_four_wrong_codes_do_not(self):
        offer = OPEN
        for _ in range(limits.OFFER_TRIES - 1):
            offer, _ = claim(offer, WRONG, EVE, NOW)
        assert after(claim(offer, CODE, ANN, NOW)).claimant == ANN

    @pytest.mark.parametrize("offer", [CLAIMED, SIGNED, APPROVED])
    def test_a_second_claim_changes_nothing_for_the_first(self, offer: Offer):
        again, error = claim(offer, CODE, EVE, NOW)
        assert (again, type(error)) == (offer, PairingClaimed)

    @pytest.mark.parametrize("offer", [CLAIMED, SIGNED, APPROVED])
    def test_nobody_inside_is_thrown_out_by_guesses(self, offer: Offer):
        for _ in range(limits.OFFER_TRIES + 1):
            again, error = claim(offer, WRONG, EVE, NOW)
            assert (again, type(error)) == (offer, PairingCodeInvalid)

    @pytest.mark.parametrize(("at", "expected"), [(END - 1, None), (END, PairingExpired), (END + SECOND, PairingExpired)])
    def test_an_offer_lasts_five_minutes(self, at: int, expected: type | None):
        assert refusal(claim(OPEN, CODE, ANN, at)) is expected

    def test_a_withdrawn_offer_is_over(self):
        assert refusal(claim(DEAD, CODE, ANN, NOW)) is PairingExpired


class TestSign:
    def test_only_the_claimant_signs(self):
        assert refusal(sign(CLAIMED, "j-eve", "012345", NOW)) is PairingStateConflict

    @pytest.mark.parametrize("offer", [OPEN, SIGNED, APPROVED, COLLECTED])
    def test_only_a_claimed_offer_is_signed(self, offer: Offer):
        again, error = sign(offer, "j-ann", "999999", NOW)
        assert (again, type(error)) == (offer, PairingStateConflict)

    def test_after_its_time_nobody_signs(self):
        assert refusal(sign(CLAIMED, "j-ann", "012345", END)) is PairingExpired


class TestApprove:
    @pytest.mark.parametrize("typed", ["012346", "", "12345", "0123456", "\u0661" * 6])
    def test_wrong_digits_end_it_at_the_first_try(self, typed: str):
        offer, error = approve(SIGNED, typed, NOW)
        assert (offer.state, type(error)) == (PairingState.DEAD, PairingDigitsWrong)
        assert refusal(approve(offer, "012345", NOW)) is PairingExpired
        assert refusal(collect(offer, "j-ann", NOW)) is PairingExpired

    @pytest.mark.parametrize("offer", [OPEN, CLAIMED, APPROVED, COLLECTED])
    def test_there_is_nothing_to_approve_before_or_after(self, offer: Offer):
        again, error = approve(offer, "012345", NOW)
        assert (again, type(error)) == (offer, PairingStateConflict)

    @pytest.mark.parametrize(("after_s", "expected"), [(119, None), (120, PairingExpired)])
    def test_the_owner_has_two_minutes_whatever_is_left_of_the_offer(self, after_s: int, expected: type | None):
        late = sign(CLAIMED, "j-ann", "012345", END - 1)[0]
        assert refusal(approve(late, "012345", END - 1 + after_s * SECOND)) is expected


class TestCollect:
    def test_tokens_are_collected_once(self):
        assert refusal(collect(COLLECTED, "j-ann", NOW)) is PairingExpired

    @pytest.mark.parametrize("offer", [CLAIMED, SIGNED])
    def test_before_the_approval_one_waits(self, offer: Offer):
        assert collect(offer, "j-ann", NOW) == (offer, None)

    @pytest.mark.parametrize("offer", [OPEN, CLAIMED, SIGNED, APPROVED, COLLECTED, DEAD])
    def test_another_key_learns_nothing(self, offer: Offer):
        again, error = collect(offer, "j-eve", NOW)
        assert (again, type(error)) == (offer, PairingCodeInvalid)

    def test_what_is_not_collected_is_over_in_the_end(self):
        assert refusal(collect(APPROVED, "j-ann", END)) is PairingExpired


@pytest.mark.parametrize("offer", [OPEN, CLAIMED, SIGNED, APPROVED])
def test_time_and_the_owner_end_what_lives(offer: Offer):
    assert settled(offer, NOW + 3600 * SECOND).state is PairingState.DEAD
    assert withdraw(offer).state is PairingState.DEAD
    assert settled(offer, NOW) == offer


def test_what_is_over_stays_as_it_is():
    assert settled(COLLECTED, NOW + 3600 * SECOND) == COLLECTED == withdraw(COLLECTED)
