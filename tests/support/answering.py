"""An agent for widgets: it remembers what was asked, and answers from a table, at once or when told to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.bridge.acts import Act
from app.bridge.news import Attention


@dataclass
class Answering:
    """`answers`: by kind of act, a value, a `Trouble`, or a function of the act. What has no answer stays waiting."""

    answers: dict[type, Any] = field(default_factory=dict)
    asked: list[Act[Any]] = field(default_factory=list)
    waiting: dict[type, Callable[[object], None]] = field(default_factory=dict)

    def ask(self, act: Act[Any], answered: Callable[[object], None]) -> None:
        self.asked.append(act)
        if type(act) not in self.answers:
            self.waiting[type(act)] = answered
            return
        answer = self.answers[type(act)]
        answered(answer(act) if callable(answer) else answer)

    def attend(self, attention: Attention) -> None:
        pass

    def answer(self, kind: type, answer: object) -> None:
        """Give a waiting act its answer."""
        self.waiting.pop(kind)(answer)

    def of(self, kind: type) -> list[Any]:
        """What was asked of one kind."""
        return [act for act in self.asked if type(act) is kind]
