"""`engine.rules.provider_failures`: one table from what came to what is done about it."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules import provider_failures as rules
from engine.rules.provider_failures import ProviderFailed, Trouble, failed, judge, retry_after_s
from gateway.rules.slo import by_fault


@pytest.mark.parametrize(
    ("status", "words", "code", "again", "falls_back", "ill", "retryable"),
    [
        (400, (None, "invalid_request_error"), "provider.input_invalid", False, False, False, False),
        (400, ("context_length_exceeded", "invalid_request_error"), "provider.input_invalid", False, True, False, False),
        (400, ("content_policy_violation", None), "provider.refused", False, False, False, False),
        (401, (), "provider.key_invalid", False, True, False, False),
        (402, (), "provider.budget", False, True, False, False),
        (403, (), "provider.key_invalid", False, True, False, False),
        (404, (), "provider.model_unknown", False, True, False, False),
        (408, (), "provider.timeout", True, True, True, True),
        (413, (), "provider.input_invalid", False, True, False, False),
        (418, (), "provider.input_invalid", False, False, False, False),
        (422, (), "provider.input_invalid", False, False, False, False),
        (429, (), "provider.rate_limited", True, True, False, True),
        (429, ("insufficient_quota", None), "provider.budget", False, True, False, False),
        (500, (), "provider.failed", True, True, True, True),
        (500, (None, "invalid_request_error"), "provider.failed", True, True, True, True),
        (502, (), "provider.failed", True, True, True, True),
        (503, (), "provider.overloaded", True, True, True, True),
        (504, (), "provider.timeout", True, True, True, True),
        (529, (None, "overloaded_error"), "provider.overloaded", True, True, True, True),
        (307, (), "provider.failed", False, True, False, False),
        (None, (None, "overloaded_error"), "provider.overloaded", True, True, True, True),
        (None, (), "provider.failed", True, True, True, True),
        (200, ("rate_limit_error",), "provider.rate_limited", True, True, False, True),
    ],
    ids=str,
)
def test_each_status_and_word_means_one_thing(status, words, code, again, falls_back, ill, retryable):
    verdict = judge(status, words)
    assert (verdict.code, verdict.again, verdict.falls_back, verdict.ill, verdict.retryable) == (code, again, falls_back, ill, retryable)


@given(status=st.none() | st.integers(200, 599), words=st.lists(st.none() | st.text(max_size=30), max_size=2).map(tuple))
def test_whatever_comes_is_judged_and_can_be_told(status, words):
    verdict = judge(status, words)
    assert failed("a/b", verdict, status=status).message.startswith("a/b ")
    assert verdict.retryable or not verdict.again
    assert not verdict.ill or (status is None or not 400 <= status < 500 or status in {408, 409, 425} or bool(words))


@pytest.mark.parametrize("trouble", list(Trouble), ids=lambda trouble: trouble.value)
def test_every_trouble_has_a_code(trouble):
    assert judge(None, trouble=trouble).code.startswith("provider.")


@pytest.mark.parametrize(
    ("text", "milliseconds", "seconds"),
    [
        ("7", None, 7.0),
        ("1.5", None, 1.5),
        (None, None, None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None, None),
        ("-1", None, None),
        ("9", "250", 0.25),
        ("inf", None, None),
        ("nan", None, None),
        ("9", "x", 9.0),
    ],
)
def test_what_a_provider_asks_for_is_read(text, milliseconds, seconds):
    assert retry_after_s(text, milliseconds) == seconds


def test_who_asked_wrongly_does_not_burn_the_error_budget():
    mine = {verdict.code for verdict in (rules.INPUT_INVALID, rules.REFUSED, rules.MODEL_UNKNOWN)}
    others = {verdict.code for name, verdict in vars(rules).items() if isinstance(verdict, rules.Verdict)} - mine
    assert not any(by_fault(code) for code in mine)
    assert all(by_fault(code) for code in others)


def test_it_is_the_end_of_an_attempt_as_it_is():
    error = ProviderFailed(rules.OVERLOADED, "m", 3.0)
    assert (error.code, error.retryable, error.retry_after_s) == ("provider.overloaded", True, 3.0)
    assert pickle.loads(pickle.dumps(error)).code == error.code
