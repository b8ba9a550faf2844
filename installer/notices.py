"""Writes the licences of everything that comes with the program: python installer/notices.py OUT; with --gui, of the browser GUI alone.

Of Python, of every locked distribution that is installed here for running (so: run it with the Python that freezes), of what froze
them, of Qt, and of the npm packages that the browser GUI is built from. The same input gives the same bytes.
"""

import json
import re
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).parents[1]
LICENCES = ROOT / "installer" / "licences"
LOCK = "requirements-desktop.lock"
BUILDS_ONLY = frozenset({"setuptools"})
"""In the lock for installing a working copy; in no program."""
FREEZES = ("pyinstaller",)
"""Its starter is in each program, under an exception that lets it be."""
TEXT_OF = {"pyside6-essentials": ("LGPL-3.0.txt", "GPL-3.0.txt"), "shiboken6": ("LGPL-3.0.txt", "GPL-3.0.txt")}
"""Distributions without a text of their own -> files of installer/licences."""
IS_TEXT = re.compile(r"(?i)^(licen[cs]e|copying|copyright|notice)[^/]*$")
NO_NAME = frozenset({"", "UNKNOWN", "DUAL LICENSE"})
LINE = "-" * 100
ABOUT = "Flowork itself is under the Apache License 2.0 (see LICENSE). It comes with the following works of others."
QT = """\
Qt and PySide6 are used under the GNU Lesser General Public License, version 3 (LGPL-3.0-only). Their libraries are files of their
own beside the program (in its folder _internal/PySide6), linked dynamically and not changed. You may replace them: install another
build of the same version of PySide6-Essentials and shiboken6 (python -m pip install --target FOLDER PySide6-Essentials=={version}),
and copy FOLDER/PySide6 and FOLDER/shiboken6 over those of _internal. Nothing in Flowork checks them or hinders that, and you may study
and change Flowork to find faults in such changes.

Sources: https://download.qt.io/official_releases/QtForPython/pyside6/ (PySide6 and shiboken6 {version}) and
https://download.qt.io/official_releases/qt/ (Qt {version}). Both are kept there by The Qt Company; Qt contains third-party code,
listed at https://doc.qt.io/qt-6/licenses-used-in-qt.html."""
COMPILED = """\
Compiled packages carry works of others within them, whose texts they bring where they must: OpenSSL (Apache-2.0) in cryptography,
libsecp256k1 (MIT) in coincurve, libuv (MIT) in uvloop, blst and c-kzg (Apache-2.0) in ckzg, llhttp (MIT) in aiohttp."""
PYTHON = """\
Python {version}, https://www.python.org. Copyright (c) 2001 Python Software Foundation; All Rights Reserved.
On Linux its folder also holds OpenSSL (Apache-2.0), SQLite (public domain), libffi (MIT), zlib (Zlib), bzip2 (bzip2-1.0.6),
liblzma (0BSD), Zstandard (BSD-3-Clause), libuuid (BSD-3-Clause) and ICU (Unicode-3.0), as the system that it was built on has them.
Python for Windows and macOS holds the same, and its own documentation lists their texts:
https://docs.python.org/3/license.html#licenses-and-acknowledgements-for-incorporated-software."""


class NoLicence(Exception):
    """Something is shipped whose licence is not known; the message names it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One package."""

    name: str
    version: str
    licence: str
    """As its authors say: an SPDX expression where they use one."""
    texts: tuple[tuple[str, str], ...]
    """File name and content."""


def locked(lock: Path) -> list[str]:
    """Names in a lock that hold for this system and this Python."""
    from packaging.requirements import Requirement  # not there where only the GUI's are written

    lines = (line.removesuffix("\\").strip() for line in lock.read_text(encoding="utf-8").splitlines() if line[:1].isalnum())
    wanted = (Requirement(line) for line in lines)
    return sorted({each.name.lower() for each in wanted if each.marker is None or each.marker.evaluate()})


def python_parts(lock: Path = ROOT / LOCK, besides: tuple[str, ...] = FREEZES) -> list[Part]:
    """Distributions of the lock, and those beside it.

    Raises:
        NoLicence: one has none, or is not installed here, so that it cannot be known.
    """
    parts = []
    for name in (*(name for name in locked(lock) if name not in BUILDS_ONLY), *besides):
        try:
            parts.append(_python_part(name, distribution(name)))
        except PackageNotFoundError:
            raise NoLicence(f"{name} is locked and not installed here") from None
    return parts


