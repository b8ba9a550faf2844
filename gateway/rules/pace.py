"""How fast jobs really begin while others wait: slower than slots and service times say, by what passes between two jobs."""

from collections.abc import Sequence

from kit.clock import SECOND

STARTS_MAX = 100
STARTS_LEAST = 10
WITHIN_US = 5 * SECOND


def per_second(starts: Sequence[tuple[int, int]], now: int) -> float | None:
    """Jobs begun each second over the latest stretch in which somebody waited all the time.

    Args:
        starts: (leased at, claimable since) of the latest jobs, in the order of their leases; steady time.
        now: steady time.

    Returns:
        None when the stretch has fewer than `STARTS_LEAST` jobs in the last `WITHIN_US`: nothing was short then.
    """
    begun, first, last, waiting_since = 0, now, now, now
    for leased, ready in reversed(starts):
        # Between this lease and the next one a job waited that was claimable already and was leased later.
        if leased < now - WITHIN_US or (begun and waiting_since > leased):
            break
        first, last = leased, leased if begun == 0 else last
        waiting_since = min(waiting_since, ready)
        begun += 1
    return (begun - 1) * SECOND / (last - first) if begun >= STARTS_LEAST and last > first else None
