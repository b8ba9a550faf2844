"""Starting with the person's session: off until they say so, and theirs to switch off anywhere.

An entry under our name that starts another program is not ours and is left alone. One that the person disabled in their system's own
settings stays so.
"""

import os
import plistlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

from kit.files import write_private
from kit.frozen import frozen
from kit.paths import data_folder

RUN: Final = r"Software\Microsoft\Windows\CurrentVersion\Run"
APPROVED: Final = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
VALUE: Final = "Flowork"
LABEL: Final = "org.flowork.desktop"
GROUP: Final = "[Desktop Entry]"


class AutostartState(StrEnum):
    """How it is."""

    ON = "on"
    OFF = "off"
    FOREIGN = "foreign"
    """Another program's entry stands under our name."""
    DISABLED = "disabled_by_system"
    """There is an entry, and the person switched it off in the system's settings."""


class AutostartFailed(Exception):
    """It could not be changed; the message says why."""


class Autostart(Protocol):
    """One system's way."""

    @property
    def where(self) -> str:
        """The file or registry value, for a person."""

    def state(self) -> AutostartState: ...

    def switch(self, on: bool) -> AutostartState:
        """Make it so, where it may be; how it is then.

        Raises:
            AutostartFailed.
        """
        ...


class Registry(Protocol):
    """Of Windows, below HKEY_CURRENT_USER; a value that is not there is None."""

    def get(self, key: str, name: str) -> str | bytes | None: ...

    def set(self, key: str, name: str, value: str) -> None: ...

    def delete(self, key: str, name: str) -> None: ...


def own_command(environment: Mapping[str, str] = os.environ, data: Path | None = None) -> tuple[str, ...]:
    """What starts this very Flowork: an AppImage, the frozen program, or this Python; with `--data` where that is not the usual folder."""
    where: tuple[str, ...] = ()
    if data is not None and data.absolute() != data_folder("flowork").absolute():
        where = ("--data", str(data.absolute()))
    image = environment.get("APPIMAGE")
    if image:
        return (image, *where)
    if frozen():
        return (windowed_program(), *where)
    return (sys.executable, "-m", "app", *where)


def windowed_program(executable: str = sys.executable) -> str:
    """The frozen program with windows: this one, or the one beside this one."""
    here = Path(executable)
    return str(here.with_name(f"flowork{here.suffix}"))


def autostart(
    command: Sequence[str],
    *,
    platform: str = sys.platform,
    environment: Mapping[str, str] = os.environ,
    home: Path | None = None,
    registry: Registry | None = None,
) -> Autostart:
    """This system's way of starting `command` (program and arguments) with the session."""
    home = Path.home() if home is None else home
    if platform == "win32":
        return WindowsRun(tuple(command), WindowsRegistry() if registry is None else registry)
    if platform == "darwin":
        return LaunchAgent(tuple(command), home / "Library" / "LaunchAgents" / f"{LABEL}.plist")
    base = environment.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if os.path.isabs(base) else home / ".config"
    return XdgAutostart(tuple(command), folder / "autostart" / "flowork.desktop")


