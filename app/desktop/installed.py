"""How this program came here, and what may therefore replace it."""

import os
import platform as machine_of
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contract.update import Kind
from kit.frozen import frozen

PACKAGE: Final = Path("opt/flowork")
PACKAGE_LIST: Final = Path("var/lib/dpkg/info/flowork.list")
"""What dpkg knows of the package: without it the same folder came out of an archive."""
SYSTEMS: Final = {"win32": "windows", "darwin": "macos"}
MACHINES: Final = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Installed:
    """What runs here."""

    kind: Kind | None
    """None: a package of Python, or a working copy."""
    platform: str
    """As releases name it: `windows-x64`, `linux-x64`, `macos-arm64`."""
    program: Path
    """What is replaced: the program, or the AppImage."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What is looked at."""

    environment: Mapping[str, str]
    platform: str
    """As in `sys.platform`."""
    machine: str
    program: Path
    frozen: bool
    root: Path


def this_machine() -> Machine:
    """The one that this runs on."""
    return Machine(os.environ, sys.platform, machine_of.machine(), Path(sys.executable), frozen(), Path("/"))


def installed(here: Machine) -> Installed:
    """How it came here."""
    image = here.environment.get("APPIMAGE", "")
    program = Path(image) if image and here.platform == "linux" else here.program
    machine = here.machine.lower()
    platform = f"{SYSTEMS.get(here.platform, here.platform)}-{MACHINES.get(machine, machine)}"
    return Installed(_kind(here, image), platform, program)


def _kind(here: Machine, image: str) -> Kind | None:
    if here.platform == "linux" and image:  # set by the AppImage's own runtime
        return Kind.APPIMAGE
    if not here.frozen:
        return None
    match here.platform:
        case "win32":
            return Kind.SETUP if (here.program.parent / "uninstall.exe").is_file() else None
        case "darwin":
            return Kind.DMG
        case _:
            package = here.program.is_relative_to(here.root / PACKAGE) and (here.root / PACKAGE_LIST).is_file()
            return Kind.DEB if package else Kind.RUN
