"""Where the built browser GUI lies, if it was built or came with the program."""

from pathlib import Path

BESIDE = Path(__file__).parents[2] / "gui" / "dist"
"""In a working copy, and in a frozen program."""
INSIDE = Path(__file__).parents[1] / "gui"
"""Where setup.py puts it in a wheel."""


def built_gui() -> Path | None:
    """Its folder; None where there is none."""
    return next((folder for folder in (BESIDE, INSIDE) if (folder / "index.html").is_file()), None)
