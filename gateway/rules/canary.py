"""How claims are shared between canary instances and the others, exactly over time (protocol §5)."""

from dataclasses import dataclass, replace

WHOLE = 100


@dataclass(frozen=True, slots=True)
class Ledger:
    """The grants that were counted, and whose turn the next one is.

    A grant counts while both sides had a claim that could take it. Of the first n, the canary side gets
    `(n * percent + phase) // 100`: within 1 of n x percent / 100, whatever n. A ledger never needs correction, because
    nobody is granted more than `run` says.
    """

    percent: int
    """Of 100 counted grants, so many go to canaries; 0 to 100."""
    phase: int
    """0 to 99: where in the cycle it begins, so that the first job of every rollout does not go to the same side."""
    counted: int = 0

    @property
    def canaries(self) -> int:
        """Grants that went to canaries."""
        return self._until(self.counted)

    def run(self, canary: bool, at_most: int) -> int:
        """How many of the next grants in a row are this side's; 0 when the next one is the other side's."""
        length = 0
        while length < at_most and self._is_canarys(self.counted + length) is canary:
            length += 1
        return length

    def granted(self, grants: int) -> "Ledger":
        """The ledger after so many grants to the side whose turn it was."""
        return replace(self, counted=self.counted + grants)

    def _is_canarys(self, position: int) -> bool:
        return self._until(position + 1) > self._until(position)

    def _until(self, grants: int) -> int:
        return (grants * self.percent + self.phase) // WHOLE


def phase_of(uniform: float) -> int:
    """A phase from a draw of [0, 1)."""
    return min(WHOLE - 1, int(uniform * WHOLE))
