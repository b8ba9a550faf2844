"""Made-up series, as promtool's tests write them: one value a minute, in phases of so many minutes."""

from collections.abc import Mapping


def level(*phases: float, minutes: int = 30) -> str:
    """A gauge that holds each value for so long."""
    return " ".join(f"{value}x{minutes - 1}" for value in phases)


def count(*steps: float, minutes: int = 30) -> str:
    """A counter that grows by each step a minute for so long."""
    found, at = [], 0.0
    for step in steps:
        found.append(f"{at:g}+{step:g}x{minutes - 1}")
        at += step * minutes
    return " ".join(found)


def series(metric: str, labels: Mapping[str, str], **more: str) -> str:
    """A series as Prometheus writes it."""
    inside = ", ".join(f'{name}="{value}"' for name, value in {**labels, **more}.items())
    return f"{metric}{{{inside}}}"


def histogram(metric: str, labels: Mapping[str, str], quick: str, slow: str, bad: tuple[float, ...], minutes: int = 30) -> dict[str, str]:
    """Ten observations a minute, of which so many are beyond `quick`, and none beyond `slow`."""
    inside = count(*(10 - many for many in bad), minutes=minutes)
    every = count(*(10 for _ in bad), minutes=minutes)
    buckets = {quick: inside, slow: every, "+Inf": every}
    found = {series(f"{metric}_bucket", labels, le=le): values for le, values in buckets.items()}
    return {**found, series(f"{metric}_count", labels): every}


def share(good: str, bad: str, of_ten: tuple[float, ...], minutes: int = 30) -> dict[str, str]:
    """Ten a minute, of which so many are bad."""
    return {good: count(*(10 - many for many in of_ten), minutes=minutes), bad: count(*of_ten, minutes=minutes)}
