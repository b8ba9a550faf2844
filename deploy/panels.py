"""Words for what the dashboard shows. `$engine` is chosen above it; windows follow what is on screen (`$__rate_interval`)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ENGINE: Final = 'engine=~"$engine"'
RATE: Final = "[$__rate_interval]"


class Kind(StrEnum):
    """Grafana's kinds of panels."""

    NUMBER = "stat"
    LINES = "timeseries"


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL query, and what its lines are called."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture."""

    title: str
    description: str
    unit: str
    """Grafana's name of it: s, percentunit, bytes, reqps, short ..."""
    queries: tuple[Query, ...]
    kind: Kind = Kind.LINES
    width: int = 8
    """Of 24."""
    steps: tuple[tuple[float, str], ...] = ()
    """From these values on, in these colours; green below."""
    least: float | None = 0
    most: float | None = None
    """Ends of the axis; None lets Grafana choose."""
    stacked: bool = False
    tall: bool = False
    """A number as tall as the lines beside it."""
    named: bool = False
    """A number of which only the name is shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


def quantiles(metric: str, by: str = "engine") -> tuple[Query, ...]:
    """The middle and the 95th percentile of a histogram in what is on screen, by these labels; "" of all that there is."""
    kept, chosen, legend = (f"{by}, le", f"{{{ENGINE}}}", f"{_legend(by)} ") if by else ("le", "", "")
    return tuple(
        Query(f"histogram_quantile({share / 100:g}, sum by ({kept}) (rate({metric}_bucket{chosen}{RATE})))", f"{legend}p{share}")
        for share in (50, 95)
    )


def rate(metric: str, by: str, matching: str = ENGINE) -> Query:
    """How often a counter grows in a second, by these labels."""
    chosen = f"{{{matching}}}" if matching else ""
    return Query(f"sum by ({by}) (rate({metric}{chosen}{RATE}))", _legend(by))


def _legend(by: str) -> str:
    return " ".join(f"{{{{{label}}}}}" for label in by.split(", "))
