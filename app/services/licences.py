"""The licences of Flowork and of what came with it, as installer/notices.py collected them for this program."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from app.services.gui_files import built_gui

TOP = Path(__file__).parents[2]
NOTICES = "THIRD-PARTY-NOTICES.txt"
ELSEWHERE = "The packages of others that this Flowork uses are installed beside it, each with its licence."


def licences(top: Path = TOP, gui: Path | None = None) -> str:
    """Flowork's own, then everybody else's.

    A frozen program has all of it; one that pip installed has its own and those of the browser GUI.
    """
    parts = [_own(top)]
    if (top / NOTICES).is_file():
        parts.append((top / NOTICES).read_text(encoding="utf-8"))
    else:
        folder = built_gui() if gui is None else gui
        told = None if folder is None else folder / "licences.txt"
        parts += [ELSEWHERE, told.read_text(encoding="utf-8") if told is not None and told.is_file() else ""]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _own(top: Path) -> str:
    if (top / "LICENSE").is_file():
        return (top / "LICENSE").read_text(encoding="utf-8")
    try:
        files = distribution("flowork").files or []
    except PackageNotFoundError:
        return ""
    return next((file.read_text(encoding="utf-8") for file in files if file.name == "LICENSE"), "")
