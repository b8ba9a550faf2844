"""Where a program keeps its secrets: a seam with a state "locked", and one thread for all calls.

A keyring may ask the person for a password and block for minutes, so nothing but the vault's own thread waits for it.
"""

import asyncio
import os
import queue
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote, unquote

from kit.files import private_folder, write_private

T = TypeVar("T")
VALUE_MAX_CHARS: Final = 1000
"""Windows keeps 2,560 bytes of UTF-16 in one entry; the same limit everywhere lets secrets move."""
ANSWER_S: Final = 10.0
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")


class VaultLocked(Exception):
    """The secrets are there, but closed until the person unlocks them. Never a reason to make new ones."""


class VaultUnavailable(Exception):
    """There is no place for secrets, or it cannot be used; the message says what to do."""


class SecretStore(Protocol):
    """Secrets of at most 1,000 characters by name (`[a-z0-9/._-]+`).

    Calls may block; each raises VaultLocked or VaultUnavailable.
    """

    @property
    def kind(self) -> str:
        """A word for people, such as `keyring (Secret Service)` or `files in the clear`."""

    @property
    def insecure(self) -> bool:
        """True when whoever reads the disk reads the secrets."""

    def get(self, name: str) -> str | None:
        """The secret; None only when it is certain that there is none."""

    def set(self, name: str, value: str) -> None:
        """Keep a secret, durably, replacing what was there."""

    def delete(self, name: str) -> None:
        """Forget a secret; harmless when there is none."""

    def names(self) -> list[str]:
        """What may be in it, sorted."""


class Vault:
    """A secret store behind its own thread, for event loops."""

    def __init__(self, store: SecretStore, answer_s: float = ANSWER_S) -> None:
        """`answer_s`: a store that has not answered by then is said to be locked; its call goes on and may yet succeed."""
        self._store = store
        self._answer_s = answer_s
        self._acts: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._state = "open"

    @property
    def kind(self) -> str:
        """See `SecretStore.kind`."""
        return self._store.kind

    @property
    def insecure(self) -> bool:
        """See `SecretStore.insecure`."""
        return self._store.insecure

    @property
    def state(self) -> str:
        """How the last call found the store: `open`, `locked` or `unavailable`."""
        return self._state

    async def get(self, name: str) -> str | None:
        """See `SecretStore.get`."""
        _check_name(name)
        return await self._call(lambda: self._store.get(name))

    async def set(self, name: str, value: str) -> None:
        """See `SecretStore.set`.

        Raises:
            ValueError: the value is too long for every store to keep.
        """
        _check_name(name)
        check_value(value)
        await self._call(lambda: self._store.set(name, value))

    async def delete(self, name: str) -> None:
        """See `SecretStore.delete`."""
        _check_name(name)
        await self._call(lambda: self._store.delete(name))

    async def _call(self, act: Callable[[], T]) -> T:
        if self._thread is None:
            # A daemon: the program's end does not wait for a prompt that nobody answers.
            self._thread = threading.Thread(target=self._work, name="flowork-vault", daemon=True)
            self._thread.start()
        done: Future[T] = Future()
        self._acts.put((act, done))
        try:
            found = await asyncio.wait_for(asyncio.wrap_future(done), self._answer_s)
        except TimeoutError as error:
            self._state = "locked"
            raise VaultLocked(f"The {self.kind} has not answered for {self._answer_s:g} s; it may be asking for its password.") from error
        except VaultLocked:
            self._state = "locked"
            raise
        except VaultUnavailable:
            self._state = "unavailable"
            raise
        self._state = "open"
        return found

    def _work(self) -> None:
        while (asked := self._acts.get()) is not None:
            act, done = asked
            if not done.set_running_or_notify_cancel():
                continue
            try:
                done.set_result(act())
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for it
                done.set_exception(error)

    def close(self) -> None:
        """Let go of the thread; a call that hangs in a prompt is not waited for."""
        self._acts.put(None)


def check_value(value: str) -> None:
    """Is it short enough for every store?

    Raises:
        ValueError.
    """
    if len(value.encode("utf-16-le")) > 2 * VALUE_MAX_CHARS:
        raise ValueError(f"a secret has at most {VALUE_MAX_CHARS} characters")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a secret")


class OverlaySecrets:
    """Reads another store and keeps to itself what is written: for a rehearsal, which must change nothing."""

    def __init__(self, below: SecretStore) -> None:
        self._below = below
        self._written: dict[str, str | None] = {}
        self.kind = below.kind
        self.insecure = below.insecure

    def get(self, name: str) -> str | None:
        return self._written[name] if name in self._written else self._below.get(name)

    def set(self, name: str, value: str) -> None:
        self._written[name] = value

    def delete(self, name: str) -> None:
        self._written[name] = None

    def names(self) -> list[str]:
        gone = {name for name, value in self._written.items() if value is None}
        return sorted((set(self._below.names()) | set(self._written)) - gone)


class FolderSecrets:
    """Owner-only files in the clear: for `--insecure-storage`, and for tests."""

    kind = "files in the clear"
    insecure = True

    def __init__(self, folder: Path) -> None:
        self._folder = private_folder(folder)

    def get(self, name: str) -> str | None:
        path = self._path(name)
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise VaultUnavailable(f"{path} cannot be read ({error.strerror}).") from error
        with os.fdopen(descriptor, encoding="utf-8", newline="") as file:
            if os.name == "posix" and os.fstat(descriptor).st_mode & 0o077:
                raise VaultUnavailable(f"{path} can be read by others. If nobody else has read it: chmod 600 '{path}'")
            try:
                return file.read()
            except UnicodeDecodeError as error:
                raise VaultUnavailable(f"{path} is damaged. Restore it from a backup.") from error

    def set(self, name: str, value: str) -> None:
        try:
            write_private(self._path(name), value.encode())
        except OSError as error:
            raise VaultUnavailable(f"{self._path(name)} cannot be written ({error.strerror}).") from error

    def delete(self, name: str) -> None:
        try:
            self._path(name).unlink(missing_ok=True)
        except OSError as error:
            raise VaultUnavailable(f"{self._path(name)} cannot be removed ({error.strerror}).") from error

    def names(self) -> list[str]:
        return sorted(unquote(path.name) for path in self._folder.iterdir() if not path.name.startswith("."))

    def _path(self, name: str) -> Path:
        return self._folder / quote(name, safe="")
