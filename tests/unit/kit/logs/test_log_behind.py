"""`kit.logs.behind`: whoever says something never waits for the disk, and learns later what was dropped."""

import threading
from collections.abc import Iterator

import pytest

from kit.logs.behind import Behind

PATIENCE_S = 10.0


class Slow:
    """A disk that waits until it is let."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.asked = threading.Event()
        self.lines: list[str] = []
        self.keeps = True

    def __call__(self, lines: list[str]) -> int:
        self.asked.set()
        assert self.may.wait(PATIENCE_S)
        if not self.keeps:
            return 0
        self.lines += lines
        return len(lines)


@pytest.fixture
def disk() -> Slow:
    return Slow()


def behind(disk: Slow, **limits: float) -> Behind:
    return Behind("test", disk, lambda count: f"lost {count}", **{"linger_s": 0.0, **limits})


@pytest.fixture
def queue(disk: Slow) -> Iterator[Behind]:
    made = behind(disk, bytes_max=10)
    yield made
    disk.may.set()
    made.close(PATIENCE_S)


def test_a_disk_that_hangs_holds_nobody_up_and_what_does_not_fit_is_counted(disk: Slow, queue: Behind):
    queue.put("first", urgent=True)
    assert disk.asked.wait(PATIENCE_S)
    for _ in range(5):
        queue.put("12345")  # returns at once; two fit
    disk.may.set()
    assert queue.flush(PATIENCE_S)
    assert disk.lines == ["first", "12345", "12345", "lost 3"]


def test_what_could_not_be_kept_is_counted_until_it_can_be_told(disk: Slow, queue: Behind):
    disk.may.set()
    disk.keeps = False
    for _ in range(3):
        queue.put("x")
        assert queue.flush(PATIENCE_S)
    disk.keeps = True
    queue.put("y")
    assert queue.flush(PATIENCE_S)
    assert disk.lines == ["y", "lost 3"]


def test_the_end_writes_what_waits(disk: Slow):
    made = behind(disk, linger_s=1000)
    made.put("a")
    made.put("b")
    disk.may.set()
    made.close(PATIENCE_S)
    made.put("after")
    assert disk.lines == ["a", "b"]


def test_an_urgent_line_takes_the_others_with_it(disk: Slow):
    disk.may.set()
    made = behind(disk, linger_s=1000)
    made.put("a")
    made.put("b", urgent=True)
    assert made.flush(PATIENCE_S)
    assert disk.lines == ["a", "b"]
    made.close(PATIENCE_S)


def test_the_end_does_not_wait_for_ever(disk: Slow):
    made = behind(disk)
    made.put("a", urgent=True)
    assert disk.asked.wait(PATIENCE_S)
    made.close(0.01)
    assert not made.flush(0.01)
    disk.may.set()


def test_an_end_on_a_disk_that_keeps_nothing_ends(disk: Slow):
    disk.may.set()
    disk.keeps = False
    made = behind(disk)
    made.put("a")
    made.close(PATIENCE_S)
    assert disk.lines == []
