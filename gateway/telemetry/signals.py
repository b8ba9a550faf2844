"""Facts that rooms tell as they happen. A listener counts; it never decides, and never fails whoever told it."""

from collections.abc import Sequence
from enum import StrEnum

from contract.words import JobState


class Submission(StrEnum):
    """What became of a submit that was not refused."""

    ACCEPTED = "accepted"
    REPLAYED = "replayed"


class Listener:
    """Hears every fact, in the gateway's event loop; does nothing with any unless it says so."""

    def answered(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """A request of people or engines was answered; `route` is its template, None where no route fits."""

    def auth_failed(self, code: str) -> None:
        """A credential was refused, or there was none; `code` is of `contract.errors`."""

    def submitted(self, engine: str, how: Submission) -> None:
        """A submit has its job, now or since its key was first used."""

    def refused(self, engine: str, code: str) -> None:
        """A submit was refused by an engine's queue; `code` is of `contract.errors`."""

    def leased(self, engine: str, start_delay_ms: float) -> None:
        """A job was leased for the first time, so long after it became claimable."""

    def claim_replayed(self, engine: str) -> None:
        """A claim was asked again and got the leases that it had been given before."""

    def leases_lost(self, engine: str, count: int) -> None:
        """So many leases ran out before their attempts ended."""

    def finish_fenced(self, engine: str) -> None:
        """The end of an attempt was reported whose lease held nothing any more."""

    def ended(self, engine: str, state: JobState, code: str | None, end_to_end_ms: float | None) -> None:
        """A job reached a final state, so long after it first became claimable; None where that was before this process."""

    def committed(self, engine: str, calls: int, waited_s: float, took_s: float) -> None:
        """A queue's writer committed for so many calls; the first of them waited so long for its turn, COMMIT took so long."""

    def provider_called(self, engine: str, provider: str, took_s: float, first_token_s: float | None, code: str | None) -> None:
        """An attempt that has ended had called a provider; `code` is why that failed, None when it did not."""

    def provider_used(self, engine: str, provider: str, input_tokens: int, output_tokens: int, cost: float) -> None:
        """An attempt that has ended took so much of a provider; `cost` is in the owner's currency."""

    def loop_late(self, seconds: float) -> None:
        """The event loop ran something so much later than it was due."""


class Everyone(Listener):
    """Tells each of several listeners."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = tuple(listeners)

    def answered(self, route: str | None, method: str, status: int, seconds: float) -> None:
        for each in self._listeners:
            each.answered(route, method, status, seconds)

    def auth_failed(self, code: str) -> None:
        for each in self._listeners:
            each.auth_failed(code)

    def submitted(self, engine: str, how: Submission) -> None:
        for each in self._listeners:
            each.submitted(engine, how)

    def refused(self, engine: str, code: str) -> None:
        for each in self._listeners:
            each.refused(engine, code)

    def leased(self, engine: str, start_delay_ms: float) -> None:
        for each in self._listeners:
            each.leased(engine, start_delay_ms)

    def claim_replayed(self, engine: str) -> None:
        for each in self._listeners:
            each.claim_replayed(engine)

    def leases_lost(self, engine: str, count: int) -> None:
        for each in self._listeners:
            each.leases_lost(engine, count)

    def finish_fenced(self, engine: str) -> None:
        for each in self._listeners:
            each.finish_fenced(engine)

    def ended(self, engine: str, state: JobState, code: str | None, end_to_end_ms: float | None) -> None:
        for each in self._listeners:
            each.ended(engine, state, code, end_to_end_ms)

    def committed(self, engine: str, calls: int, waited_s: float, took_s: float) -> None:
        for each in self._listeners:
            each.committed(engine, calls, waited_s, took_s)

    def provider_called(self, engine: str, provider: str, took_s: float, first_token_s: float | None, code: str | None) -> None:
        for each in self._listeners:
            each.provider_called(engine, provider, took_s, first_token_s, code)

    def provider_used(self, engine: str, provider: str, input_tokens: int, output_tokens: int, cost: float) -> None:
        for each in self._listeners:
            each.provider_used(engine, provider, input_tokens, output_tokens, cost)

    def loop_late(self, seconds: float) -> None:
        for each in self._listeners:
            each.loop_late(seconds)
