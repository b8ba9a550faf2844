"""`flowork` as a release: `python -m tests.support.released PLACE COMMAND ...`.

Everything is real but what only a build has: the file of keys (in the folder PLACE) and how it is installed (`kind` there: `appimage`,
or `setup`, whose setup is a shell script here). With a file `agrees` there, a person says yes to whatever an update asks.
"""

import subprocess
import sys
from pathlib import Path

import app.crypto.release_keys as keys
from app.desktop import installed as how
from app.desktop import setup
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
        how.installed = lambda _: how.Installed(kind, platform, place / "program")
        setup.start_setup = start
    if (place / "agrees").exists():
        from PySide6.QtCore import QTimer
        from PySide6.QtWidgets import QMessageBox

        import app.ui.update as dialogs

        class Agreed(QMessageBox):
            def showEvent(self, event: object) -> None:
                super().showEvent(event)
                QTimer.singleShot(0, self.defaultButton().click)

        dialogs.QMessageBox = Agreed
    sys.exit(main(sys.argv[2:]))
