"""`kit.bucket` and `kit.recent`: nobody gets more than rate and burst allow, and what is told to wait for comes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.bucket import Bucket, Buckets, Policy, address_key
from kit.clock import SECOND
from kit.recent import Recent

SAME = settings(deadline=None, derandomize=True)
POLICIES = st.builds(Policy, st.floats(0.01, 1000), st.integers(1, 500).map(float))
GAPS = st.lists(st.integers(0, 20 * SECOND), min_size=1, max_size=60)


class TestBucket:
    def test_a_burst_is_there_at_once_and_then_the_rate(self):
        policy = Policy(2, 3)
        bucket = Bucket(policy, 0)
        assert [bucket.take(policy, 0) for _ in range(4)] == [0, 0, 0, 0.5]
        assert bucket.take(policy, SECOND // 2 - 1) > 0
        assert bucket.take(policy, SECOND // 2) == 0
        assert bucket.take(policy, SECOND // 2) > 0

    def test_a_full_bucket_does_not_grow(self):
        policy = Policy(10, 3)
        bucket = Bucket(policy, 0)
        assert [bucket.take(policy, 3600 * SECOND) > 0 for _ in range(4)] == [False, False, False, True]

    def test_a_refusal_takes_nothing(self):
        policy = Policy(1, 5)
        bucket = Bucket(policy, 0)
        bucket.take(policy, 0, 4)
        assert [bucket.take(policy, 0, 2) for _ in range(10)] == [1.0] * 10
        assert bucket.take(policy, 0, 1) == 0

    def test_a_look_takes_nothing(self):
        policy = Policy(1, 1)
        bucket = Bucket(policy, 0)
        assert [bucket.wait_s(policy, 0) for _ in range(3)] == [0, 0, 0]
        assert bucket.take(policy, 0) == 0

    def test_a_charge_leaves_a_debt_of_at_most_a_burst(self):
        policy = Policy(1, 10)
        bucket = Bucket(policy, 0)
        bucket.charge(policy, 0, 12)
        assert bucket.wait_s(policy, 0) == 3
        bucket.charge(policy, 0, 1000)
        assert bucket.wait_s(policy, 0) == 11

    def test_a_clock_that_stands_or_goes_back_gives_nothing(self):
        policy = Policy(100, 1)
        bucket = Bucket(policy, SECOND)
        assert bucket.take(policy, SECOND) == 0
        assert bucket.take(policy, 0) > 0

    @SAME
    @given(POLICIES, GAPS)
    def test_in_no_stretch_of_time_more_is_taken_than_rate_and_burst_allow(self, policy: Policy, gaps: list[int]):
        bucket = Bucket(policy, 0)
        now, taken = 0, []
        for gap in gaps:
            now += gap
            taken += [now] * sum(bucket.take(policy, now) == 0 for _ in range(5))
        for first in range(len(taken)):
            for last in range(first, len(taken), 7):
                allowed = policy.burst + policy.rate * (taken[last] - taken[first]) / SECOND
                assert last - first + 1 <= allowed + 0.01

    @SAME
    @given(POLICIES, GAPS, st.integers(1, 5))
    def test_whoever_waits_as_told_is_served(self, policy: Policy, gaps: list[int], cost: int):
        cost = min(cost, int(policy.burst))
        bucket = Bucket(policy, 0)
        now = 0
        for gap in gaps:
            now += gap
            wait = bucket.take(policy, now, cost)
            if wait:
                now += round(wait * SECOND) + 1
                assert bucket.take(policy, now, cost) == 0


class TestBuckets:
    def test_each_key_has_its_own(self):
        policy, buckets = Policy(1, 1), Buckets()
        assert buckets.of("a", policy, 0).take(policy, 0) == 0
        assert buckets.of("a", policy, 0).take(policy, 0) > 0
        assert buckets.of("b", policy, 0).take(policy, 0) == 0

    def test_a_million_keys_take_no_more_room_than_their_limit(self):
        policy, buckets = Policy(1, 1), Buckets(100)
        for key in range(10_000):
            buckets.of(key, policy, 0).take(policy, 0)
        assert len(buckets) == 100

    def test_the_keys_in_use_stay(self):
        policy, buckets = Policy(1, 1), Buckets(10)
        for key in range(100):
            buckets.of("busy", policy, 0).take(policy, 0)
            buckets.of(key, policy, 0)
        assert buckets.of("busy", policy, 0).take(policy, 0) > 0


class TestAddressKey:
    @pytest.mark.parametrize(
        ("address", "key"),
        [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
            ("2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64"),
            ("2001:DB8:0:1:0:0:0:2", "2001:db8:0:1::/64"),
            ("2001:db8:0:2::1", "2001:db8:0:2::/64"),
            ("fe80::1%eth0", "fe80::/64"),
            ("::1", "::/64"),
            ("", ""),
            ("loopback", "loopback"),
        ],
    )
    def test_one_subscriber_is_one_key(self, address: str, key: str):
        assert address_key(address) == key


class TestRecent:
    def test_what_was_used_last_is_kept(self):
        recent: Recent[str, int] = Recent(2)
        recent.get_or_make("a", lambda: 1)
        recent.get_or_make("b", lambda: 2)
        assert recent.get("a") == 1
        recent.get_or_make("c", lambda: 3)
        assert (recent.get("a"), recent.get("b"), recent.get("c")) == (1, None, 3)

    def test_nothing_is_made_twice(self):
        recent: Recent[str, int] = Recent(2)
        assert [recent.get_or_make("a", lambda n=n: n) for n in (1, 2)] == [1, 1]
        assert len(recent) == 1
