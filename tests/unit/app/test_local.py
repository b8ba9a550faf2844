"""Steering this machine's engine: what the person said and what the machine's power says."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from app.services.local import LocalControl
from contract.errors import NotOfThisProgram, RequestInvalid
from contract.local import LocalChange


@dataclass
class Steered:
    """Stands for an engine: what it was told."""

    slots: int = 4
    busy: int = 0
    automatic: bool = True
    paused: bool = False
    told: list[object] = field(default_factory=list)

    def set_slots(self, count: int | None) -> None:
        self.automatic = count is None
        self.slots = count or self.slots
        self.told.append(count)

    def pause(self, paused: bool) -> None:
        self.paused = paused


@pytest.fixture
def thread() -> Iterator[BlockingPortal]:
    with start_blocking_portal("asyncio") as portal:
        yield portal


@pytest.fixture
def engine() -> Steered:
    return Steered()


@pytest.fixture
def local(thread: BlockingPortal, engine: Steered) -> LocalControl:
    made = LocalControl(16)
    made.begins(thread, engine, "aaaa", "home")
    return made


def change(local: LocalControl, **asked: object):
    return asyncio.run(local.change(LocalChange(**asked)))


def test_slots_are_fixed_and_chosen_again(local: LocalControl, engine: Steered):
    assert change(local, slots=3).slots == 3
    assert not engine.automatic
    assert change(local, automatic=True).automatic
    assert engine.told == [3, None]


def test_more_than_the_maximum_is_refused_and_says_where_it_is_raised(local: LocalControl, engine: Steered):
    with pytest.raises(RequestInvalid, match="slots_max under"):
        change(local, slots=17)
    with pytest.raises(RequestInvalid, match="not both"):
        change(local, slots=3, automatic=True)
    assert engine.told == []


def test_what_was_wished_holds_for_the_next_engine(local: LocalControl, thread: BlockingPortal):
    change(local, slots=2, paused=True)
    local.ends()
    assert local.view() is None
    with pytest.raises(NotOfThisProgram):
        change(local, paused=False)
    after = Steered()
    local.begins(thread, after, "aaaa", "home")
    assert (after.slots, after.paused) == (2, True)


def test_the_battery_pauses_and_lets_go_on(local: LocalControl, engine: Steered):
    local.policy("battery")
    assert (engine.paused, local.view().paused) == (True, "battery")
    local.policy(None)
    assert (engine.paused, local.view().paused) == (False, None)


def test_a_person_who_goes_on_is_obeyed_until_the_policy_has_another_reason(local: LocalControl, engine: Steered):
    local.policy("battery")
    assert change(local, paused=False).paused is None
    local.policy("battery")
    assert not engine.paused
    local.policy(None)
    local.policy("battery")
    assert engine.paused


def test_a_person_who_pauses_is_obeyed_whatever_the_power_says(local: LocalControl, engine: Steered):
    change(local, paused=True)
    local.policy("battery")
    local.policy(None)
    assert (engine.paused, local.view().paused) == (True, "asked")
    change(local, paused=False)
    assert not engine.paused
    local.policy("metered")
    assert engine.paused
