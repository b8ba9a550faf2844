"""When jobs wait because of battery or network. What the person says by hand counts until the circumstances change."""

from dataclasses import dataclass, replace
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
    condition: Pause | None = None
    """What the circumstances ask for."""
    asked: bool = False
    """The person wants a pause."""
    waived: Pause | None = None
    """The circumstance in spite of which the person wants jobs to go on."""

    @property
    def pause(self) -> Pause | None:
        """Why jobs wait; None when they do not."""
        if self.asked:
            return Pause.ASKED
        return None if self.condition is self.waived else self.condition


def observe(before: Standing, power: Power, policy: Policy) -> Standing:
    """With what the machine says now. What is not known asks for nothing."""
    low = _low(before.low, power, policy.below_percent)
    if low:
        condition: Pause | None = Pause.BATTERY
    elif policy.on_metered and power.metered:
        condition = Pause.METERED
    else:
        condition = None
    waived = before.waived if condition is before.condition else None
    return replace(before, low=low, condition=condition, waived=waived)


def pause(before: Standing) -> Standing:
    """The person wants jobs to wait."""
    return replace(before, asked=True, waived=None)


def go_on(before: Standing) -> Standing:
    """The person wants jobs to go on, whatever battery and network say just now."""
    return replace(before, asked=False, waived=before.condition)


def _low(before: bool, power: Power, limit: int | None) -> bool:
    if limit is None or not power.on_battery or power.percent is None:
        return False
    return power.percent < (limit + RECOVERS_PERCENT if before else limit)
