"""Facts that rooms tell as they happen. A listener counts; it never decides, and never fails whoever told it."""

from contract.words import JobState


class Listener:
    """Hears every fact, in the gateway's event loop; does nothing with any unless it says so."""

    def answered(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """A request of people or engines was answered; `route` is its template, None where no route fits."""

    def leased(self, engine: str, start_delay_ms: float) -> None:
        """A job was leased for the first time, so long after it became claimable."""

    def ended(self, engine: str, state: JobState, code: str | None, end_to_end_ms: float | None) -> None:
        """A job reached a final state, so long after it first became claimable; None where that was before this process."""
