"""`gateway.rules.refresh`: each token serves once; a second use ends the family, but for a moment after the first."""

from dataclasses import replace

import pytest

from contract import limits
from gateway.rules.refresh import Family, Judgement, judge
from kit.clock import SECOND

NOW = 10_000_000 * SECOND
FAMILY = Family("mine", NOW, b"current", NOW, b"previous")
IDLE, ABSOLUTE, GRACE = (seconds * SECOND for seconds in (limits.REFRESH_IDLE_S, limits.REFRESH_ABSOLUTE_S, limits.REFRESH_GRACE_S))


@pytest.mark.parametrize(
    ("digest", "thumbprint", "later", "expected"),
    [
        (b"current", "mine", 0, Judgement.ROTATE),
        (b"current", "mine", IDLE - 1, Judgement.ROTATE),
        (b"current", "mine", IDLE, Judgement.EXPIRED),
        (b"current", "theirs", 0, Judgement.STOLEN),
        (b"previous", "mine", 0, Judgement.SUPERSEDED),
        (b"previous", "mine", GRACE, Judgement.SUPERSEDED),
        (b"previous", "mine", GRACE + 1, Judgement.REUSED),
        (b"previous", "theirs", 0, Judgement.STOLEN),
        (b"older", "mine", 0, Judgement.REUSED),
    ],
)
def test_what_a_token_means(digest: bytes, thumbprint: str, later: int, expected: Judgement):
    assert judge(FAMILY, digest, thumbprint, NOW + later) is expected


def test_a_session_ends_after_thirty_days_however_busy():
    busy = replace(FAMILY, made_at=NOW - ABSOLUTE + 1)
    assert judge(busy, b"current", "mine", NOW) is Judgement.ROTATE
    assert judge(busy, b"current", "mine", NOW + 1) is Judgement.EXPIRED
