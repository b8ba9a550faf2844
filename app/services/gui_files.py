"""Where the built browser GUI lies, if it was built or came with the program."""

from pathlib import Path

BESIDE = Path(__file__).parents[2] / "gui" / "dist"


def built_gui() -> Path | None:
    """Its folder; None where there is none."""
    return BESIDE if (BESIDE / "index.html").is_file() else None
