"""`gateway.operations.throttle`: who is counted where, what failing costs, and who is never locked out."""

import pytest

from contract.errors import AddressThrottled, EngineThrottled, SignInThrottled, SubmitsThrottled, UserThrottled
from gateway.operations.throttle import Throttle
from gateway.rules.throttle import BLOCK_S, STRIKES_MAX, STRIKES_WITHIN_S, Counted, Policies
from kit.bucket import Policy
from tests.support.clock import ManualClock

FAR, OTHER = "203.0.113.7", "203.0.113.8"
SMALL = Policies(ip=Policy(1, 10), user=Policy(1, 2))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def throttle(clock: ManualClock) -> Throttle:
    return Throttle(clock, SMALL, lambda engine: {"one": 1, "two": 2}.get(engine, 0))


def allowed(act, most: int = 5000) -> int:
    """How often it may be done in a row."""
    for times in range(most):
        try:
            act()
        except (AddressThrottled, EngineThrottled, SignInThrottled, SubmitsThrottled, UserThrottled):
            return times
    raise AssertionError("without limit")


class TestAddresses:
    def test_a_burst_then_a_refusal_with_the_time_until_the_next(self, throttle: Throttle, clock: ManualClock):
        take = lambda: throttle.ip(FAR, local=False, counted=Counted.FULL)  # noqa: E731
        assert allowed(take) == 10
        with pytest.raises(AddressThrottled) as refused:
            take()
        assert refused.value.retry_after_s == 1
        assert refused.value.extra == {"quota": 10, "window_s": 10}
        clock.advance(1)
        assert allowed(take) == 1

    def test_each_address_has_its_own_and_loopback_one_for_all(self, throttle: Throttle):
        assert allowed(lambda: throttle.ip(FAR, local=False, counted=Counted.FULL)) == 10
        assert allowed(lambda: throttle.ip(OTHER, local=False, counted=Counted.FULL)) == 10
        assert allowed(lambda: throttle.ip("127.0.0.1", local=True, counted=Counted.FULL)) == 10
        assert allowed(lambda: throttle.ip("::1", local=True, counted=Counted.FULL)) == 0

    def test_a_credential_is_free_until_it_turns_out_wrong(self, throttle: Throttle):
        for _ in range(1000):
            throttle.ip(FAR, local=False, counted=Counted.IF_IT_FAILS)
        for _ in range(2):
            throttle.ip_failed(FAR, local=False, counted=Counted.IF_IT_FAILS)
        with pytest.raises(AddressThrottled):
            throttle.ip(FAR, local=False, counted=Counted.IF_IT_FAILS)

    def test_a_failure_costs_five_whether_or_not_one_was_taken_before(self, throttle: Throttle):
        throttle.ip(FAR, local=False, counted=Counted.FULL)
        throttle.ip_failed(FAR, local=False, counted=Counted.FULL)
        throttle.ip_failed(OTHER, local=False, counted=Counted.IF_IT_FAILS)
        assert [allowed(lambda at=at: throttle.ip(at, local=False, counted=Counted.FULL)) for at in (FAR, OTHER)] == [5, 5]

    def test_on_loopback_wrong_credentials_hold_up_only_those_who_show_none(self, throttle: Throttle):
        for _ in range(100):
            throttle.ip_failed("127.0.0.1", local=True, counted=Counted.AFTERWARDS)
        assert allowed(lambda: throttle.ip("127.0.0.1", local=True, counted=Counted.FULL)) == 0
        for _ in range(1000):
            throttle.ip("127.0.0.1", local=True, counted=Counted.AFTERWARDS)


class TestUsersAndEngines:
    def test_a_user_is_counted_alone(self, throttle: Throttle):
        assert allowed(lambda: throttle.user("ann")) == 2
        assert allowed(lambda: throttle.user("bob")) == 2

    def test_an_engine_is_held_to_its_slots(self, throttle: Throttle):
        none, one, two = (allowed(lambda engine=engine: throttle.engine(engine)) for engine in ("none", "one", "two"))
        assert none == SMALL.engine_base.burst
        assert (one - none, two - none) == (SMALL.engine_slot.burst, 2 * SMALL.engine_slot.burst)

    def test_no_engine_can_announce_itself_without_limit(self):
        assert Policies().engine(10**9) == Policies().engine(256)
        assert Policies().engine(-5) == Policies().engine(0)


