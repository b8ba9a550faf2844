"""Where a program keeps a person's data on each system."""

import os
import sys
from pathlib import Path


def data_folder(name: str) -> Path:
    """The per-user data folder: XDG on Linux, Application Support on macOS, Local AppData on Windows."""
    if sys.platform == "win32":  # pragma: no cover
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / name.capitalize()
    if sys.platform == "darwin":  # pragma: no cover
        return Path.home() / "Library" / "Application Support" / name.capitalize()
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".local" / "share") / name
