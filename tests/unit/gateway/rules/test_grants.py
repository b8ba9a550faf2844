"""`gateway.rules.grants`: the owner's word goes before a kind's own, and what nobody spoke of is off unless it is built in."""

import pytest

from contract.kinds import KINDS
from contract.words import Role
from gateway.rules.grants import allowed, least_role, may, worded

FOREIGN = "com.example.paint"


@pytest.mark.parametrize(
    ("role", "kind", "grants", "verdict"),
    [
        (Role.RUNNER, "chat", {}, True),
        (Role.RUNNER, "embed", {}, True),
        (Role.VIEWER, "chat", {}, False),
        (None, "chat", {}, False),
        (Role.ADMIN, "http", {}, False),
        (Role.ADMIN, "tool", {}, False),
        (Role.ADMIN, FOREIGN, {}, False),
        (Role.RUNNER, "http", {"http": Role.RUNNER}, True),
        (Role.RUNNER, "http", {"http": Role.ADMIN}, False),
        (Role.ADMIN, "http", {"http": Role.ADMIN}, True),
        (Role.ADMIN, "http", {"http": Role.RUNNER}, True),
        (Role.ADMIN, "chat", {"chat": None}, False),
        (Role.RUNNER, FOREIGN, {FOREIGN: Role.RUNNER}, True),
    ],
)
def test_a_kind_is_open_to_whom_the_owner_or_its_default_says(role, kind, grants, verdict):
    assert may(role, kind, grants) is verdict


def test_tools_and_requests_are_off_until_the_owner_allows_them():
    assert {kind: least_role(kind, {}) for kind in KINDS if least_role(kind, {}) is None} == {"tool": None, "http": None}


def test_a_lease_names_everything_that_its_user_may_use_and_nothing_else():
    assert allowed(Role.RUNNER, {"tool": Role.RUNNER, "echo": None, "http": Role.ADMIN}) == [
        "chat",
        "echo-process",
        "echo-thread",
        "embed",
        "tool",
    ]
    assert allowed(None, {"tool": Role.RUNNER}) == []


def test_the_owner_is_shown_what_is_served_and_what_was_said():
    assert worded({"tool": Role.ADMIN}, ["chat", FOREIGN]) == {"chat": Role.RUNNER, FOREIGN: None, "tool": Role.ADMIN}
