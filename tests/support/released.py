"""`flowork` as a release: `python -m tests.support.released PLACE COMMAND ...`.

Everything is real but what only a build has: the file of keys (in the folder PLACE) and how it is installed (`kind` there: `appimage`,
or `setup`, whose setup is a shell script here).
"""

import subprocess
import sys
from pathlib import Path

import app.commands.update as command
import app.crypto.release_keys as keys
from app.desktop.installed import Installed
from app.roles import main
from contract.update import Kind


def start(path: Path, *, restart: bool) -> None:
    subprocess.Popen(["sh", str(path), "/S", f"restart={restart}"], stdin=subprocess.DEVNULL, start_new_session=True)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    keys.files = lambda _: place
    if (place / "kind").exists():
        kind = Kind((place / "kind").read_text())
        platform = "windows-x64" if kind is Kind.SETUP else "linux-x64"
        command.installed = lambda _: Installed(kind, platform, place / "program")
        command.start_setup = start
    sys.exit(main(sys.argv[2:]))
