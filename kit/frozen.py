"""What a frozen program must set right before anything else: its own surroundings, and those of the programs that it starts."""

import os
import sys
from collections.abc import MutableMapping
from typing import Any, Final

STEERS: Final = ("PYTHON", "QT_PLUGIN_PATH", "QT_QPA_PLATFORM_PLUGIN_PATH", "QML", "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES")
"""Beginnings of variables that make a program load code from elsewhere. Another program's settings must not do that to an installed one."""
LOADER: Final = "LD_LIBRARY_PATH"
SEARCH_OWN_FOLDER_AND_SYSTEM: Final = 0x200 | 0x800 | 0x400
"""LOAD_LIBRARY_SEARCH_APPLICATION_DIR, _SYSTEM32 and _USER_DIRS: never the current folder, never PATH."""


def frozen() -> bool:
    """Whether this is an installed program rather than Python with sources."""
    return bool(getattr(sys, "frozen", False))


def settle(environment: MutableMapping[str, str] = os.environ) -> None:
    """Make a frozen program's surroundings its own; elsewhere nothing happens."""
    if not frozen():
        return
    tidy(environment)
    give_streams()
    if sys.platform == "win32":  # pragma: no cover
        import ctypes

        kernel: Any = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
        kernel.SetDllDirectoryW("")
        kernel.SetDefaultDllDirectories(SEARCH_OWN_FOLDER_AND_SYSTEM)


def tidy(environment: MutableMapping[str, str]) -> None:
    """Drop what would steer this program, and give back the loader's path that PyInstaller's starter replaced.

    The loader reads that path once, at the start of a process: only programs that this one starts see it from now on, and
    they need their own libraries (https://pyinstaller.org, "LD_LIBRARY_PATH considerations").
    """
    for name in [name for name in environment if name.startswith(STEERS)]:
        del environment[name]
    before = environment.pop(f"{LOADER}_ORIG", None)
    if before is not None:
        environment[LOADER] = before
    else:
        environment.pop(LOADER, None)


def give_streams() -> None:
    """Somewhere to write: a windowed program on Windows has no standard streams, and libraries ask them whether they are a terminal."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - open as long as the program
