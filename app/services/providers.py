"""What the owner of an engine does about its providers: keys, what is configured and answers, what could be."""

import asyncio
import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app import settings as all_settings
from app.services.secrets import Around, Insecure, Place, SecretsRefused, open_secrets, remembered
from engine.providers.find import Found, find
from engine.providers.stations import Station
from engine.rules.provider_failures import ProviderFailed
from engine.settings.sources import ProviderSettings
from kit.clock import SystemClock
from kit.files import Locked, exclusive_lock, private_folder
from kit.vault import FolderSecrets, SecretStore, Vault, check_value

__all__ = ["Found", "KeyRefused", "Standing", "find", "key_names", "key_trouble", "remove_key", "set_key", "standings"]
PREFIX: Final = "provider."
ANSWER_S: Final = 10.0
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_VALUE = re.compile(r"[!-~]+")


class KeyRefused(Exception):
    """This is no key, or no name of one; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One configured provider."""

    name: str
    api: str
    base_url: str | None
    key: str
    """`none`, `set` or `missing`."""
    offered: tuple[str, ...]
    lists: int | None
    """How many models it lists; None when it did not answer."""
    code: str | None
    """Why not."""


def set_key(data: Path, name: str, value: str, around: Around) -> None:
    """Keep the key of a provider where the folder's engine looks for it.

    Raises:
        KeyRefused. SecretsRefused, VaultLocked, VaultUnavailable: the place of the secrets cannot be used.
    """
    if trouble := key_trouble(name, value):
        raise KeyRefused(trouble)
    with _store(data, around) as store:
        store.set(PREFIX + name, value)


def key_trouble(name: str, value: str) -> str:
    """Why this is no key, or no name of one; empty when it is."""
    if not _NAME.fullmatch(name):
        return "The name of a key takes a-z, 0-9 and '-', and at most 32 of them."
    if not _VALUE.fullmatch(value):
        return "A key is one word of visible ASCII characters."
    try:
        check_value(value)
    except ValueError as error:
        return f"This is no key: {error}."
    return ""


def remove_key(data: Path, name: str, around: Around) -> bool:
    """Forget a key; False when there was none. Raises as `set_key` does."""
    with _store(data, around) as store:
        if store.get(PREFIX + name) is None:
            return False
        store.delete(PREFIX + name)
        return True


def key_names(data: Path, around: Around) -> list[str]:
    """The names of the keys that are kept. Raises as `set_key` does."""
    with _store(data, around, writes=False) as store:
        return [name.removeprefix(PREFIX) for name in store.names() if name.startswith(PREFIX)]


def standings(data: Path, around: Around, environment: Mapping[str, str]) -> list[Standing]:
    """Every configured provider, asked now for its models.

    Raises:
        ConfigRefused. And as `set_key` does.
    """
    providers = all_settings.load(data, {}, {}, environment).engine.providers
    if not any(one.key for one in providers.values()):
        return asyncio.run(_ask(providers, None))
    with _store(data, around, writes=False) as store:
        return asyncio.run(_ask(providers, store))


async def _ask(providers: Mapping[str, ProviderSettings], store: SecretStore | None) -> list[Standing]:
    async def secret(name: str) -> str | None:
        return None if vault is None else await vault.get(name)

    with contextlib.ExitStack() as stack:
        vault = None if store is None else stack.enter_context(contextlib.closing(Vault(store)))
        stations = [Station(name, one, secret, SystemClock()) for name, one in providers.items()]
        return list(await asyncio.gather(*(_standing(station, vault) for station in stations)))


async def _standing(station: Station, vault: Vault | None) -> Standing:
    wanted = station.settings
    kept = None if vault is None or wanted.key is None else await vault.get(PREFIX + wanted.key)
    key = "none" if wanted.key is None else "missing" if kept is None else "set"
    lists, code = None, None
    try:
        async with asyncio.timeout(ANSWER_S):
            lists = len(await (await station.provider()).models())
    except ProviderFailed as error:
        code = error.code
    except TimeoutError:
        code = "provider.timeout"
    finally:
        await station.close()
    offered = tuple(dict.fromkeys((*wanted.models, *wanted.embeds)))
    return Standing(station.name, wanted.api, wanted.base_url, key, offered, lists, code)


@contextlib.contextmanager
def _store(data: Path, around: Around, *, writes: bool = True) -> Iterator[SecretStore]:
    """Where the folder's secrets are. A passphrase file has one writer: Flowork must not run meanwhile."""
    known = remembered(data)
    if known is None:
        if not (data / "secrets").is_dir():  # what an enrolled engine without a gateway has
            raise SecretsRefused("This folder has no secrets yet: start flowork serve, or flowork engine --enrol, first.")
        yield FolderSecrets(data / "secrets")
        return
    with contextlib.ExitStack() as held:
        if writes and known.place is Place.FILE:
            try:
                held.enter_context(exclusive_lock(private_folder(data / "run") / "flowork.lock"))
            except Locked as error:
                raise SecretsRefused(f"Flowork runs on {data}, and its secrets are in a file. Stop it first.") from error
        yield open_secrets(data, Insecure.FALLBACK, around)
