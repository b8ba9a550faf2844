"""What the UI may ask for. Each act is a frozen value; its type says what the answer is.

The modules of this package are grouped by what they act upon; `app/services/acts/` does them.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Act(Generic[T_co]):
    """Something to do, answered with a `T_co`."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an act was not done, for a person."""

    title: str
    detail: str
    code: str = ""
    """Of contract/errors.py, where it came from the gateway."""
