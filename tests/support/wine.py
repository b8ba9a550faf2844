"""Windows programs under wine, in a prefix of their own: a fresh machine for each."""

import contextlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.display import display

RIG = Path(__file__).parent.parent.parent / "build" / "windows"
SCRIPTS = Path(__file__).parent.parent.parent / "installer" / "windows" / "rig"
PATIENCE_S = 90


@dataclass(frozen=True)
class Ran:
    """A program that has ended."""

    code: int
    text: str


@dataclass
class Wine:
    """One prefix."""

    prefix: Path
    environment: dict[str, str] = field(default_factory=dict)
    umask: int = 0o077
    """wine shows modes as lists of entries: with this one what a program makes is its person's, as below their folder on Windows. The
    server of a prefix keeps the one that it was started with: `settled` before it changes."""

    def run(self, program: str, *arguments: str) -> Ran:
        """Run a program to its end. Its output goes through a pipe: Python under wine cannot write to files."""
        with self.start(program, *arguments) as process:
            try:
                text = process.communicate(timeout=PATIENCE_S)[0]
            except subprocess.TimeoutExpired:
                raise AssertionError(f"{program} {arguments} did not end within {PATIENCE_S} s") from None
        return Ran(process.returncode, text.replace("\r\n", "\n"))

    @contextlib.contextmanager
    def start(self, program: str, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
        """A program that runs for the length of the block at most."""
        process = subprocess.Popen(
            ["wine", program, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=self.prefix,
            umask=self.umask,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def settled(self) -> None:
        """Wait until every program of the prefix has ended."""
        subprocess.run(["wineserver", "-w"], env=self.environment, check=True, timeout=PATIENCE_S)

    def registry(self, key: str) -> dict[str, str]:
        """The values of a key; empty where there is none."""
        found = {}
        for line in self.run("reg", "query", key).text.splitlines():
            name, kind, value = ([*line.strip().split("    ", 2), "", ""])[:3]
            if kind.startswith("REG_"):
                found[name] = value
        return found

    def drive(self, *parts: str) -> Path:
        """A path of C: as this machine sees it."""
        return self.prefix.joinpath("drive_c", *parts)

    def home(self, *parts: str) -> Path:
        """A path of the person's folder."""
        return self.drive("users", pwd.getpwuid(os.getuid()).pw_name, *parts)


@contextlib.contextmanager
def wine(folder: Path) -> Iterator[Wine]:
    """A fresh Windows, with a screen."""
    prefix = folder / "prefix"
    with display() as screen:
        environment = {**os.environ, "DISPLAY": screen, "WINEPREFIX": str(prefix), "rig": str(folder), "HOME": str(folder / "home")}
        environment |= {"WINEARCH": "win64", "WINEDEBUG": "-all", "WINEDLLOVERRIDES": "winemenubuilder.exe=d"}
        (folder / "home").mkdir(parents=True)
        made = f'. "{SCRIPTS}/wine.sh"; new_prefix "{RIG}/shim"'
        subprocess.run(["sh", "-euc", made], env=environment, check=True, timeout=PATIENCE_S)
        try:
            yield Wine(prefix, environment)
        finally:
            subprocess.run(["wineserver", "-k"], env=environment, check=False, timeout=60)
            shutil.rmtree(prefix, ignore_errors=True)
