"""`engine.rules.breaker` on a clock of the test's own."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from engine.rules.breaker import Breaker, BreakerLimits, Circuit
from kit.clock import SECOND

LIMITS = BreakerLimits(failures=3, open_us=30 * SECOND)


def opened() -> Breaker:
    breaker = Breaker(LIMITS)
    for _ in range(3):
        ticket = breaker.admit(0)
        assert ticket is not None
        breaker.failed(ticket, 0)
    return breaker


def test_failures_in_a_row_open_it_for_a_while():
    breaker = opened()
    assert breaker.state(0) is Circuit.OPEN
    assert breaker.admit(29 * SECOND) is None
    assert breaker.wait_us(20 * SECOND) == 10 * SECOND


def test_a_success_between_them_keeps_it_closed():
    breaker = Breaker(LIMITS)
    for number in range(10):
        ticket = breaker.admit(0)
        assert ticket is not None
        breaker.succeeded() if number % 2 else breaker.failed(ticket, 0)
    assert breaker.state(0) is Circuit.CLOSED


def test_one_probe_is_let_through_and_closes_it():
    breaker = opened()
    assert breaker.state(30 * SECOND) is Circuit.HALF_OPEN
    assert breaker.admit(30 * SECOND) is not None
    assert breaker.admit(30 * SECOND) is None
    breaker.succeeded()
    assert breaker.admit(30 * SECOND) is not None


def test_a_failed_probe_opens_it_for_the_whole_time_again():
    breaker = opened()
    probe = breaker.admit(40 * SECOND)
    assert probe is not None
    breaker.failed(probe, 41 * SECOND)
    assert breaker.admit(70 * SECOND) is None
    assert breaker.admit(71 * SECOND) is not None


def test_a_probe_that_was_cancelled_lets_another_one_try():
    breaker = opened()
    probe = breaker.admit(30 * SECOND)
    assert probe is not None
    breaker.left(probe)
    assert breaker.admit(30 * SECOND) is not None


def test_calls_from_before_do_not_keep_it_open():
    breaker = Breaker(LIMITS)
    tickets = [breaker.admit(0) for _ in range(5)]
    for second, ticket in enumerate(tickets):
        assert ticket is not None
        breaker.failed(ticket, second * SECOND)
    assert breaker.state(32 * SECOND) is Circuit.HALF_OPEN  # opened by the third one, at 2 s


class Calls(RuleBasedStateMachine):
    """However calls come and end: while it is not closed, at most one is let through in a pause."""

    tickets = Bundle("tickets")

    def __init__(self) -> None:
        super().__init__()
        self.breaker, self.now = Breaker(LIMITS), 0
        self.probes: set[int] = set()

    @rule(target=tickets)
    def ask(self):
        was = self.breaker.state(self.now)
        ticket = self.breaker.admit(self.now)
        if was is Circuit.OPEN:
            assert ticket is None
        if was is Circuit.CLOSED:
            assert ticket is not None
        if was is Circuit.HALF_OPEN and ticket is not None:
            assert not self.probes
            self.probes = {ticket}
        return ticket

    @rule(ticket=consumes(tickets))
    def succeeds(self, ticket):
        if ticket is not None:
            self.breaker.succeeded()
            assert self.breaker.state(self.now) is Circuit.CLOSED
            self.probes = set()

    @rule(ticket=consumes(tickets))
    def fails(self, ticket):
        if ticket is not None:
            self.breaker.failed(ticket, self.now)
            self.probes -= {ticket}

    @rule(ticket=consumes(tickets))
    def leaves(self, ticket):
        if ticket is not None:
            self.breaker.left(ticket)
            self.probes -= {ticket}

    @rule(seconds=st.integers(0, 40))
    def waits(self, seconds):
        self.now += seconds * SECOND

    @invariant()
    def a_wait_ends(self):
        assert 0 <= self.breaker.wait_us(self.now) <= LIMITS.open_us


TestCalls = Calls.TestCase


@given(st.lists(st.booleans(), max_size=40))
def test_it_is_open_exactly_after_a_row_of_failures(outcomes):
    breaker, row = Breaker(LIMITS), 0
    for fine in outcomes:
        ticket = breaker.admit(0)
        if row >= LIMITS.failures:
            assert ticket is None
            return
        assert ticket is not None
        breaker.succeeded() if fine else breaker.failed(ticket, 0)
        row = 0 if fine else row + 1
