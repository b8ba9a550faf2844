"""Stands in for the desk thread in the tests of widgets: records what was asked, and answers from a table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from app.bridge.acts import Act, Trouble
from app.bridge.news import Attention, Snapshot
from app.bridge.qt import Bridge

A = TypeVar("A", bound=Act[Any])


@dataclass
class FakeAgent:
    """`answers`: by kind of act, an answer, or a function of the act that gives one. What has no answer waits; see `answer`."""

    answers: dict[type[Act[Any]], Any] = field(default_factory=dict)
    asked: list[Act[Any]] = field(default_factory=list)
    attended: list[Attention] = field(default_factory=list)
    waiting: list[tuple[Act[Any], Callable[[object], None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bridge = Bridge(self)

    def ask(self, act: Act[Any], answered: Callable[[object], None]) -> None:
        self.asked.append(act)
        if type(act) not in self.answers:
            self.waiting.append((act, answered))
            return
        answer = self.answers[type(act)]
        answered(answer(act) if callable(answer) else answer)

    def attend(self, attention: Attention) -> None:
        self.attended.append(attention)

    def answer(self, kind: type[Act[Any]], answer: object) -> None:
        """Answer the oldest act of a kind that waits."""
        act, answered = next(one for one in self.waiting if isinstance(one[0], kind))
        self.waiting.remove((act, answered))
        answered(answer)

    def refuse(self, kind: type[Act[Any]], title: str = "No", detail: str = "Because.") -> None:
        """Every act of this kind is not done, from now on."""
        self.answers[kind] = Trouble(title, detail)

    def of(self, kind: type[A]) -> list[A]:
        """What was asked of a kind."""
        return [act for act in self.asked if isinstance(act, kind)]

    def tell(self, snapshot: Snapshot) -> None:
        """How everything is."""
        self.bridge.changed.emit(snapshot)


def agent(answers: Mapping[type[Act[Any]], Any] | None = None) -> FakeAgent:
    """One with these answers; needs an application."""
    return FakeAgent(dict(answers or {}))
