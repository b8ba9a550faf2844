"""Setting a machine up from one file, as the first-run windows do with a person: looked at as a whole before anything is written.

The file is config.toml with three things more: `[secrets]`, `autostart`, and `key_file` in a provider's table.
"""

import os
import stat
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import tomlkit
import tomlkit.exceptions

from app import settings as all_settings
from app.desktop.autostart import Autostart
from app.services import providers
from app.services.secrets import UNLOCK_FILE, Around, Insecure, Place, SecretsRefused, open_secrets, remembered
from kit.config import ConfigRefused
from kit.files import exclusive_lock, private_folder, write_private
from kit.redact import redact
from kit.vault import VaultUnavailable

EXTRA: Final = ("secrets", "autostart")
SECRETS_KEYS: Final = ("place", "passphrase_file")


class SetupRefused(Exception):
    """The file has mistakes, all of which are named; nothing was written."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(mistakes))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done; free of mistakes."""

    text: str
    """The new config.toml."""
    changed: bool
    """It differs from the present one."""
    place: Place | None = None
    """Where secrets are to be; None leaves that to the first start."""
    passphrase_file: Path | None = None
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of providers, by the names under which they are kept."""
    autostart: bool | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What was done."""

    settings: str
    """`written` or `unchanged`."""
    secrets: str
    """Where they are; `not chosen yet` where the file does not say and nobody has started Flowork."""
    keys: tuple[str, ...]
    autostart: str | None
    """As it is now; None where the file does not say."""


def plan(file: Path, data: Path, environment: Mapping[str, str] = os.environ) -> Plan:
    """Read and judge a file against what a data folder has already.

    Raises:
        SetupRefused.
    """
    try:
        told: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SetupRefused([f"{file}: {error}"]) from error
    mistakes = [f"{file}: {place}: this looks like a secret; put it into a file of its own and name that" for place in _secrets_in(told)]
    place, passphrase_file = _place(file, told.pop("secrets", {}), data, mistakes)
    wanted = told.pop("autostart", None)
    if wanted is not None and not isinstance(wanted, bool):
        mistakes.append(f"{file}: autostart: write true or false")
    keys = _keys(file, told, mistakes)
    present = _read(data / "config.toml", mistakes)
    text = merged(present, told)
    if not mistakes:  # what the settings' own rules say of half a file would only confuse
        mistakes += _judged(text, file, data, environment)
    if mistakes:
        raise SetupRefused(mistakes)
    return Plan(text, text != present, place, passphrase_file, keys, wanted)


def carry_out(made: Plan, data: Path, autostart: Autostart, around: Around) -> Done:
    """Do it: secrets, keys, settings, autostart. Doing it again changes nothing; after a failure it may be done again.

    Raises:
        SecretsRefused, KeyRefused, VaultLocked, VaultUnavailable. AutostartFailed. Locked: Flowork runs on the folder.
    """
    private_folder(data)
    with exclusive_lock(private_folder(data / "run") / "flowork.lock"):
        if made.place is not None:
            choose_place(data, made.place, made.passphrase_file, around)
        if made.changed:
            write_private(data / "config.toml", made.text.encode())
    opened = Around(environment={UNLOCK_FILE: str(made.passphrase_file)}) if made.passphrase_file else around
    for name, value in made.keys.items():
        providers.set_key(data, name, value, opened)
    switched = None if made.autostart is None else autostart.switch(made.autostart)
    known = remembered(data)
    where = "not chosen yet" if known is None else str(known.place)
    return Done("written" if made.changed else "unchanged", where, tuple(sorted(made.keys)), switched)


def choose_place(data: Path, place: Place, passphrase_file: Path | None, around: Around) -> None:
    """Have secrets there and nowhere else, from the first one on.

    Raises:
        SecretsRefused: that place cannot be used, or another one was chosen before.
    """
    known = remembered(data)
    if known is not None and known.place is not place:
        raise SecretsRefused(
            f"This folder's secrets are elsewhere already ({known.place}). To move them: flowork secrets move --to {place}"
        )
    environment = {UNLOCK_FILE: str(passphrase_file)} if passphrase_file is not None else {}
    asks = around.ask if place is Place.FILE else None  # or a missing keyring would end in a question for a passphrase
    if place is Place.FILE and known is None and passphrase_file is None:
        _begin_file(data, around)
        return
    open_secrets(data, Insecure.ALWAYS if place is Place.CLEAR else Insecure.NEVER, Around(environment, asks, around.say, around.keyring))


def _begin_file(data: Path, around: Around) -> None:
    """A passphrase that is typed: wanted although there may be a keyring."""

    def none(_folder_id: str, _index: Path) -> Any:
        raise VaultUnavailable("A passphrase file was chosen.")

    open_secrets(data, Insecure.NEVER, Around({}, around.ask, lambda _: None, none))


def judge(data: Path, told: Mapping[str, Any]) -> str:
    """What config.toml would be with some values set.

    Raises:
        SetupRefused.
    """
    file, mistakes = data / "config.toml", list[str]()
    text = merged(_read(file, mistakes), told)
    mistakes = mistakes or _judged(text, file, data, {})
    if mistakes:
        raise SetupRefused(mistakes)
    return text


