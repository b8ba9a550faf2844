"""Secrets in the operating system's keyring, through the `keyring` package.

The back end is chosen here and nowhere else: `keyring`'s own choice can be turned to a plaintext one by an environment
variable (PYTHON_KEYRING_BACKEND, KEYRING_PROPERTY_*), a file (keyringrc.cfg) or any installed package.
Any program of the same person can read an open keyring: it keeps out other users, and whoever has only the disk.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeVar

from kit.files import write_private
from kit.vault import VaultLocked, VaultUnavailable, check_value

T = TypeVar("T")
SERVICE: Final = "flowork"


@dataclass(frozen=True, slots=True)
class Allowed:
    """A back end that keeps secrets encrypted under the person's sign-in."""

    module: str
    name: str
    word: str
    service_per_item: bool = False
    """Windows shuffles entries of one service from name to name at each write; a service for each item avoids it."""


BACKENDS: Final = {
    # KWallet speaks the Secret Service too (since KDE Frameworks 5.97); its older door needs a compiled D-Bus binding.
    "linux": Allowed("app.desktop.secret_service", "QuietSecretService", "Secret Service"),
    "win32": Allowed("keyring.backends.Windows", "WinVaultKeyring", "Windows Credential Manager", service_per_item=True),
    "darwin": Allowed("keyring.backends.macOS", "Keyring", "macOS Keychain"),
}


class KeyringStore:
    """The secrets of one data folder; implements `kit.vault.SecretStore`."""

    insecure = False

    def __init__(self, backend: Any, folder_id: str, index: "Index") -> None:
        """`folder_id` keeps data folders apart in the one keyring of a person.

        Raises:
            VaultUnavailable: the back end is not one of those trusted here.
        """
        kind = type(backend)
        known = [one for one in BACKENDS.values() if (one.module, one.name) == (kind.__module__, kind.__qualname__)]
        if not known:
            raise VaultUnavailable(f"{kind.__module__}.{kind.__qualname__} is not a keyring that Flowork trusts.")
        self._backend = backend
        self._allowed = known[0]
        self._folder_id = folder_id
        self._index = index

    @property
    def kind(self) -> str:
        return f"keyring ({self._allowed.word})"

    def get(self, name: str) -> str | None:
        found = _reached(lambda: self._backend.get_password(*self._entry(name)))
        return None if found is None else str(found)

    def set(self, name: str, value: str) -> None:
        check_value(value)
        self._index.add(name)
        _reached(lambda: self._backend.set_password(*self._entry(name), value))

    def delete(self, name: str) -> None:
        if self.get(name) is not None:
            _reached(lambda: self._backend.delete_password(*self._entry(name)))
        self._index.remove(name)

    def names(self) -> list[str]:
        return self._index.names()

    def unlock(self) -> None:
        """Ask the person to open the keyring, and wait.

        Raises:
            VaultLocked: it stays closed. VaultUnavailable.
        """
        ask = getattr(self._backend, "ask_to_unlock", None)
        if ask is not None:  # the other systems ask by themselves
            _reached(ask)

    def _entry(self, name: str) -> tuple[str, str]:
        user = f"{self._folder_id}/{name}"
        return (f"{SERVICE}/{user}" if self._allowed.service_per_item else SERVICE), user


class Index:
    """The names that a data folder has in the keyring: not every keyring can list them. Names are no secrets."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> list[str]:
        """Sorted."""
        try:
            found: list[str] = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise VaultUnavailable(f"{self._path} cannot be read. Restore it from a backup.") from error
        return found

    def add(self, name: str) -> None:
        """Written before the secret is: a name too many is harmless."""
        self._write({*self.names(), name})

    def remove(self, name: str) -> None:
        """Written after the secret went."""
        self._write(set(self.names()) - {name})

    def _write(self, names: set[str]) -> None:
        wanted = sorted(names)
        if wanted == self.names():
            return
        try:
            write_private(self._path, json.dumps(wanted).encode())
        except OSError as error:
            raise VaultUnavailable(f"{self._path} cannot be written ({error.strerror}).") from error


def open_keyring(folder_id: str, index: Path, platform: str = sys.platform) -> KeyringStore:
    """This system's keyring. Imports `keyring` now.

    Raises:
        VaultUnavailable: this system has none that Flowork trusts.
    """
    allowed = BACKENDS.get(platform)
    if allowed is None:
        raise VaultUnavailable(f"Flowork knows no keyring on {platform}.")
    backend = _reached(lambda: _made(allowed))
    vars(backend).clear()  # whatever KEYRING_PROPERTY_* has set, such as another collection
    if platform == "win32":
        backend.persist = "local machine"  # never roams to other machines of a domain
    return KeyringStore(backend, folder_id, Index(index))


def _made(allowed: Allowed) -> Any:
    return getattr(import_module(allowed.module), allowed.name)()


def _reached(call: Callable[[], T]) -> T:
    """Keep the libraries' many failures inside this room."""
    try:
        return call()
    except Exception as error:
        # By name: importing the libraries for their classes is what a start without keyring must not pay for.
        names = {kind.__name__ for kind in type(error).__mro__}
        if names & {"KeyringLocked", "LockedException", "PromptDismissedException"}:
            raise VaultLocked("The keyring is locked. Unlock it in your desktop session, or with: flowork secrets unlock") from error
        raise VaultUnavailable(f"The keyring cannot be used: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    said = str(error).rstrip(".")
    if "DBUS_SESSION_BUS_ADDRESS" in said or isinstance(error.__cause__ or error, FileNotFoundError | ConnectionRefusedError):
        return "there is no session bus here (a server, a container, or a sign-in over SSH)"
    if "org.freedesktop.secrets" in said:
        return "no program keeps a keyring on this session bus; gnome-keyring or KWallet would"
    return said or type(error).__name__
