"""`LeaseBook`: what is held, and when it must be let go (protocol §5)."""

import sys
import threading
from collections.abc import Iterator

import pytest

from contract import limits
from engine.rules.leases import LeaseBook, let_go_at
from kit.clock import MILLISECOND, SECOND
from tests.support.clock import ManualClock
from tests.support.fake_link import job_id, lease

LET_GO_S = 24  # 80 % of 30 s


@pytest.fixture
def book() -> LeaseBook:
    return LeaseBook()


def lapsed(book: LeaseBook, clock: ManualClock) -> list[str]:
    return [held.job for held in book.lapsed(clock.now().steady)]


class TestHolding:
    def test_a_granted_lease_is_held_and_runs(self, book: LeaseBook):
        assert book.granted(lease(1), 0)
        assert [(held.job, held.token) for held in book.held()] == [(lease(1).job, lease(1).token)]
        assert (len(book), book.running()) == (1, 1)

    def test_a_replayed_lease_is_not_entered_twice(self, book: LeaseBook):
        book.granted(lease(1), 0)
        assert not book.granted(lease(1), 5 * SECOND)
        assert len(book) == 1

    def test_a_replayed_lease_does_not_last_longer(self, book: LeaseBook, clock: ManualClock):
        book.granted(lease(1), clock.now().steady)
        clock.advance(LET_GO_S)
        book.granted(lease(1), clock.now().steady)
        assert lapsed(book, clock) == [job_id(1)]

    def test_a_new_lease_of_the_same_job_takes_the_place_of_the_old_one(self, book: LeaseBook, clock: ManualClock):
        book.granted(lease(1, grant=1), clock.now().steady)
        assert book.granted(lease(1, grant=2), clock.now().steady)
        assert [held.token for held in book.held()] == [lease(1, grant=2).token]
        assert not book.may_act(job_id(1), lease(1, grant=1).token, clock.now().steady)
        assert book.may_act(job_id(1), lease(1, grant=2).token, clock.now().steady)

    def test_a_spooled_report_is_still_held_but_runs_no_more(self, book: LeaseBook):
        book.granted(lease(1), 0)
        book.granted(lease(2), 0)
        book.ended(job_id(1), lease(1).token)
        assert [held.job for held in book.held()] == [job_id(1), job_id(2)]
        assert (len(book), book.running()) == (2, 1)

    def test_what_is_forgotten_is_no_longer_held(self, book: LeaseBook):
        book.granted(lease(1), 0)
        book.forget(job_id(1), lease(1).token)
        assert (book.held(), len(book), book.running()) == ([], 0, 0)
        assert not book.may_act(job_id(1), lease(1).token, 0)

    def test_forgetting_an_old_attempt_leaves_the_new_one(self, book: LeaseBook):
        book.granted(lease(1, grant=1), 0)
        book.granted(lease(1, grant=2), 0)
        book.forget(job_id(1), lease(1, grant=1).token)
        assert [held.token for held in book.held()] == [lease(1, grant=2).token]

    def test_unknown_jobs_are_ignored(self, book: LeaseBook):
        book.ended(job_id(9), lease(9).token)
        book.forget(job_id(9), "0" * 32)
        book.renewed(job_id(9), limits.LEASE_MS, 0)
        assert not book.may_act(job_id(9), "0" * 32, 0)
        assert len(book) == 0

    def test_a_stranger_token_may_not_act(self, book: LeaseBook):
        book.granted(lease(1), 0)
        assert not book.may_act(job_id(1), "f" * 32, 0)

    def test_the_report_of_an_old_attempt_does_not_end_the_new_one(self, book: LeaseBook, clock: ManualClock):
        book.granted(lease(1, grant=1), clock.now().steady)
        book.granted(lease(1, grant=2), clock.now().steady)
        book.ended(job_id(1), lease(1, grant=1).token)
        clock.advance(LET_GO_S)
        assert lapsed(book, clock) == [job_id(1)]


