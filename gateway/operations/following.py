"""Following one job live: each of its events is handed on as it is committed, without asking the queue again."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from contract.events import Event

KEPT_MAX: Final = 2000
"""Events that may wait for a slow reader; beyond, it reads the job itself again."""


@dataclass(slots=True, eq=False)
class Follower:
    """What has happened to a job since somebody looked last."""

    news: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False
    """The gateway is stopping."""
    behind: bool = True
    """The job itself must be read: nothing was heard yet, or too much."""
    _events: list[Event] = field(default_factory=list)

    def heard(self, event: Event) -> None:
        """Keep one for the reader."""
        if len(self._events) >= KEPT_MAX:
            self._events.clear()
            self.behind = True
        self._events.append(event)
        self.news.set()

    def take(self) -> list[Event]:
        """Those that waited, in order."""
        self.news.clear()
        taken, self._events = self._events, []
        return taken


class Following:
    """The followers of this process."""

    def __init__(self) -> None:
        self._followers: dict[str, set[Follower]] = {}
        self._closed = False

    def heard(self, _user: str, event: Event) -> None:
        """A listener of the fanout."""
        job = event.data.get("id")
        for follower in self._followers.get(job, ()) if isinstance(job, str) else ():
            follower.heard(event)

    @contextmanager
    def follow(self, job: str) -> Iterator[Follower]:
        """A follower for the length of the block. Read the job after it began: what comes later is heard."""
        follower = Follower(closed=self._closed)
        of_job = self._followers.setdefault(job, set())
        of_job.add(follower)
        try:
            yield follower
        finally:
            of_job.discard(follower)
            if not of_job:
                self._followers.pop(job, None)

    def nudge(self) -> None:
        """Let everyone look once more: whoever follows may not any longer."""
        for of_job in self._followers.values():
            for follower in of_job:
                follower.news.set()

    def close(self) -> None:
        """Tell everyone that nothing more will come."""
        self._closed = True
        for of_job in self._followers.values():
            for follower in of_job:
                follower.closed = True
                follower.news.set()
