"""What is made of a tunnel client: its state, its waits, and what cannot be mended by waiting."""

import pytest

from app.rules.tunnel import LONGEST_WAIT_S, QUICK_WAIT_S, Fatal, Reading, fatal, judge, origin_of, quick_host, wait_s
from contract.endpoint import EndpointKind, EndpointState

ORIGIN = "https://a.example"


@pytest.mark.parametrize(
    ("kind", "reading", "state"),
    [
        (EndpointKind.QUICK, Reading(0, None, None), EndpointState.STARTING),
        (EndpointKind.QUICK, Reading(1, None, None), EndpointState.STARTING),
        (EndpointKind.QUICK, Reading(1, ORIGIN, None), EndpointState.STARTING),
        (EndpointKind.QUICK, Reading(0, ORIGIN, True), EndpointState.STARTING),
        (EndpointKind.QUICK, Reading(1, ORIGIN, True), EndpointState.READY),
        (EndpointKind.QUICK, Reading(1, ORIGIN, False), EndpointState.UNREACHABLE),
        (EndpointKind.NAMED, Reading(1, ORIGIN, True), EndpointState.DEGRADED),
        (EndpointKind.NAMED, Reading(4, ORIGIN, True), EndpointState.READY),
        (EndpointKind.NAMED, Reading(4, ORIGIN, False), EndpointState.UNREACHABLE),
    ],
)
def test_a_reading_has_one_state(kind: EndpointKind, reading: Reading, state: EndpointState):
    assert judge(kind, reading) is state


def test_waits_double_up_to_a_minute_and_half_of_each_is_drawn():
    named = [wait_s(EndpointKind.NAMED, failures, lambda: 1.0) for failures in range(1, 10)]
    assert named == [1, 2, 4, 8, 16, 32, LONGEST_WAIT_S, LONGEST_WAIT_S, LONGEST_WAIT_S]
    assert wait_s(EndpointKind.NAMED, 3, lambda: 0.0) == 2
    assert wait_s(EndpointKind.NAMED, 10_000, lambda: 1.0) == LONGEST_WAIT_S


def test_quick_tunnels_are_not_made_more_than_twice_a_minute():
    assert all(wait_s(EndpointKind.QUICK, failures, lambda: 0.0) >= QUICK_WAIT_S for failures in range(1, 12))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('{"level":"error","message":"Provided Tunnel token is not valid."}', Fatal.TOKEN_WRONG),
        ("Unauthorized: Invalid tunnel secret", Fatal.TOKEN_WRONG),
        ('{"level":"error","message":"Unable to establish connection with Cloudflare edge","error":"dial tcp"}', None),
        ("error error error", None),
        ("Incorrect Usage: flag provided but not defined: -management-diagnostics", Fatal.TOO_OLD),
    ],
)
def test_only_what_waiting_cannot_mend_is_fatal(line: str, found: Fatal | None):
    assert fatal(["something else", line]) is found


@pytest.mark.parametrize(
    ("line", "host"),
    [
        ('{"message":"|  https://some-words-here.trycloudflare.com   |"}', "some-words-here.trycloudflare.com"),
        ("https://api.trycloudflare.com.evil.example/", None),
        ("https://evil.example/?x=https://A.trycloudflare.com", None),
        ("nothing", None),
    ],
)
def test_a_quick_tunnels_name_is_found_in_a_line_and_nothing_else_is(line: str, host: str | None):
    assert quick_host(line) == host


@pytest.mark.parametrize("host", ["", "a b", "a/b", "A.example", "a.example/", "user@a.example", "-a", "a:b", "a:123456"])
def test_what_is_no_host_is_no_origin(host: str):
    assert origin_of(host) is None
    assert origin_of("a-b.example") == "https://a-b.example"