def _python_part(name: str, found: Distribution) -> Part:
    metadata = found.metadata
    expression, named = ((metadata.get_all(field) or [""])[0].strip() for field in ("License-Expression", "License"))
    classified = [each.rsplit(" :: ", 1)[-1] for each in metadata.get_all("Classifier") or [] if each.startswith("License ::")]
    licence = expression or (named if named not in NO_NAME and "\n" not in named and len(named) < 200 else "") or ", ".join(classified)
    texts = [
        (file.name, Path(str(file.locate())).read_text(encoding="utf-8", errors="replace"))
        for file in sorted(found.files or [], key=str)
        if IS_TEXT.match(file.name) and not file.name.endswith((".py", ".pyc", ".pyi"))
    ]
    texts += [(file, (LICENCES / file).read_text(encoding="utf-8")) for file in TEXT_OF.get(name, ())]
    return _checked(Part(metadata["Name"], found.version, licence, tuple(texts)))


def npm_parts(gui: Path = ROOT / "gui") -> list[Part]:
    """Packages of the GUI's lock that are not for its development.

    Raises:
        NoLicence.
    """
    lock = json.loads((gui / "package-lock.json").read_text(encoding="utf-8"))
    return [_npm_part(gui / place, place, told) for place, told in sorted(lock["packages"].items()) if place and not told.get("dev")]


def _npm_part(folder: Path, place: str, told: dict[str, str]) -> Part:
    if not folder.is_dir():
        raise NoLicence(f"{place} is locked and not installed (make gui)")
    texts = tuple(
        (path.name, path.read_text(encoding="utf-8", errors="replace"))
        for path in sorted(folder.iterdir())
        if IS_TEXT.match(path.name) and path.is_file()
    )
    licence = told.get("license", "")
    if not licence:  # an old form, which npm does not copy into the lock
        said = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        licence = " OR ".join(each["type"] for each in said.get("licenses", []))
    return _checked(Part(place.rpartition("node_modules/")[2], told["version"], licence, texts))


def _checked(part: Part) -> Part:
    if not part.licence:
        raise NoLicence(f"{part.name} {part.version} does not say its licence")
    if not part.texts:
        raise NoLicence(f"{part.name} {part.version} has no licence text")
    return part


def python_itself() -> Part:
    """The interpreter that is shipped with the program."""
    version = sys.version.split()[0]
    places = [Path(sysconfig.get_path("stdlib")) / "LICENSE.txt", Path(sys.base_prefix) / "LICENSE.txt"]
    places += [Path(f"/usr/share/doc/python{sys.version_info[0]}.{sys.version_info[1]}/copyright"), LICENCES / "Python.txt"]
    text = next((path for path in places if path.is_file()), None)
    if text is None:
        raise NoLicence(f"Python {version} has no licence text here")
    return Part("Python", version, PYTHON.format(version=version), ((text.name, text.read_text(encoding="utf-8", errors="replace")),))


def notices() -> str:
    """The whole text.

    Raises:
        NoLicence.
    """
    python, others, npm = python_itself(), python_parts(), npm_parts()
    qt = next(part.version for part in others if part.name.lower().replace("_", "-") == "pyside6-essentials")
    sections = {
        "Python": [python.licence],
        "Qt and PySide6": [QT.format(version=qt)],
        "Python packages": [*_table(others), "", COMPILED],
        "Packages of the browser GUI": _table(npm),
        "Texts": _texts([python, *others, *npm]),
    }
    out = ["Third-party notices", "", ABOUT, ""]
    for number, (title, lines) in enumerate(sections.items(), 1):
        out += [f"{number}. {title}", "", *lines, ""]
    return "\n".join(out)


def notices_of_gui() -> str:
    """Of the browser GUI alone, to lie beside its files.

    Raises:
        NoLicence.
    """
    parts = npm_parts()
    return "\n".join(["Flowork's browser GUI is built from these works of others.", "", *_table(parts), "", *_texts(parts)])


def _texts(parts: Sequence[Part]) -> list[str]:
    """Each text once, under the names of all that it is of."""
    texts: dict[str, list[str]] = {}
    for part in parts:
        for file, text in part.texts:
            texts.setdefault(_tidy(text), []).append(f"{part.name} {part.version} ({file})")
    return [line for text, whose in texts.items() for line in (LINE, *whose, LINE, "", text, "")]


def _table(parts: Sequence[Part]) -> list[str]:
    width = max(len(f"{part.name} {part.version}") for part in parts)
    return [f"  {f'{part.name} {part.version}':<{width}}  {part.licence}" for part in parts]


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").replace("\f", "\n").strip("\ufeff\n").split("\n"))


def main() -> int:
    """Exit code: 1 when a licence is missing."""
    try:
        text = notices_of_gui() if "--gui" in sys.argv else notices()
    except NoLicence as error:
        print(f"notices.py: {error}", file=sys.stderr)
        return 1
    out = Path(sys.argv[-1])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
