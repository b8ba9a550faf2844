"""Bahasa Indonesia."""

from collections.abc import Mapping
from typing import Final

from app.words import indonesian_jobs, indonesian_setup, indonesian_tray, indonesian_update, indonesian_window

CATALOGUE: Final[Mapping[str, str]] = {
    **indonesian_window.CATALOGUE,
    **indonesian_jobs.CATALOGUE,
    **indonesian_setup.CATALOGUE,
    **indonesian_tray.CATALOGUE,
    **indonesian_update.CATALOGUE,
}
