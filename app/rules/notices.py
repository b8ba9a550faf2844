"""What is worth interrupting a person for: errors and what needs them, once it is sure, and never twice in a row."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from app.rules.condition import Explanation, Fix, State

SETTLES_S: Final = 10.0
"""A warning must hold for so long before it is told: most are over by then."""
AGAIN_S: Final = 600.0
"""The same trouble is told at most once in so long."""
AFTER_WAKE_S: Final = 60.0
"""What is wrong so shortly after the machine slept is the sleep itself: networks and tunnels come back by themselves."""
TOLD: Final = frozenset({State.WARNING, State.ERROR})


@dataclass(frozen=True, slots=True)
class Notice:
    """What to show. `subject` names the trouble; a later notice on the same one takes the place of the earlier."""

    subject: str
    title: str
    text: str
    fix: Fix | None = None
    fix_text: str = ""
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Withdraw:
    """The trouble is over: take its notice away."""

    subject: str


@dataclass(frozen=True, slots=True)
class Memory:
    """What was so until now."""

    subject: str = ""
    """The trouble there is; empty for none."""
    since: float = 0.0
    shown: str = ""
    """The trouble whose notice can be seen now."""
    told: Mapping[str, float] = field(default_factory=dict)
    """When each was told last."""


def weigh(
    before: Memory, after: Explanation, now: float, *, quiet: bool, woke: float | None
) -> tuple[Memory, tuple[Notice | Withdraw, ...]]:
    """What to show or take away, as of now; ask again with every look.

    Args:
        before: what the last look gave.
        after: how Flowork is.
        now: steady seconds, of the same clock as `woke`.
        quiet: the person wants no notices. One that can be seen is still taken away when its trouble is over.
        woke: when the machine woke last; None if it did not sleep.
    """
    subject = after.line if after.state in TOLD else ""
    memory = before if subject == before.subject else replace(before, subject=subject, since=now)
    acts: list[Notice | Withdraw] = []
    if memory.shown and memory.shown != subject:
        acts.append(Withdraw(memory.shown))
        memory = replace(memory, shown="")
    if subject and not memory.shown and not quiet and _sure(memory, after, now, woke):
        acts.append(Notice(subject, after.line, after.why, after.fix, after.fix_text, after.state is State.ERROR))
        recent = {name: at for name, at in memory.told.items() if now - at < AGAIN_S}
        memory = replace(memory, shown=subject, told={**recent, subject: now})
    return memory, tuple(acts)


def _sure(memory: Memory, after: Explanation, now: float, woke: float | None) -> bool:
    if woke is not None and now - woke < AFTER_WAKE_S:
        return False
    last = memory.told.get(memory.subject)
    if last is not None and now - last < AGAIN_S:
        return False
    return after.state is State.ERROR or now - memory.since >= SETTLES_S
