"""Facts that rooms tell as they happen. A listener counts; it never decides, and it never fails whoever told it."""

from typing import Final

from contract.words import JobState


class Listener:
    """Hears every fact; does nothing with any unless it says so. Called in the gateway's event loop, but for `committed`."""

    def answered(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """A request was answered; `route` is its template, None where no route fits."""

    def auth_failed(self, code: str) -> None:
        """Somebody was not let in."""

    def submitted(self, engine: str, outcome: str) -> None:
        """A submit was judged: `accepted`, `replayed`, or the code of its refusal."""

    def leased(self, engine: str, start_delay_ms: float) -> None:
        """A job was leased for the first time, so long after it became claimable."""

    def ended(self, engine: str, state: JobState, code: str | None, end_to_end_ms: float | None) -> None:
        """A job reached a final state; None where its time was not a matter of speed (it was scheduled for later)."""

    def lease_lost(self, engine: str) -> None:
        """A lease ran out."""

    def fenced(self, engine: str) -> None:
        """A report came with a token that holds nothing any more."""

    def claim_replayed(self, engine: str) -> None:
        """A claim was asked again and given the same leases."""

    def committed(self, engine: str, calls: int, waited_s: float, took_s: float) -> None:
        """A queue's writer committed so many calls, the first of which had waited; called in that writer's thread."""


class Signals(Listener):
    """Tells every listener."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = list(listeners)

    def listen(self, listener: Listener) -> None:
        """Tell this one too, from now on."""
        self._listeners.append(listener)


def _tells(name: str) -> None:
    def tell(self: Signals, *facts: object) -> None:
        for listener in self._listeners:
            getattr(listener, name)(*facts)

    tell.__name__, tell.__doc__ = name, getattr(Listener, name).__doc__
    setattr(Signals, name, tell)


FACTS: Final = tuple(name for name in vars(Listener) if not name.startswith("_"))
for _name in FACTS:
    _tells(_name)
