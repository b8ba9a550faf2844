"""Bahasa Indonesia."""

from collections.abc import Mapping
from typing import Final

from app.words import indonesian_setup

CATALOGUE: Final[Mapping[str, str]] = {**indonesian_setup.CATALOGUE}
