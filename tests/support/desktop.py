"""A real desktop's secret store: a session bus of a test's own, and gnome-keyring on it."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from secretstorage import Collection, check_service_availability, dbus_init, get_collection_by_alias

PASSWORD = "only-for-this-test"
NEEDED = ("dbus-run-session", "gnome-keyring-daemon")
PATIENCE_S = 20.0
# Without service folders nothing is started by being asked for: a test alone says whether a daemon runs.
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:dir={folder}</listen>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>"""


@dataclass
class Desktop:
    """A bus; `environment` is what a program on this desktop sees."""

    folder: Path
    environment: dict[str, str]
    _daemon: "subprocess.Popen[bytes] | None" = field(default=None)

    def start_keyring(self, password: str | None = PASSWORD) -> None:
        """gnome-keyring, opened with a password as a sign-in does; None: nobody signed in, so there is no collection."""
        command = ["gnome-keyring-daemon", "--foreground", "--components=secrets", f"--control-directory={self.folder}/control"]
        self._daemon = subprocess.Popen(
            [*command, *(["--unlock"] if password else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **self.environment},
        )
        assert self._daemon.stdin is not None
        with self._daemon.stdin as pipe:
            pipe.write((password or "").encode())
        with self._connection() as connection:
            give_up = time.monotonic() + PATIENCE_S
            while not check_service_availability(connection):
                assert time.monotonic() < give_up, "gnome-keyring did not come up"
                time.sleep(0.01)

    def kill_keyring(self) -> None:
        """As a crash does."""
        if self._daemon is not None:
            self._daemon.send_signal(signal.SIGKILL)
            self._daemon.wait(PATIENCE_S)
            self._daemon = None

    def lock(self) -> None:
        """As the person does, or the screen."""
        with self._collection() as collection:
            collection.lock()

    def items(self) -> dict[str, str]:
        """What Flowork has in the keyring, by user name, as another program of this desktop sees it."""
        with self._collection() as collection:
            return {
                item.get_attributes()["username"]: item.get_secret().decode() for item in collection.search_items({"service": "flowork"})
            }

    @contextlib.contextmanager
    def _connection(self) -> Iterator["object"]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DBUS_SESSION_BUS_ADDRESS", self.environment["DBUS_SESSION_BUS_ADDRESS"])
            connection = dbus_init()
        with contextlib.closing(connection):
            yield connection

    @contextlib.contextmanager
    def _collection(self) -> Iterator[Collection]:
        with self._connection() as connection:
            yield get_collection_by_alias(connection, "default")


@contextlib.contextmanager
def desktop(folder: Path) -> Iterator[Desktop]:
    """A bus without a keyring daemon."""
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if missing:
        pytest.fail(f"{', '.join(missing)} must be installed for this test: sudo apt install dbus gnome-keyring", pytrace=False)
    folder.mkdir(mode=0o700, parents=True)
    (folder / "bus.conf").write_text(CONFIG.format(folder=folder))
    environment = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "XDG_DATA_HOME": str(folder / "share")}
    with subprocess.Popen(
        ["dbus-run-session", f"--config-file={folder}/bus.conf", "--", "sh", "-c", 'echo "$DBUS_SESSION_BUS_ADDRESS"; exec cat'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    ) as session:
        assert session.stdin is not None
        assert session.stdout is not None
        address = session.stdout.readline().decode().strip()
        assert address, "no session bus came up"
        made = Desktop(folder, {**environment, "DBUS_SESSION_BUS_ADDRESS": address})
        try:
            yield made
        finally:
            made.kill_keyring()
            session.stdin.close()
            session.wait(PATIENCE_S)
