"""Where log lines go: the table `[logs]` of config.toml, `FLOWORK_LOGS_*`, or `FLOWORK_LOG` and `FLOWORK_LOG_LEVEL`."""

import logging
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

OTHER_NAMES: Final = (("FLOWORK_LOG", "form"), ("FLOWORK_LOG_LEVEL", "level"))
"""Variables that are heard beside `FLOWORK_LOGS_*`."""


class LogSettings(BaseModel):
    """Frozen for the life of the process."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    level: Literal["debug", "info", "warning", "error"] | None = None
    """The least that is written. None: info, but on the terminal of `flowork serve` only warnings, as its page tells the rest."""
    form: Literal["auto", "json", "pretty"] = "auto"
    """Of standard error: JSON lines, or lines for people; auto: for people on a terminal. The file has always JSON lines."""
    file: bool = True
    """Write a file in `<data>/logs` too."""
    file_max_bytes: Annotated[int, Field(ge=64 * 1024, le=1024**3)] = 10_000_000
    """A file that would grow beyond this is put aside and a new one begun."""
    files: Annotated[int, Field(ge=1, le=100)] = 5
    """So many files are kept, the current one included."""

    def least(self, default: int) -> int:
        """The level as the number of the standard library; `default` where none was said."""
        return default if self.level is None else logging.getLevelNamesMapping()[self.level.upper()]
