"""What a frozen folder needs of the system: its libraries, the packages that have them, and the least C library.

python needed.py FOLDER prints the Depends line of a Debian package; --glibc the version that the C library must have.
"""

import argparse
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ELF = b"\x7fELF"
NEEDED = re.compile(r"^  NEEDED +(\S+)$", re.MULTILINE)
SONAME = re.compile(r"^  SONAME +(\S+)$", re.MULTILINE)
GLIBC = re.compile(r"\bGLIBC_(\d+)\.(\d+)")
GLIBCXX = re.compile(r"\bGLIBCXX_3\.4\.(\d+)")
STDCXX_OF = {28: "9", 29: "11", 30: "12", 31: "13.1", 32: "13.2", 33: "14"}
"""GLIBCXX_3.4.N -> the first GCC that has it (https://gcc.gnu.org/onlinedocs/libstdc++/manual/abi.html)."""


class Undeclared(Exception):
    """Libraries are neither shipped nor declared; the message names them, and who needs them."""


@dataclass(frozen=True, slots=True)
class Binary:
    """What one file says of itself."""

    path: Path
    needs: frozenset[str]
    soname: str
    glibc: tuple[int, int]
    glibcxx: int


def binaries(folder: Path) -> Iterator[Binary]:
    """Every program and library below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and _begins(path) == ELF:
            said = subprocess.run(
                ["objdump", "-p", str(path)], capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"}
            ).stdout
            soname = SONAME.search(said)
            yield Binary(
                path,
                frozenset(NEEDED.findall(said)),
                soname[1] if soname else path.name,
                max(((int(a), int(b)) for a, b in GLIBC.findall(said)), default=(0, 0)),
                max((int(minor) for minor in GLIBCXX.findall(said)), default=0),
            )


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(ELF))


def outside(found: list[Binary]) -> dict[str, list[Path]]:
    """Libraries that are not in the folder, and the files that need them."""
    here = {each.soname for each in found} | {each.path.name for each in found}
    asked: dict[str, list[Path]] = {}
    for each in found:
        for name in sorted(each.needs - here):
            asked.setdefault(name, []).append(each.path)
    return asked


def depends(found: list[Binary], libraries: dict[str, dict[str, str]]) -> list[str]:
    """The packages, with the least versions of those that grow.

    Raises:
        Undeclared.
    """
    asked = outside(found)
    if missing := sorted(set(asked) - set(libraries["linked"])):
        raise Undeclared("; ".join(f"{name}, for {asked[name][0].name}" for name in missing))
    packages = {libraries["linked"][name] for name in asked} | set(libraries["opened"].values())
    least = {"libc6": "{}.{}".format(*least_glibc(found)), "libstdc++6": STDCXX_OF.get(max(each.glibcxx for each in found), "")}
    return sorted(f"{package} (>= {least[package]})" if least.get(package) else package for package in packages)


def least_glibc(found: list[Binary]) -> tuple[int, int]:
    """The newest symbol version of the C library that any file asks for."""
    return max(each.glibc for each in found)


def main() -> int:
    """Exit code: 1 when something is neither shipped nor declared."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--glibc", action="store_true")
    arguments = parser.parse_args()
    found = list(binaries(arguments.folder))
    try:
        packages = depends(found, tomllib.loads((HERE / "libraries.toml").read_text(encoding="utf-8")))
    except Undeclared as error:
        print(f"needed.py: neither shipped nor in libraries.toml: {error}", file=sys.stderr)
        return 1
    print("{}.{}".format(*least_glibc(found)) if arguments.glibc else ", ".join(packages))
    return 0


if __name__ == "__main__":
    sys.exit(main())
