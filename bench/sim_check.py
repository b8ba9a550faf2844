"""The table of the roadmap, read once more over what a simulation recorded; written apart from `engine.rules.autoscale`."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One window, and the number of workers before and after the decision at its end."""

    p95_ms: float | None
    utilisation: float
    rate_per_s: float
    ended: int
    service_s: float
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers of the roadmap."""

    least: int
    most: int
    target_ms: float
    headroom: float


def violations(rows: Sequence[Row], table: Table) -> list[str]:
    """One sentence for each decision that is not what the table says."""
    found = []
    for number, row in enumerate(rows):
        expected = _expected(rows[: number + 1], table)
        if row.after != expected:
            found.append(f"window {number}: from {row.before} to {row.after}, but the table says {expected}")
        if number and row.before != rows[number - 1].after:
            found.append(f"window {number}: {row.before} workers, but {rows[number - 1].after} were decided")
    return found


def _expected(rows: Sequence[Row], table: Table) -> int:
    workers = rows[-1].before
    if workers < table.least:
        return table.least
    if workers > table.most:
        return table.most
    fifteen_minutes = rows[-90:]
    peak = max(row.rate_per_s for row in fifteen_minutes)
    ended = sum(row.ended for row in fifteen_minutes)
    mean = sum(row.service_s for row in fifteen_minutes) / ended if ended else 0.0

    def has_headroom(number: int) -> bool:
        return mean == 0 or number / mean >= table.headroom * peak

    if not has_headroom(workers):
        while workers < table.most and not has_headroom(workers):
            workers += 1
        return workers
    since_change: list[Row] = []
    for row in reversed(rows):
        if row is not rows[-1] and row.before != row.after:
            break
        since_change.insert(0, row)
    last3, last6 = since_change[-3:], since_change[-6:]
    if len(last3) == 3 and all(row.p95_ms is not None and row.p95_ms > 3 * table.target_ms for row in last3):
        return min(workers + 1, table.most)
    quiet = len(last6) == 6 and all(row.p95_ms is not None and row.p95_ms < 0.3 * table.target_ms for row in last6)
    if quiet and all(row.utilisation < 0.5 for row in last6) and workers > table.least and has_headroom(workers - 1):
        return workers - 1
    return workers
