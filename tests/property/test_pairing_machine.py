"""Pairing against a model: an owner, an honest phone and a thief, in any order and at any time."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from contract import limits
from contract.errors import FloworkError
from contract.words import PairingState, Role
from gateway.rules import pairing
from gateway.rules.pairing import Claimant, Offer
from kit.clock import SECOND

CODE, WRONG = b"c" * 32, b"w" * 32
DIGITS = {"phone": "111111", "thief": "222222"}
WHO = st.sampled_from(["phone", "thief"])
TTL, TYPE = limits.OFFER_TTL_S, limits.DIGITS_TTL_S


class PairingMachine(RuleBasedStateMachine):
    """The model: who is inside, how far, since when, how many wrong codes."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0
        self.offer = Offer("o", CODE, None, "Ann", Role.MEMBER, TTL * SECOND)
        self.inside: str | None = None
        self.step = "open"
        self.until_s = TTL
        self.wrong = 0
        self.tokens: list[str] = []

    @property
    def now(self) -> int:
        return self.now_s * SECOND

    def over(self) -> bool:
        if self.step not in {"dead", "collected"} and self.now_s >= self.until_s:
            self.step = "dead"
        return self.step == "dead"

    def took(self, step: tuple[Offer, FloworkError | None]) -> bool:
        self.offer, refusal = step
        return refusal is None

    @rule(seconds=st.sampled_from([1, 60, TYPE - 1, TYPE, TTL - 1, TTL]))
    def wait(self, seconds: int) -> None:
        self.now_s += seconds

    @rule(who=WHO, right=st.booleans())
    def claim(self, who: str, right: bool) -> None:
        expected = not self.over() and self.step == "open" and right
        claimant = Claimant(f"0x{who}", who, who, "c", "lan", "10.0.0.9")
        assert self.took(pairing.claim(self.offer, CODE if right else WRONG, claimant, self.now)) is expected
        if expected:
            self.step, self.inside = "claimed", who
        elif self.step == "open" and not right:
            self.wrong += 1
            self.step = "dead" if self.wrong == limits.OFFER_TRIES else "open"

    @rule(who=WHO)
    def sign(self, who: str) -> None:
        expected = not self.over() and self.step == "claimed" and self.inside == who
        assert self.took(pairing.sign(self.offer, who, DIGITS[who], self.now)) is expected
        if expected:
            self.step, self.until_s = "signed", self.now_s + TYPE

    @rule(seen=WHO)
    def approve(self, seen: str) -> None:
        """The owner types what one of the two screens shows."""
        if self.over() or self.step != "signed":
            assert not self.took(pairing.approve(self.offer, DIGITS[seen], self.now))
        elif self.inside == seen:
            assert self.took(pairing.approve(self.offer, DIGITS[seen], self.now))
            self.step, self.until_s = "approved", self.now_s + TTL
        else:
            assert not self.took(pairing.approve(self.offer, DIGITS[seen], self.now))
            self.step = "dead"

    @rule(who=WHO)
    def collect(self, who: str) -> None:
        over = self.over()
        taken = self.took(pairing.collect(self.offer, who, self.now))
        assert taken is (not over and self.step != "collected" and self.inside == who)
        if taken and self.step == "approved":
            self.step = "collected"
            self.tokens.append(who)

    @precondition(lambda self: self.step not in {"dead", "collected"})
    @rule()
    def withdraw(self) -> None:
        self.offer = pairing.withdraw(pairing.settled(self.offer, self.now))
        self.step = "dead"

    @invariant()
    def the_offer_is_where_the_model_is(self) -> None:
        self.over()
        assert pairing.settled(self.offer, self.now).state == PairingState(self.step)

    @invariant()
    def tokens_go_once_and_only_to_the_device_whose_digits_were_typed(self) -> None:
        assert len(self.tokens) <= 1
        assert set(self.tokens) <= {self.inside}


PairingMachine.TestCase.settings = settings(max_examples=300, stateful_step_count=20, deadline=None, derandomize=True)
TestPairingMachine = PairingMachine.TestCase
