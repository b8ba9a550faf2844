"""The one place that names the version; pyproject.toml reads it."""

from typing import Final

VERSION: Final = "0.1.0"
