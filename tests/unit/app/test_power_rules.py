"""When jobs wait because of battery or network, case by case."""

import pytest

from app.rules.condition import Pause
from app.rules.power import RECOVERS_PERCENT, Policy, Power, Standing, observe

POLICY = Policy(below_percent=20, on_metered=True)
PLUGGED, FULL = Power(False, 10, False), Power(True, 80, False)
LOW, METERED = Power(True, 19, False), Power(True, 80, True)


@pytest.mark.parametrize(
    ("power", "policy", "expected"),
    [
        (LOW, POLICY, Pause.BATTERY),
        (Power(True, 20, False), POLICY, None),
        (PLUGGED, POLICY, None),
        (FULL, POLICY, None),
        (METERED, POLICY, Pause.METERED),
        (Power(True, 5, True), POLICY, Pause.BATTERY),
        (LOW, Policy(), None),
        (METERED, Policy(), None),
        (Power(), POLICY, None),
        (Power(True, None, None), POLICY, None),
        (Power(None, None, True), POLICY, Pause.METERED),
    ],
)
def test_what_is_asked_for(power, policy, expected):
    assert observe(Standing(), power, policy).pause is expected


def _after(*powers, policy=POLICY):
    standing = Standing()
    for power in powers:
        standing = observe(standing, power, policy)
    return standing


def test_jobs_do_not_stop_and_go_with_every_percent():
    just_below = Power(True, 20 + RECOVERS_PERCENT - 1, False)
    assert _after(LOW, just_below).pause is Pause.BATTERY
    assert _after(just_below).pause is None
    assert _after(LOW, Power(True, 20 + RECOVERS_PERCENT, False)).pause is None
    assert _after(LOW, Power(False, 19, False)).pause is None, "power came back"


def test_a_low_battery_comes_before_a_metered_network_and_gives_way_to_it():
    assert _after(Power(True, 5, True)).pause is Pause.BATTERY
    assert _after(Power(True, 5, True), Power(False, 5, True)).pause is Pause.METERED
