"""Stands for the desk thread: remembers what was asked and answers at once, from what the test says."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from app.bridge.acts import Act
from app.bridge.news import Attention

A = TypeVar("A", bound=Act[Any])


@dataclass
class FakeAgent:
    """Implements `app.bridge.qt.Agent`. What has no answer waits, as a slow gateway makes it wait."""

    answers: dict[type[Act[Any]], object] = field(default_factory=dict)
    """By kind of act: an answer, a `Trouble`, or a function of the act."""
    asked: list[Act[Any]] = field(default_factory=list)
    attention: list[Attention] = field(default_factory=list)
    waiting: list[tuple[Act[Any], Callable[[object], None]]] = field(default_factory=list)

    def ask(self, act: Act[Any], answered: Callable[[object], None]) -> None:
        self.asked.append(act)
        if type(act) not in self.answers:
            self.waiting.append((act, answered))
            return
        answer = self.answers[type(act)]
        answered(answer(act) if callable(answer) else answer)

    def attend(self, attention: Attention) -> None:
        self.attention.append(attention)

    def of(self, kind: type[A]) -> list[A]:
        """What was asked of this kind, oldest first."""
        return [act for act in self.asked if isinstance(act, kind)]
