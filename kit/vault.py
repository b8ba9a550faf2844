"""Where a program keeps its secrets: a seam with a state "locked", and one thread for all calls.

A keyring may ask the person for a password and block for minutes, so nothing but the vault's own thread waits for it.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

from kit.files import private_folder, write_private

T = TypeVar("T")


class VaultLocked(Exception):
    """The secrets are there, but closed until the person unlocks them. Never a reason to make new ones."""


class VaultUnavailable(Exception):
    """There is no place for secrets, or it cannot be used; the message says what to do."""


class SecretStore(Protocol):
    """Short secrets by name (`[a-z0-9/._-]+`). Calls may block; each raises VaultLocked or VaultUnavailable."""

    @property
    def kind(self) -> str:
        """A word for people, such as `keyring (Secret Service)` or `files`."""

    def get(self, name: str) -> str | None:
        """The secret; None only when it is certain that there is none."""

    def set(self, name: str, value: str) -> None:
        """Keep a secret, durably, replacing what was there."""

    def delete(self, name: str) -> None:
        """Forget a secret; harmless when there is none."""


class Vault:
    """A secret store behind its own thread, for event loops."""

    def __init__(self, store: SecretStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="flowork-vault")

    @property
    def kind(self) -> str:
        """See `SecretStore.kind`."""
        return self._store.kind

    async def get(self, name: str) -> str | None:
        """See `SecretStore.get`."""
        return await self._call(lambda: self._store.get(name))

    async def set(self, name: str, value: str) -> None:
        """See `SecretStore.set`."""
        await self._call(lambda: self._store.set(name, value))

    async def delete(self, name: str) -> None:
        """See `SecretStore.delete`."""
        await self._call(lambda: self._store.delete(name))

    async def _call(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, act)

    def close(self) -> None:
        """Let go of the thread; a call that hangs in a prompt is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class FolderSecrets:
    """Owner-only files in the clear: for `--insecure-storage`, and for tests."""

    kind = "files in the clear"

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
        with os.fdopen(descriptor, encoding="utf-8") as file:
            if os.name == "posix" and os.fstat(descriptor).st_mode & 0o077:
                raise VaultUnavailable(f"{path} can be read by others. If nobody else has read it: chmod 600 '{path}'")
            return file.read()

    def set(self, name: str, value: str) -> None:
        try:
            write_private(self._path(name), value.encode())
        except OSError as error:
            raise VaultUnavailable(f"{self._path(name)} cannot be written ({error.strerror}).") from error

    def delete(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / name.replace("/", ".")
