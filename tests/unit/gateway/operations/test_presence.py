"""Which instances are up, what they serve, and what each has been told already."""

import pytest

from contract.engine_link import Announce, InstanceStats, Scaling
from gateway.operations.presence import FORGET_AFTER_US, SHOWN_FOR_US, Instance, Presence, news
from gateway.rules.engine_tokens import EngineCaller
from gateway.rules.presence import UP_FOR_US, InstanceState
from kit.clock import SECOND
from tests.support.clock import ManualClock

ECHO = Announce(version="1", slots=2, kinds=["echo"])


def of(engine: str, installation: str = "first") -> EngineCaller:
    return EngineCaller(engine, installation, "token")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def presence(clock: ManualClock) -> Presence:
    return Presence(clock)


def ids(instances: list[Instance]) -> list[str]:
    return [instance.id for instance in instances]


def test_an_instance_is_up_until_it_was_silent_for_too_long(presence: Presence, clock: ManualClock):
    presence.announced(of("e"), "i", ECHO)
    clock.advance(UP_FOR_US / SECOND)
    assert ids(presence.up("e")) == ["i"]
    clock.advance(0.000001)
    assert (ids(presence.up("e")), ids(presence.of("e"))) == ([], ["i"])
    assert presence.seconds_since_seen(presence.of("e")[0]) == pytest.approx(30.000001)


def test_one_that_beats_without_claiming_is_deaf_and_said_so_once(presence: Presence, clock: ManualClock, caplog: pytest.LogCaptureFixture):
    presence.announced(of("e"), "i", ECHO, wait_ms=5000)
    for _ in range(5):
        clock.advance(5)
        presence.beat("e", "i", InstanceStats(slots=2, busy=1, lag_ms=7.5, clock_off_s=-60.0))
    (instance,) = presence.of("e")
    assert presence.state(instance) is InstanceState.DEAF
    assert [record.getMessage() for record in caplog.records] == ["engine.deaf"]
    assert instance.stats is not None
    assert (instance.stats.lag_ms, instance.stats.clock_off_s) == (7.5, -60.0)
    presence.announced(of("e"), "i", ECHO, wait_ms=5000)
    assert presence.state(instance) is InstanceState.UP


def test_a_silent_instance_is_shown_for_a_while(presence: Presence, clock: ManualClock):
    presence.announced(of("e"), "i", ECHO)
    clock.advance(SHOWN_FOR_US / SECOND)
    assert (ids(presence.up("e")), ids(presence.lately("e"))) == ([], ["i"])
    clock.advance(1)
    assert ids(presence.lately("e")) == []


def test_instances_belong_to_their_engine(presence: Presence):
    presence.announced(of("e"), "i", ECHO)
    presence.announced(of("f"), "j", ECHO)
    assert (ids(presence.of("e")), ids(presence.of("f")), ids(presence.of("g"))) == (["i"], ["j"], [])


def test_a_claim_renews_what_is_known_and_keeps_what_was_told(presence: Presence, clock: ManualClock):
    first = presence.announced(of("e"), "i", ECHO)
    first.told = frozenset({b"x"})
    clock.advance(5)
    again = presence.announced(of("e"), "i", Announce(version="2", slots=9, kinds=["http"]))
    assert again is first
    assert (again.announce.slots, again.seen, again.told) == (9, clock.steady, {b"x"})


def test_an_instance_that_serves_another_engine_now_begins_anew(presence: Presence):
    presence.announced(of("e"), "i", ECHO).told = frozenset({b"x"})
    moved = presence.announced(of("f"), "i", ECHO)
    assert (ids(presence.of("e")), ids(presence.of("f")), moved.told) == ([], ["i"], frozenset())


def test_an_instance_that_calls_with_another_installations_token_begins_anew(presence: Presence):
    presence.announced(of("e"), "i", ECHO).told = frozenset({b"x"})
    moved = presence.announced(of("e", "second"), "i", ECHO)
    assert ([instance.installation for instance in presence.of("e")], moved.told) == (["second"], frozenset())


def test_a_heartbeat_keeps_a_known_instance_up_and_tells_how_busy_it_is(presence: Presence, clock: ManualClock):
    presence.announced(of("e"), "i", ECHO)
    clock.advance(25)
    presence.beat("e", "i", InstanceStats(slots=2, busy=2))
    clock.advance(25)
    (instance,) = presence.up("e")
    assert instance.busy == 2


def test_a_heartbeat_of_a_stranger_or_in_anothers_name_makes_nobody_known(presence: Presence, clock: ManualClock):
    presence.beat("e", "i", InstanceStats(slots=2, busy=2))
    assert presence.of("e") == []
    presence.announced(of("e"), "i", ECHO)
    clock.advance(31)
    presence.beat("f", "i", InstanceStats(slots=2, busy=2))
    assert (presence.up("e"), presence.of("f"), presence.of("e")[0].busy) == ([], [], 0)


def test_a_heartbeat_tells_how_an_instance_chooses_its_slots(presence: Presence):
    presence.announced(of("e"), "i", ECHO)
    scaling = Scaling(automatic=True, least=1, most=16)
    presence.beat("e", "i", InstanceStats(slots=2, busy=2, scaling=scaling))
    stats = presence.of("e")[0].stats
    assert stats is not None
    assert stats.scaling == scaling


def test_an_instances_part_is_by_its_slots_among_those_up(presence: Presence, clock: ManualClock):
    one = presence.announced(of("e"), "i", ECHO.model_copy(update={"slots": 3}))
    assert presence.part(one) == 1
    two = presence.announced(of("e"), "j", ECHO.model_copy(update={"slots": 1}))
    presence.announced(of("f"), "k", ECHO.model_copy(update={"slots": 4}))
    assert (presence.part(one), presence.part(two)) == (0.75, 0.25)
    clock.advance(31)
    presence.announced(of("e"), "j", ECHO.model_copy(update={"slots": 1}))
    assert presence.part(two) == 1
    none = presence.announced(of("g"), "l", ECHO.model_copy(update={"slots": 0}))
    assert presence.part(none) == 0


def test_how_busy_a_stranger_is_does_not_matter(presence: Presence):
    presence.busy("i", 3)
    presence.announced(of("e"), "i", ECHO)
    presence.busy("i", 2)
    assert presence.of("e")[0].busy == 2


def test_long_silent_instances_are_forgotten_when_a_new_one_comes(presence: Presence, clock: ManualClock):
    presence.announced(of("e"), "old", ECHO)
    clock.advance(FORGET_AFTER_US / SECOND)
    presence.announced(of("e"), "middle", ECHO)
    assert ids(presence.of("e")) == ["old", "middle"]
    clock.advance(1)
    presence.announced(of("e"), "new", ECHO)
    assert ids(presence.of("e")) == ["middle", "new"]


@pytest.mark.parametrize(
    ("told", "pending", "fresh"),
    [
        (set(), set(), False),
        (set(), {b"a"}, True),
        ({b"a"}, {b"a"}, False),
        ({b"a", b"b"}, {b"a"}, False),
        ({b"a"}, {b"a", b"b"}, True),
        ({b"a"}, {b"b"}, True),
        ({b"a"}, set(), False),
    ],
)
def test_news_is_what_was_not_told_before(presence: Presence, told: set[bytes], pending: set[bytes], fresh: bool):
    instance = presence.announced(of("e"), "i", ECHO)
    instance.told = frozenset(told)
    assert news(instance, pending) is fresh
    assert instance.told == pending
