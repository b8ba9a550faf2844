"""`kit.machine`: what is left, asked seldom."""

from pathlib import Path

from kit.machine import Free, Machine, measure
from tests.support.clock import ManualClock


def test_this_machine_has_something_left(tmp_path: Path):
    free = measure(tmp_path)
    assert free.memory > 0
    assert free.disk > 0


def test_it_is_asked_at_most_once_a_second_about_the_disk_of_the_folder(tmp_path: Path):
    clock, asked = ManualClock(), []

    def ask(folder: Path) -> Free:
        asked.append(folder)
        return Free(len(asked), 0)

    machine = Machine(tmp_path, clock, ask)
    assert [machine.free().memory for _ in range(3)] == [1, 1, 1]
    clock.advance(0.999)
    assert machine.free().memory == 1
    clock.advance(0.001)
    assert machine.free().memory == 2
    assert asked == [tmp_path, tmp_path]
