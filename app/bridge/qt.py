"""The one object through which UI thread and desk thread speak: signals carry frozen values across.

Connect to it on the main thread only; a slot connected from another thread would run there.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

from PySide6.QtCore import QObject, Signal, Slot
from shiboken6 import isValid

from app.bridge.acts import Act, Trouble
from app.bridge.news import Attention, Snapshot

T = TypeVar("T")


class Agent(Protocol):
    """Does acts on the desk thread. Both calls return at once and may come from any thread."""

    def ask(self, act: Act[Any], answered: Callable[[object], None]) -> None:
        """Do it; `answered` is called on some thread with the answer or a `Trouble`."""

    def attend(self, attention: Attention) -> None:
        """Look at this, and at nothing else."""


class Bridge(QObject):
    """Made on the main thread, before the desk thread starts."""

    changed = Signal(object)
    """A `Snapshot`, at most four a second."""
    requested = Signal(object)
    """A `Request`."""
    asked = Signal(object)
    """A `Question`."""
    _arrived = Signal(int, object)

    def __init__(self, agent: Agent) -> None:
        super().__init__()
        self._agent = agent
        self._waiting: dict[int, tuple[QObject, Callable[[Any], None], Callable[[Trouble], None]]] = {}
        self._asked = 0
        self.snapshot = Snapshot()
        """The latest."""
        self._arrived.connect(self._answer)
        self.changed.connect(self._keep)

    def ask(self, asker: QObject, act: Act[T], then: Callable[[T], None], failed: Callable[[Trouble], None]) -> None:
        """Have something done. One of both is called later on this thread, unless `asker` is gone by then."""
        self._asked += 1
        number = self._asked
        self._waiting[number] = (asker, then, failed)
        self._agent.ask(act, lambda answer: self._deliver(number, answer))

    def attend(self, attention: Attention) -> None:
        """Say what somebody looks at."""
        self._agent.attend(attention)

    def _deliver(self, number: int, answer: object) -> None:
        """Called on any thread; the program may be on its way out."""
        if isValid(self):
            self._arrived.emit(number, answer)

    @Slot(int, object)
    def _answer(self, number: int, answer: object) -> None:
        asker, then, failed = self._waiting.pop(number)
        if not isValid(asker):
            return
        if isinstance(answer, Trouble):
            failed(answer)
        else:
            then(answer)

    @Slot(object)
    def _keep(self, snapshot: object) -> None:
        self.snapshot = cast("Snapshot", snapshot)