def change(data: Path, told: Mapping[str, Any]) -> None:
    """Set some values of config.toml, if it is right with them.

    Raises:
        SetupRefused. OSError.
    """
    text = judge(data, told)
    write_private(private_folder(data) / "config.toml", text.encode())


def has_table(data: Path, name: str) -> bool:
    """Does config.toml speak of this?"""
    return name in tomlkit.parse(_read(data / "config.toml", []))


def merged(present: str, told: Mapping[str, Any]) -> str:
    """A config.toml with some values set, and everything else, comments too, as it was."""
    document = tomlkit.parse(present)
    _merge(document, told)
    return tomlkit.dumps(document)


def _merge(into: Any, told: Mapping[str, Any]) -> None:
    for key, value in told.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), Mapping):
            _merge(into[key], value)
        elif key not in into or into[key] != value:
            into[key] = value


def _read(path: Path, mistakes: list[str]) -> str:
    try:
        text = path.read_text(encoding="utf-8")
        tomlkit.parse(text)
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError, tomlkit.exceptions.TOMLKitError) as error:
        mistakes.append(f"{path}: {error}")
        return ""
    return text


def _judged(text: str, file: Path, data: Path, environment: Mapping[str, str]) -> list[str]:
    """What the settings say of the new file, before it is one."""
    with tempfile.TemporaryDirectory(prefix="flowork-init-") as scratch:
        folder = Path(scratch)
        (folder / "config.toml").write_text(text, encoding="utf-8")
        try:
            all_settings.load(folder, {}, {}, environment)
        except ConfigRefused as error:
            return [mistake.replace(str(folder / "config.toml"), str(file)).replace(scratch, str(data)) for mistake in error.mistakes]
    return []


def _place(file: Path, told: Any, data: Path, mistakes: list[str]) -> tuple[Place | None, Path | None]:
    if not isinstance(told, Mapping):
        mistakes.append(f"{file}: secrets: this must be a table, written [secrets]")
        return None, None
    mistakes += [
        f"{file}: [secrets] {key}: there is no such setting; there are {', '.join(SECRETS_KEYS)}" for key in told if key not in SECRETS_KEYS
    ]
    if not told:
        return None, None
    try:
        place = Place(told.get("place", ""))
    except ValueError:
        mistakes.append(f"{file}: [secrets] place: write one of {', '.join(Place)}")
        return None, None
    named = told.get("passphrase_file")
    passphrase_file = None if named is None else (file.parent / str(named)).absolute()
    if (place is Place.FILE) is (passphrase_file is None):
        mistakes.append(f'{file}: [secrets] passphrase_file: belongs to place = "file", and to no other')
    elif passphrase_file is not None:
        _one_line(passphrase_file, f"{file}: [secrets] passphrase_file", mistakes)
    try:
        known = remembered(data)
    except SecretsRefused as error:
        mistakes.append(str(error))
        known = None
    if known is not None and known.place is not place:
        mistakes.append(
            f"{file}: [secrets] place: the secrets are elsewhere already ({known.place}); flowork secrets move --to {place} moves them"
        )
    return place, passphrase_file


def _keys(file: Path, told: dict[str, Any], mistakes: list[str]) -> dict[str, str]:
    """Take `key_file` out of the providers' tables; `key`, the name, is the provider's where none is given."""
    found: dict[str, str] = {}
    tables = told.get("providers", {})
    for name, table in tables.items() if isinstance(tables, Mapping) else ():
        named = table.pop("key_file", None) if isinstance(table, dict) else None
        if named is None:
            continue
        key = str(table.setdefault("key", name))
        value = _one_line((file.parent / str(named)).absolute(), f"{file}: [providers.{name}] key_file", mistakes)
        if value and (wrong := providers.key_trouble(key, value)):
            mistakes.append(f"{file}: [providers.{name}] key_file: {wrong}")
        found[key] = value
    return found


def _one_line(path: Path, place: str, mistakes: list[str]) -> str:
    """What an owner-only file holds; empty, with a mistake, when it cannot be used."""
    try:
        with path.open(encoding="utf-8") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            text = opened.read(10_000).strip()
    except (OSError, UnicodeDecodeError) as error:
        mistakes.append(f"{place}: {path} cannot be read ({getattr(error, 'strerror', None) or 'it is no text'})")
        return ""
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        mistakes.append(f"{place}: others can read {path}. If nobody else has read it: chmod 600 '{path}'")
        return ""
    if not text or "\n" in text:
        mistakes.append(f"{place}: {path} must hold one line")
        return ""
    return text


def _secrets_in(told: Any, place: str = "") -> Iterator[str]:
    """Where something has the form of a secret."""
    if isinstance(told, Mapping):
        for key, value in told.items():
            yield from _secrets_in(value, f"{place}.{key}" if place else str(key))
    elif isinstance(told, list):
        for value in told:
            yield from _secrets_in(value, place)
    elif isinstance(told, str) and (redact(told) != told or told.startswith(("sk-", "sk_", "ghp_", "xoxb-", "AKIA"))):
        yield place