@dataclass(frozen=True, slots=True)
class XdgAutostart:
    """A .desktop file, by the Desktop Application Autostart Specification."""

    command: tuple[str, ...]
    path: Path

    @property
    def where(self) -> str:
        return str(self.path)

    def state(self) -> AutostartState:
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return AutostartState.OFF
        except (OSError, UnicodeDecodeError):
            return AutostartState.FOREIGN
        entry = _entry(lines)
        if entry.get("Exec") != _exec(self.command):
            return AutostartState.FOREIGN
        if entry.get("Hidden", "").lower() == "true" or entry.get("X-GNOME-Autostart-enabled", "").lower() == "false":
            return AutostartState.DISABLED
        return AutostartState.ON

    def switch(self, on: bool) -> AutostartState:
        return _switch(self, on)

    def _write(self) -> None:
        lines = [GROUP, "Type=Application", "Name=Flowork", "Comment=Job gateway and engines at home", f"Exec={_exec(self.command)}"]
        _put(self.path, "\n".join([*lines, "Terminal=false", "X-GNOME-Autostart-enabled=true", "X-LXQt-Need-Tray=true", ""]).encode())

    def _remove(self) -> None:
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class LaunchAgent:
    """A property list for launchd. Without KeepAlive: who quits stays away."""

    command: tuple[str, ...]
    path: Path

    @property
    def where(self) -> str:
        return str(self.path)

    def state(self) -> AutostartState:
        try:
            found: Any = plistlib.loads(self.path.read_bytes())
        except FileNotFoundError:
            return AutostartState.OFF
        except (OSError, ValueError, plistlib.InvalidFileException):
            return AutostartState.FOREIGN
        if not isinstance(found, dict) or found.get("ProgramArguments") != list(self.command):
            return AutostartState.FOREIGN
        return AutostartState.DISABLED if found.get("Disabled") is True else AutostartState.ON

    def switch(self, on: bool) -> AutostartState:
        return _switch(self, on)

    def _write(self) -> None:
        told = {"Label": LABEL, "ProgramArguments": list(self.command), "RunAtLoad": True, "ProcessType": "Interactive"}
        _put(self.path, plistlib.dumps(told))

    def _remove(self) -> None:
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class WindowsRun:
    """A value of the Run key. Task Manager's switch is another value, which is only read here."""

    command: tuple[str, ...]
    registry: Registry

    @property
    def where(self) -> str:
        return rf"HKEY_CURRENT_USER\{RUN}, {VALUE}"

    def state(self) -> AutostartState:
        found = self.registry.get(RUN, VALUE)
        if found is None:
            return AutostartState.OFF
        if found != subprocess.list2cmdline(self.command):
            return AutostartState.FOREIGN
        approved = self.registry.get(APPROVED, VALUE)
        disabled = isinstance(approved, bytes) and len(approved) > 0 and approved[0] % 2 == 1
        return AutostartState.DISABLED if disabled else AutostartState.ON

    def switch(self, on: bool) -> AutostartState:
        return _switch(self, on)

    def _write(self) -> None:
        self.registry.set(RUN, VALUE, subprocess.list2cmdline(self.command))

    def _remove(self) -> None:
        self.registry.delete(RUN, VALUE)


class WindowsRegistry:
    """The machine's own."""

    def get(self, key: str, name: str) -> str | bytes | None:
        import winreg

        reg: Any = winreg
        try:
            with reg.OpenKey(reg.HKEY_CURRENT_USER, key) as opened:
                found: str | bytes = reg.QueryValueEx(opened, name)[0]
                return found
        except OSError:
            return None

    def set(self, key: str, name: str, value: str) -> None:
        import winreg

        reg: Any = winreg
        with reg.CreateKeyEx(reg.HKEY_CURRENT_USER, key) as opened:
            reg.SetValueEx(opened, name, 0, reg.REG_SZ, value)

    def delete(self, key: str, name: str) -> None:
        import winreg

        reg: Any = winreg
        with reg.OpenKey(reg.HKEY_CURRENT_USER, key, 0, reg.KEY_SET_VALUE) as opened:
            reg.DeleteValue(opened, name)


def _switch(way: XdgAutostart | LaunchAgent | WindowsRun, on: bool) -> AutostartState:
    """Only what is ours is changed; an entry that was disabled elsewhere is not enabled here, only removed."""
    before = way.state()
    try:
        if on and before is AutostartState.OFF:
            way._write()  # noqa: SLF001 - the three classes of this module share this function
        elif not on and before in {AutostartState.ON, AutostartState.DISABLED}:
            way._remove()  # noqa: SLF001
    except OSError as error:
        raise AutostartFailed(f"{way.where} cannot be changed ({error.strerror}).") from error
    return way.state()


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, data)


def _entry(lines: Sequence[str]) -> dict[str, str]:
    """The keys of the main group."""
    found: dict[str, str] = {}
    inside = False
    for line in lines:
        if line.startswith("["):
            inside = line.strip() == GROUP
        elif inside and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key.strip(), value.strip())
    return found


def _exec(command: Sequence[str]) -> str:
    """Quoted by the Desktop Entry Specification, section "The Exec key": twice, as a string and as an argument."""
    return " ".join(_quoted(part) for part in command)


def _quoted(part: str) -> str:
    inner = "".join(f"\\{letter}" if letter in '"`$\\' else letter for letter in part)
    return f'"{inner}"'.replace("\\", "\\\\").replace("%", "%%")
