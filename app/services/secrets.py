"""Where the secrets of a data folder are kept: chosen once, remembered in the folder, changed only by a move.

`<data>/secrets.json` names the place. What it names is used or refused; nothing else is ever made in its stead.
"""

import asyncio
import base64
import json
import os
import stat
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from secrets import token_bytes

from app.desktop.keyring_store import KeyringStore, open_keyring
from kit.files import private_folder, write_private
from kit.vault import FolderSecrets, SecretStore, Vault, VaultLocked, VaultUnavailable

UNLOCK_FILE = "FLOWORK_UNLOCK_FILE"
CREDENTIALS = "CREDENTIALS_DIRECTORY"
PROBE = "probe"
NO_PLACE = f"""\
Flowork has no place for its secrets: {{why}}
Choose one of three:
  1. A keyring: start Flowork in a desktop session that has one.
  2. A passphrase file: start Flowork on a terminal and choose a passphrase,
     or set {UNLOCK_FILE} to a file (chmod 600) that holds one.
  3. Files in the clear: flowork serve --insecure-storage
     (whoever reads this disk reads the keys)"""


class SecretsRefused(Exception):
    """There is no place for the secrets, or it cannot be used; the message says what to do."""


class Place(StrEnum):
    """Where secrets lie."""

    KEYRING = "keyring"
    FILE = "file"
    CLEAR = "clear"


