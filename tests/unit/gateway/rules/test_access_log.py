"""`gateway.rules.access_log`: the log of a busy gateway is about what people did and what went wrong."""

import logging

import pytest

from gateway.rules.access_log import level_of


@pytest.mark.parametrize(
    ("method", "status", "known", "level"),
    [
        ("POST", 201, True, logging.INFO),
        ("DELETE", 404, True, logging.INFO),
        ("POST", 429, True, logging.INFO),
        ("GET", 200, True, logging.DEBUG),
        ("GET", 404, True, logging.DEBUG),
        ("POST", 200, False, logging.DEBUG),  # an engine's claim
        ("POST", 401, False, logging.DEBUG),  # a stranger: they could fill the log
        ("GET", 500, False, logging.WARNING),
        ("POST", 503, True, logging.WARNING),
        ("GET", None, True, logging.DEBUG),  # a live socket's end
        ("POST", None, True, logging.DEBUG),
    ],
)
def test_how_loud_an_answer_is(method: str, status: int | None, known: bool, level: int):
    assert level_of(method, status, known=known) == level
