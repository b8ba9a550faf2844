"""When jobs should wait because of battery or network."""

from dataclasses import dataclass
from typing import Final

from app.rules.condition import Pause

RECOVERS_PERCENT: Final = 5
"""Above the limit by so much, jobs go on: at the limit itself they would stop and go with every percent."""


@dataclass(frozen=True, slots=True)
class Power:
    """What the machine says of itself; None where it does not tell."""

    on_battery: bool | None = None
    percent: float | None = None
    metered: bool | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What the owner wants (`[desktop]` of config.toml)."""

    below_percent: int | None = None
    on_metered: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands."""

    low: bool = False
    """The battery was below the limit, and has not recovered since."""
    pause: Pause | None = None
    """Why jobs should wait; None when they should not."""


def observe(before: Standing, power: Power, policy: Policy) -> Standing:
    """With what the machine says now. What is not known asks for nothing; the battery comes before the network."""
    low = _low(before.low, power, policy.below_percent)
    if low:
        return Standing(low, Pause.BATTERY)
    return Standing(low, Pause.METERED if policy.on_metered and power.metered else None)


def _low(before: bool, power: Power, limit: int | None) -> bool:
    if limit is None or not power.on_battery or power.percent is None:
        return False
    return power.percent < (limit + RECOVERS_PERCENT if before else limit)