class Insecure(StrEnum):
    """What the person said about files in the clear."""

    NEVER = "never"
    FALLBACK = "fallback"
    """Only where there is no keyring."""
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Around:
    """What the secrets of a data folder may be asked for."""

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    ask: Callable[[str], str] | None = None
    """Asks the person without showing what is typed; None where nobody can be asked."""
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr)
    keyring: Callable[[str, Path], KeyringStore] = open_keyring


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a data folder says of its secrets."""

    place: Place
    folder_id: str


def open_secrets(data: Path, insecure: Insecure, around: Around) -> SecretStore:
    """The place of the folder's secrets, or a new one at its first start. A keyring that was chosen before may be locked.

    Raises:
        SecretsRefused.
    """
    try:
        known = remembered(data)
        if known is None:
            return _first(data, insecure, around)
        if insecure is Insecure.ALWAYS and known.place is not Place.CLEAR:
            raise SecretsRefused(f"This folder's secrets are not in the clear ({known.place}). Start without --insecure-storage.")
        if insecure is Insecure.NEVER and known.place is Place.CLEAR:
            raise SecretsRefused(
                "This folder's secrets lie in the clear. Start with --insecure-storage, or encrypt them first with:\n"
                "  flowork secrets move --to keyring   (or: --to file)"
            )
        store = _open(data, known, around)
        with suppress(VaultLocked):
            _probe(store)
        return store
    except VaultLocked as error:
        raise SecretsRefused(
            f"{error}\nThen start Flowork again: it does not make its keys elsewhere while the keyring is closed."
        ) from error
    except VaultUnavailable as error:
        raise SecretsRefused(str(error)) from error


def cli_secrets(data: Path) -> SecretStore:
    """Where the command line keeps the keys of its device: the keyring, or owner-only files where there is none.

    They are apart from the gateway's, so that no two processes write one sealed file.

    Raises:
        VaultUnavailable.
    """
    try:
        return open_secrets(data / "cli", Insecure.FALLBACK, Around(environment={}))
    except SecretsRefused as error:
        raise VaultUnavailable(str(error)) from error


def remembered(data: Path) -> Remembered | None:
    """What `secrets.json` says; None before the first start.

    Raises:
        SecretsRefused: it cannot be read.
    """
    path = data / "secrets.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Remembered(Place(found["place"]), str(found["folder_id"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SecretsRefused(f"{path} cannot be read. Restore it from a backup.") from error


def move(data: Path, to: Place, around: Around) -> int:
    """Carry all secrets of a folder to another place; how many. Nobody else may use the folder meanwhile.

    The new place holds everything, read back, before `secrets.json` names it; only then is the old one emptied.

    Raises:
        SecretsRefused.
    """
    known = remembered(data)
    if known is None:
        raise SecretsRefused("This folder has no secrets yet: flowork serve makes them.")
    if known.place is to:
        raise SecretsRefused(f"This folder's secrets are there already ({to}).")
    try:
        source, target = _open(data, known, around), _make(data, Remembered(to, known.folder_id), around)
        moved = [(name, value) for name in source.names() if (value := source.get(name)) is not None]
        for name, value in moved:
            target.set(name, value)
            if target.get(name) != value:
                raise SecretsRefused(f"The {target.kind} did not keep what it was given. Nothing was moved.")
        _remember(data, Remembered(to, known.folder_id))
        for name, _ in moved:
            source.delete(name)
    except (VaultLocked, VaultUnavailable) as error:
        raise SecretsRefused(str(error)) from error
    if known.place is not Place.CLEAR:
        (_index_path(data) if known.place is Place.KEYRING else _sealed_path(data)).unlink(missing_ok=True)
    return len(moved)


def forget(data: Path, around: Around) -> int:
    """Remove a folder's entries from the keyring; how many. What lies in the folder itself is left to whoever removes the folder.

    Raises:
        SecretsRefused: the keyring is closed or gone, so its entries would stay behind.
    """
    known = remembered(data)
    if known is None or known.place is not Place.KEYRING:
        return 0
    try:
        store = _open(data, known, around)
        names = store.names()
        for name in names:
            store.delete(name)
    except (VaultLocked, VaultUnavailable) as error:
        raise SecretsRefused(str(error)) from error
    return len(names)


def unlock(data: Path, around: Around) -> str:
    """Let the desktop ask for the keyring's password; what to tell the person.

    Raises:
        SecretsRefused: it stays closed.
    """
    known = remembered(data)
    if known is not None and known.place is not Place.KEYRING:
        return f"There is nothing to unlock: this folder's secrets are not in a keyring ({known.place})."
    try:
        store = around.keyring(known.folder_id if known else "", _index_path(data))
        store.unlock()
    except VaultLocked as error:
        raise SecretsRefused("The keyring stays locked: nobody answered, or this session cannot ask. Sign in to the desktop.") from error
    except VaultUnavailable as error:
        raise SecretsRefused(str(error)) from error
    return f"The {store.kind} is open."


def inspect(data: Path, around: Around) -> tuple[str, str]:
    """Kind of the place, and how it is: `open`, `locked`, `unavailable` or `not chosen yet`. Asks nobody.

    Raises:
        SecretsRefused: secrets.json cannot be read.
    """
    known = remembered(data)
    if known is None:
        return "none", "not chosen yet"
    if known.place is Place.FILE:
        return "passphrase file", "locked" if _sealed_path(data).exists() else "unavailable"
    try:
        store = _open(data, known, around)
        _probe(store)
    except VaultLocked:
        return "keyring", "locked"
    except VaultUnavailable:
        return str(known.place), "unavailable"
    return store.kind, "open"


def _first(data: Path, insecure: Insecure, around: Around) -> SecretStore:
    """Choose a place: what was asked for by name, then the keyring, then what is allowed where there is none."""
    folder_id = base64.b32encode(token_bytes(10)).decode().lower()
    if insecure is Insecure.ALWAYS:
        return _begin(data, Remembered(Place.CLEAR, folder_id), around)
    if around.environment.get(UNLOCK_FILE) or _sealed_path(data).exists():
        return _begin(data, Remembered(Place.FILE, folder_id), around)
    try:
        return _begin(data, Remembered(Place.KEYRING, folder_id), around)
    except VaultUnavailable as error:
        if insecure is Insecure.FALLBACK:
            around.say(f"flowork: {error}\n  Its keys are kept IN THE CLEAR in {_clear_path(data)}: whoever reads this disk reads them.")
            return _begin(data, Remembered(Place.CLEAR, folder_id), around)
        if around.ask is None:
            raise SecretsRefused(NO_PLACE.format(why=error)) from error
        around.say(f"flowork: {error}")
        return _begin(data, Remembered(Place.FILE, folder_id), around)


def _begin(data: Path, chosen: Remembered, around: Around) -> SecretStore:
    private_folder(data)
    store = _make(data, chosen, around)
    _probe(store)
    _remember(data, chosen)
    return store


def _open(data: Path, known: Remembered, around: Around) -> SecretStore:
    """The place as it is. One that has gone is not made anew: what was in it is lost, or elsewhere."""
    path = {Place.FILE: _sealed_path(data), Place.CLEAR: _clear_path(data)}.get(known.place)
    if path is not None and not path.exists():
        raise VaultUnavailable(f"This folder's secrets were in {path}, which is gone. Restore it from a backup.")
    return _make(data, known, around)


def _make(data: Path, known: Remembered, around: Around) -> SecretStore:
    match known.place:
        case Place.KEYRING:
            return around.keyring(known.folder_id, _index_path(data))
        case Place.CLEAR:
            return FolderSecrets(_clear_path(data))
        case Place.FILE:
            return _sealed(_sealed_path(data), around)


def _probe(store: SecretStore) -> None:
    """Is it usable now? Asked through a vault, which does not wait for a prompt that nobody answers."""
    asyncio.run(Vault(store).get(PROBE))


def _sealed(path: Path, around: Around) -> SecretStore:
    from app.crypto.sealed_file import ask_passphrase, open_sealed

    given = around.environment.get(UNLOCK_FILE)
    if given:
        return open_sealed(path, read_passphrase(Path(given), around.environment))
    if around.ask is None:
        raise VaultUnavailable(
            f"The secrets are in {path}, under a passphrase, and nobody can be asked for it here.\n"
            f"  Start Flowork on a terminal, or set {UNLOCK_FILE} to a file (chmod 600) that holds the passphrase."
        )
    return open_sealed(path, ask_passphrase(path, around.ask, around.say))


def read_passphrase(file: Path, environment: Mapping[str, str]) -> str:
    """The one line of a file that only its owner reads, or that the system's service manager handed over.

    Raises:
        VaultUnavailable.
    """
    try:
        with file.open(encoding="utf-8") as opened:
            found = os.fstat(opened.fileno())
            text = opened.read().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise VaultUnavailable(f"{UNLOCK_FILE}: {file} cannot be read ({getattr(error, 'strerror', None) or 'it is no text'}).") from error
    handed_over = CREDENTIALS in environment and file.is_relative_to(environment[CREDENTIALS])  # systemd's own access list
    if os.name == "posix" and not handed_over and (stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid not in {0, os.geteuid()}):
        raise VaultUnavailable(f"{UNLOCK_FILE}: {file} is not yours alone. If nobody else has read it: chmod 600 '{file}'")
    if not text:
        raise VaultUnavailable(f"{UNLOCK_FILE}: {file} is empty.")
    return text


def _remember(data: Path, chosen: Remembered) -> None:
    write_private(data / "secrets.json", json.dumps({"place": chosen.place, "folder_id": chosen.folder_id}).encode())


def _clear_path(data: Path) -> Path:
    return data / "secrets"


def _sealed_path(data: Path) -> Path:
    return data / "secrets.enc"


def _index_path(data: Path) -> Path:
    return data / "secrets.names.json"
