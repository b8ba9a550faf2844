"""`EventFanout`: carries committed events to whoever listens for a user. Losing one costs nothing: cursors replay it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from contract.events import Event
from gateway.store.seam import StoredEvent
from kit.clock import rfc3339

Listener = Callable[[str, Event], None]
"""Called with user id and event, in the event loop; must not block."""


class EventFanout(Protocol):
    """Publishes and announces."""

    def publish(self, source: str, event: StoredEvent) -> None:
        """Send one committed event to its user's listeners."""

    def arrival(self, user: str) -> AbstractContextManager[asyncio.Event]:
        """An event that is set when something for the user is published inside the block."""


def wire_event(source: str, event: StoredEvent) -> Event:
    """Render a stored event for the wire."""
    return Event.model_construct(source=source, seq=event.seq, name=event.name, at=rfc3339(event.at), data=event.data)


class LocalFanout:
    """Listeners of this process."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._arrivals: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def listen(self, listener: Listener) -> None:
        """Call `listener` with every event of every user, for the life of the gateway."""
        self._listeners.append(listener)

    def publish(self, source: str, event: StoredEvent) -> None:
        for listener in self._listeners:
            listener(event.user, wire_event(source, event))
        for arrival in self._arrivals.get(event.user, ()):
            arrival.set()

    @contextmanager
    def arrival(self, user: str) -> Iterator[asyncio.Event]:
        arrival = asyncio.Event()
        self._arrivals[user].add(arrival)
        try:
            yield arrival
        finally:
            self._arrivals[user].discard(arrival)
            if not self._arrivals[user]:
                del self._arrivals[user]

    def close(self) -> None:
        """Let everyone who waits look once more and go."""
        for arrivals in self._arrivals.values():
            for arrival in arrivals:
                arrival.set()
