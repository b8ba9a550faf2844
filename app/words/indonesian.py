"""Bahasa Indonesia."""

from collections.abc import Mapping
from typing import Final

CATALOGUE: Final[Mapping[str, str]] = {}
