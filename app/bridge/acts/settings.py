"""Settings: what holds, where it comes from, and changes of the file."""

from dataclasses import dataclass
from enum import StrEnum

from app.bridge.acts import Act
from kit.config import Origin


class Form(StrEnum):
    """How a value is written."""

    SWITCH = "switch"
    CHOICE = "choice"
    NUMBER = "number"
    TEXT = "text"
    LIST = "list"
    """Several, with commas between them."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it holds now."""

    table: str
    name: str
    form: Form
    value: str
    """As people write it; empty for none."""
    default: str
    origin: Origin
    place: str
    """The variable, the argument, or the place in the file; empty for a default."""
    help: str
    choices: tuple[str, ...] = ()
    optional: bool = False
    """It may have no value."""

    @property
    def key(self) -> str:
        """As it is called everywhere: `[gateway] port`."""
        return f"[{self.table}] {self.name}"


@dataclass(frozen=True)
class SettingsFound:
    """All of them, table by table."""

    file: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True)
class ListSettings(Act[SettingsFound]):
    """What holds, and where it comes from."""


@dataclass(frozen=True)
class ChangeSetting(Act[SettingsFound]):
    """Write a value into the file, or take it out (None). Holds after the next start; what is wrong is not written."""

    table: str
    name: str
    text: str | None