class TestLettingGo:
    @pytest.mark.parametrize(("lease_ms", "after_us"), [(30_000, 24 * SECOND), (1, 800), (0, 0)])
    def test_the_point_is_four_fifths_of_the_lease(self, lease_ms: int, after_us: int):
        assert let_go_at(7 * SECOND, lease_ms) == 7 * SECOND + after_us

    def test_a_lease_lapses_at_the_point_and_not_before(self, book: LeaseBook, clock: ManualClock):
        book.granted(lease(1), clock.now().steady)
        clock.advance(LET_GO_S - 0.000_001)
        assert lapsed(book, clock) == []
        assert book.may_act(job_id(1), lease(1).token, clock.now().steady)
        clock.advance(0.000_001)
        assert lapsed(book, clock) == [job_id(1)]
        assert not book.may_act(job_id(1), lease(1).token, clock.now().steady)

    def test_the_lease_counts_from_when_the_claim_was_sent_not_from_its_answer(self, book: LeaseBook, clock: ManualClock):
        sent_at = clock.now().steady
        clock.advance(20)  # a slow answer
        book.granted(lease(1), sent_at)
        clock.advance(LET_GO_S - 20)
        assert lapsed(book, clock) == [job_id(1)]

    def test_a_grant_late_in_the_long_poll_counts_from_the_grant(self, book: LeaseBook, clock: ManualClock):
        sent_at = clock.now().steady
        clock.advance(20)
        book.granted(lease(1, granted_after_ms=20_000), sent_at)
        clock.advance(LET_GO_S - 0.001)
        assert lapsed(book, clock) == []
        clock.advance(0.001)
        assert lapsed(book, clock) == [job_id(1)]

    def test_a_lease_granted_to_an_earlier_attempt_has_less_left(self, book: LeaseBook, clock: ManualClock):
        book.granted(lease(1, granted_after_ms=-10_000), clock.now().steady)
        clock.advance(LET_GO_S - 10)
        assert lapsed(book, clock) == [job_id(1)]

    def test_a_suspended_machine_lets_go_when_it_wakes(self, book: LeaseBook, clock: ManualClock):
        book.granted(lease(1), clock.now().steady)
        clock.sleep_machine(LET_GO_S)
        assert lapsed(book, clock) == [job_id(1)]
        assert not book.may_act(job_id(1), lease(1).token, clock.now().steady)

    def test_a_step_of_the_wall_clock_changes_nothing(self, book: LeaseBook, clock: ManualClock):
        book.granted(lease(1), clock.now().steady)
        clock.step_wall(365 * 24 * 3600)
        assert lapsed(book, clock) == []
        clock.step_wall(-2 * 365 * 24 * 3600)
        clock.advance(LET_GO_S)
        assert lapsed(book, clock) == [job_id(1)]

    def test_what_is_spooled_never_lapses(self, book: LeaseBook, clock: ManualClock):
        book.granted(lease(1), clock.now().steady)
        book.ended(job_id(1), lease(1).token)
        clock.advance(1000)
        assert lapsed(book, clock) == []

    def test_each_lease_lapses_by_itself(self, book: LeaseBook, clock: ManualClock):
        book.granted(lease(1), clock.now().steady)
        clock.advance(10)
        book.granted(lease(2), clock.now().steady)
        clock.advance(LET_GO_S - 10)
        assert lapsed(book, clock) == [job_id(1)]


class TestRenewing:
    def test_a_renewal_counts_from_when_the_heartbeat_was_sent(self, book: LeaseBook, clock: ManualClock):
        book.granted(lease(1), clock.now().steady)
        clock.advance(10)
        sent_at = clock.now().steady
        clock.advance(5)  # its answer was slow
        book.renewed(job_id(1), limits.LEASE_MS, sent_at)
        clock.advance(LET_GO_S - 5 - 0.001)
        assert lapsed(book, clock) == []
        clock.advance(0.001)
        assert lapsed(book, clock) == [job_id(1)]

    def test_a_late_answer_of_an_older_heartbeat_does_not_shorten_a_lease(self, book: LeaseBook, clock: ManualClock):
        book.granted(lease(1), clock.now().steady)
        older = clock.now().steady
        clock.advance(10)
        book.renewed(job_id(1), limits.LEASE_MS, clock.now().steady)
        book.renewed(job_id(1), limits.LEASE_MS, older)
        clock.advance(LET_GO_S - 0.001)
        assert lapsed(book, clock) == []

    def test_a_renewal_may_name_another_length(self, book: LeaseBook, clock: ManualClock):
        book.granted(lease(1, lease_ms=10_000), clock.now().steady)
        book.renewed(job_id(1), 60_000, clock.now().steady)
        clock.advance(48 - 0.001)
        assert lapsed(book, clock) == []
        clock.advance(0.001)
        assert lapsed(book, clock) == [job_id(1)]

    def test_a_renewal_after_the_end_does_not_make_it_run_again(self, book: LeaseBook):
        book.granted(lease(1), 0)
        book.ended(job_id(1), lease(1).token)
        book.renewed(job_id(1), limits.LEASE_MS, MILLISECOND)
        assert book.running() == 0

    def test_two_threads_may_use_the_book_at_once(self, book: LeaseBook, often_switching):
        failures: list[BaseException] = []
        over = threading.Event()
        leases = [lease(number) for number in range(30)]

        def look() -> None:
            try:
                while not over.is_set():
                    _ = book.held(), book.lapsed(0), book.running()
            except RuntimeError as error:  # dictionary changed size during iteration
                failures.append(error)

        looker = threading.Thread(target=look)
        looker.start()
        try:
            for _ in range(20):
                for held in leases:
                    book.granted(held, 0)
                for held in leases:
                    book.forget(held.job, held.token)
        finally:
            over.set()
            looker.join()
        assert failures == []


@pytest.fixture
def often_switching() -> Iterator[None]:
    """Threads take turns so often that a missing lock shows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)