class TestAttempts:
    def attempt(self, throttle: Throttle, address: str = FAR, *, local: bool = False, known: bool = False) -> None:
        throttle.auth(address, local=local, known_device=known)

    def test_ten_at_once_then_one_every_six_seconds(self, throttle: Throttle, clock: ManualClock):
        assert allowed(lambda: self.attempt(throttle)) == 10
        clock.advance(5.9)
        assert allowed(lambda: self.attempt(throttle)) == 0
        clock.advance(0.1)
        assert allowed(lambda: self.attempt(throttle)) == 1

    def test_failing_costs_five(self, throttle: Throttle):
        for _ in range(2):
            self.attempt(throttle)
            throttle.auth_failed(FAR, local=False)
        assert allowed(lambda: self.attempt(throttle)) == 0

    def test_the_twentieth_failure_closes_the_sign_in_to_that_address_only(self, throttle: Throttle, clock: ManualClock):
        for _ in range(STRIKES_MAX):
            throttle.auth_failed(FAR, local=False)
            clock.advance(20)
        with pytest.raises(SignInThrottled) as blocked:
            self.attempt(throttle)
        assert blocked.value.retry_after_s == BLOCK_S - 20
        throttle.ip(FAR, local=False, counted=Counted.FULL)  # the rest stays open
        self.attempt(throttle, OTHER)
        clock.advance(BLOCK_S - 20)
        self.attempt(throttle)

    def test_twenty_failures_over_a_longer_time_close_nothing(self, throttle: Throttle, clock: ManualClock):
        for _ in range(3 * STRIKES_MAX):
            throttle.auth_failed(FAR, local=False)
            clock.advance(STRIKES_WITHIN_S / (STRIKES_MAX - 1) + 1)
        clock.advance(120)
        self.attempt(throttle)

    def test_loopback_is_never_closed(self, throttle: Throttle, clock: ManualClock):
        for _ in range(1000):
            throttle.auth_failed("127.0.0.1", local=True)
        clock.advance(61)
        self.attempt(throttle, "127.0.0.1", local=True)

    def test_strangers_cannot_use_up_the_share_of_known_devices(self, throttle: Throttle):
        strangers = (f"198.51.{n // 250}.{n % 250}" for n in range(10_000))
        assert allowed(lambda: self.attempt(throttle, next(strangers))) == 40
        assert allowed(lambda: self.attempt(throttle, next(strangers), known=True)) == 20
        assert allowed(lambda: self.attempt(throttle, "127.0.0.1", local=True)) == 300

    def test_an_address_that_is_refused_takes_nothing_from_the_others(self, throttle: Throttle):
        allowed(lambda: self.attempt(throttle))
        for _ in range(1000):
            with pytest.raises(SignInThrottled):
                self.attempt(throttle)
        others = (f"198.51.100.{n}" for n in range(250))
        assert allowed(lambda: self.attempt(throttle, next(others))) == 30


def test_a_flood_of_addresses_takes_bounded_room(clock: ManualClock):
    throttle = Throttle(clock, SMALL, lambda _: 0, keys_max=50)
    for n in range(5000):
        throttle.ip(f"10.0.{n // 250}.{n % 250}", local=False, counted=Counted.FULL)
        throttle.auth_failed(f"10.0.{n // 250}.{n % 250}", local=False)
        throttle.user(str(n))
    assert {len(kept) for kept in (throttle._addresses, throttle._attempts, throttle._users, throttle._records)} == {50}


class TestSubmits:
    @pytest.fixture
    def served(self) -> list[float | None]:
        """What the engines can serve in a second, last in the list."""
        return [50.0]

    @pytest.fixture
    def throttle(self, clock: ManualClock, served: list[float | None]) -> Throttle:
        return Throttle(clock, Policies(submit_burst=1000), lambda _: 0, lambda: served[-1])

    def test_a_burst_of_jobs_then_twice_what_is_served(self, throttle: Throttle, clock: ManualClock):
        throttle.submits("ann", "127.0.0.1", local=True, jobs=500)
        throttle.submits("ann", "127.0.0.1", local=True, jobs=500)
        with pytest.raises(SubmitsThrottled) as refused:
            throttle.submits("ann", "127.0.0.1", local=True, jobs=1)
        assert (refused.value.retry_after_s, refused.value.extra) == (1, {"quota": 1000, "window_s": 10})
        clock.advance(1)
        throttle.submits("ann", "127.0.0.1", local=True, jobs=100)

    def test_a_batch_that_is_too_much_takes_nothing_and_fits_after_the_time_told(self, throttle: Throttle, clock: ManualClock):
        throttle.submits("ann", "127.0.0.1", local=True, jobs=800)
        with pytest.raises(SubmitsThrottled) as refused:
            throttle.submits("ann", "127.0.0.1", local=True, jobs=500)
        assert refused.value.retry_after_s == 3
        throttle.submits("ann", "127.0.0.1", local=True, jobs=200)  # what was left is still there
        clock.advance(5)
        throttle.submits("ann", "127.0.0.1", local=True, jobs=500)

    def test_users_on_loopback_have_nothing_in_common(self, throttle: Throttle):
        for user in ("ann", "bob"):
            throttle.submits(user, "127.0.0.1", local=True, jobs=1000)

    def test_an_address_elsewhere_is_counted_whoever_signs_in_there(self, throttle: Throttle):
        throttle.submits("ann", FAR, local=False, jobs=600)
        with pytest.raises(SubmitsThrottled):
            throttle.submits("bob", FAR, local=False, jobs=600)
        throttle.submits("bob", OTHER, local=False, jobs=1000)  # the refusal took nothing of bob's
        with pytest.raises(SubmitsThrottled):
            throttle.submits("ann", OTHER, local=False, jobs=1)

    def test_the_budget_follows_what_is_measured(self, throttle: Throttle, clock: ManualClock, served: list[float | None]):
        throttle.submits("ann", FAR, local=True, jobs=1000)
        served.append(1.0)
        clock.advance(1)
        assert allowed(lambda: throttle.submits("ann", FAR, local=True, jobs=1)) == 10
        served.append(None)
        clock.advance(1)
        throttle.submits("ann", FAR, local=True, jobs=1000)
