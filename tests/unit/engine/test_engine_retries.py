"""`engine.rules.retries` and `engine.rules.rate`: how often and when a provider is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules import provider_failures as verdicts
from engine.rules.provider_failures import ProviderFailed
from engine.rules.rate import MINUTE_US, RateWindow
from engine.rules.retries import RetryBudget, RetryPolicy
from kit.backoff import Backoff
from kit.clock import SECOND

POLICY = RetryPolicy(tries=3, backoff=Backoff(1.0, 8.0))


def wait(verdict=verdicts.FAILED, made=1, asked=None, begun=False, uniform=0.5):
    error = ProviderFailed(verdict, "m", asked)
    error.begun = begun
    return POLICY.wait_s(error, made, lambda: uniform)


@pytest.mark.parametrize(
    ("given_", "seconds"),
    [
        ({}, 0.5),
        ({"made": 2}, 1.0),
        ({"made": 3}, None),
        ({"begun": True}, None),
        ({"verdict": verdicts.INPUT_INVALID}, None),
        ({"verdict": verdicts.RATE_LIMITED, "asked": 7.0}, 7.0),
        ({"verdict": verdicts.RATE_LIMITED, "asked": 0.1}, 0.5),
        ({"verdict": verdicts.RATE_LIMITED, "asked": 11.0}, None),
        ({"uniform": 0.0}, 0.0),
    ],
    ids=["first", "second", "no-more", "words-went-out", "asked-wrongly", "as-asked", "not-sooner-than-jitter", "too-long", "full-jitter"],
)
def test_when_it_is_tried_again(given_, seconds):
    assert wait(**given_) == seconds


def test_retries_are_a_tenth_of_the_requests_and_three_more():
    budget = RetryBudget()
    for _ in range(50):
        budget.asked(0)
    assert [budget.take(0) for _ in range(9)] == [True] * 8 + [False]
    assert budget.take(MINUTE_US)  # those of a minute ago are forgotten, requests too
    assert [budget.take(MINUTE_US) for _ in range(3)] == [True, True, False]


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=200))
def test_however_calls_come_retries_never_outnumber_their_share(steps):
    budget, now, requests, retries = RetryBudget(), 0, [], []
    for seconds, again in steps:
        now += seconds * SECOND
        if again:
            if budget.take(now):
                retries.append(now)
        else:
            budget.asked(now)
            requests.append(now)
        late = [time for time in retries if time > now - MINUTE_US]
        asked = [time for time in requests if time > now - MINUTE_US]
        if again and retries and retries[-1] == now:
            assert len(late) <= 3 + int(0.1 * len(asked))


@given(most=st.integers(1, 5), gaps=st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_no_minute_has_more_requests_than_allowed(most, gaps):
    window, now, times = RateWindow(most), 0, []
    for gap in gaps:
        now += gap * SECOND
        now += window.wait_us(now)
        assert window.wait_us(now) == 0
        window.took(now)
        times.append(now)
    for index, time in enumerate(times):
        assert sum(1 for other in times[: index + 1] if other > time - MINUTE_US) <= most


def test_without_a_limit_nobody_waits():
    window = RateWindow(None)
    for _ in range(1000):
        assert window.wait_us(0) == 0
        window.took(0)
