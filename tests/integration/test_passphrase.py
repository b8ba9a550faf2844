"""`flowork serve` on a machine without a keyring, with a person at a terminal."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import pytest

from tests.support.house import PATIENCE_S, ROOT

PASSPHRASE = "correct horse battery"


class Terminal:
    """A person who types what is asked for, at a real pseudo-terminal."""

    def __init__(self, data: Path, *arguments: str) -> None:
        around = {name: value for name, value in os.environ.items() if name != "DBUS_SESSION_BUS_ADDRESS"}
        self._ours, theirs = pty.openpty()
        self.seen = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve", "--data", str(data), "--port", "0", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=ROOT,
            env=around,
            start_new_session=True,
        )
        os.close(theirs)

    def until(self, text: str) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while text not in self.seen:
            ready, _, _ = select.select([self._ours], [], [], max(0, give_up - time.monotonic()))
            assert ready, f"{text!r} did not come: {self.seen}"
            self.seen += self._read()

    def _read(self) -> str:
        try:
            read = os.read(self._ours, 4096).decode()
        except OSError:  # Linux: the other end is closed
            read = ""
        assert read, f"it ended: {self.seen}"
        return read

    def type(self, text: str) -> None:
        os.write(self._ours, f"{text}\n".encode())

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's")
def test_a_person_chooses_a_passphrase_once_and_types_it_at_every_start(tmp_path: Path):
    data = tmp_path / "data"
    with Terminal(data) as first:
        first.until("New passphrase")
        first.type(PASSPHRASE)
        first.until("The same again")
        first.type(PASSPHRASE)
        first.until("is running")
        first.until("passphrase file")
        assert "no session bus" in first.seen
        assert PASSPHRASE not in first.seen
        command_line = Path(f"/proc/{first.process.pid}/cmdline")
        assert not command_line.exists() or PASSPHRASE.encode() not in command_line.read_bytes()
        assert first.stop() == 0
    assert json.loads((data / "secrets.json").read_text())["place"] == "file"
    with Terminal(data, "--insecure-storage=fallback") as again:
        again.until("Passphrase of")
        again.type(PASSPHRASE)
        again.until("is running")
        assert again.stop() == 0
    with Terminal(data) as wrong:
        wrong.until("Passphrase of")
        wrong.type("something else")
        wrong.until("not the passphrase")
        assert wrong.process.wait(PATIENCE_S) == 78
