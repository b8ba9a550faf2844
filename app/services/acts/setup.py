"""Does what the first-run windows ask for."""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from app import settings as all_settings
from app.bridge.acts.setup import (
    AddKey,
    AutostartView,
    ChooseEndpoint,
    ChooseSecrets,
    EndSetup,
    FindSources,
    KeyAdded,
    LookAtAutostart,
    LookAtSecrets,
    ModelServer,
    NeedsSetup,
    SecretsPlace,
    SetAutostart,
    Sources,
    UseServers,
)
from app.client.admin import open_admin
from app.desktop.autostart import Autostart, AutostartFailed
from app.services import providers, secrets, setup
from app.services.acts import Handlers
from app.services.acts.refusal import ActRefused
from app.services.secrets import Around, Place, SecretsRefused
from app.services.setup import SetupRefused
from contract.endpoint import EndpointKind, EndpointView
from contract.errors import FloworkError
from contract.job_failures import JOB_FAILURES
from engine.providers.stations import Station
from engine.rules.provider_failures import ProviderFailed
from engine.settings.sources import ProviderSettings
from kit.clock import SystemClock
from kit.config import ConfigRefused
from kit.files import Locked, exclusive_lock, private_folder
from kit.vault import Vault, VaultLocked, VaultUnavailable

ANSWER_S: Final = 20.0
EVERY_MODEL: Final = "*"
Choose = Callable[[EndpointKind, str | None, str], Awaitable[EndpointView]]
"""Kind, origin, and the token of a named tunnel (empty: the one that is kept)."""


def handlers(data: Path, *, around: Around, autostart: Autostart, endpoint: Choose, unlocked: Callable[[str], None]) -> Handlers:
    """`unlocked` is told a passphrase that was chosen, so that the gateway can be started with it."""
    does = _FirstRun(data, around, autostart, endpoint, unlocked)
    return {
        LookAtSecrets: does.look_at_secrets,
        ChooseSecrets: does.choose_secrets,
        FindSources: does.find_sources,
        UseServers: does.use_servers,
        AddKey: does.add_key,
        ChooseEndpoint: does.choose_endpoint,
        LookAtAutostart: does.look_at_autostart,
        SetAutostart: does.set_autostart,
        NeedsSetup: does.needs_setup,
        EndSetup: does.end_setup,
    }


@dataclass(frozen=True, slots=True)
class _FirstRun:
    data: Path
    around: Around
    autostart: Autostart
    endpoint: Choose
    unlocked: Callable[[str], None]

    async def look_at_secrets(self, _: LookAtSecrets) -> SecretsPlace:
        return await asyncio.to_thread(_secrets, self.data, self.around)

    async def choose_secrets(self, act: ChooseSecrets) -> SecretsPlace:
        with _refusals():
            await asyncio.to_thread(_choose, self.data, act, self.around)
        if act.place == Place.FILE:
            self.unlocked(act.passphrase)
        return await asyncio.to_thread(_secrets, self.data, self.around)

    async def find_sources(self, _: FindSources) -> Sources:
        with _refusals():
            return await _sources(self.data)

    async def use_servers(self, act: UseServers) -> Sources:
        with _refusals():
            found = {one.name: one for one in await providers.find()}
            tables = {name: {"base_url": found[name].base_url, "models": [EVERY_MODEL]} for name in act.names if name in found}
            if tables:
                await asyncio.to_thread(setup.change, self.data, {"providers": tables})
            return await _sources(self.data)

    async def add_key(self, act: AddKey) -> KeyAdded:
        with _refusals():
            return await _add_key(self.data, act, self.around)

    async def choose_endpoint(self, act: ChooseEndpoint) -> EndpointView:
        return await self.endpoint(act.kind, act.origin, act.token)

    async def look_at_autostart(self, _: LookAtAutostart) -> AutostartView:
        return AutostartView(await asyncio.to_thread(self.autostart.state), self.autostart.where)

    async def set_autostart(self, act: SetAutostart) -> AutostartView:
        with _refusals():
            return AutostartView(await asyncio.to_thread(self.autostart.switch, act.on), self.autostart.where)

    async def needs_setup(self, _: NeedsSetup) -> bool:
        return await _needs_setup(self.data)

    async def end_setup(self, _: EndSetup) -> None:
        with _refusals():
            await asyncio.to_thread(setup.change, self.data, {"desktop": {}})


def _secrets(data: Path, around: Around) -> SecretsPlace:
    try:
        known = secrets.remembered(data)
    except SecretsRefused as error:
        return SecretsPlace("", "", "unavailable", str(error))
    if known is not None:
        kind, state = secrets.inspect(data, around)
        if known.place is Place.FILE and state == "locked":
            state = "open"  # the passphrase is asked for at the start, and this program has started
        return SecretsPlace(known.place, kind, state)
    store: Any = None
    try:
        store = around.keyring("", data / "secrets.names.json")
        asyncio.run(_probed(Vault(store)))
    except VaultLocked as error:
        return SecretsPlace("", "" if store is None else store.kind, "locked", str(error))
    except VaultUnavailable as error:
        return SecretsPlace("", "", "unavailable", str(error))
    return SecretsPlace("", store.kind, "not chosen yet")


async def _probed(vault: Vault) -> None:
    with contextlib.closing(vault):
        await vault.get(secrets.PROBE)


def _choose(data: Path, act: ChooseSecrets, around: Around) -> None:
    asks = Around(around.environment, lambda _: act.passphrase, lambda _: None, around.keyring)
    private_folder(data)
    with exclusive_lock(private_folder(data / "run") / "flowork.lock"):
        setup.choose_place(data, Place(act.place), None, asks)


async def _sources(data: Path) -> Sources:
    engine = (await asyncio.to_thread(all_settings.load, data, {}, {})).engine
    addresses = {one.base_url for one in engine.providers.values()}
    servers = [ModelServer(one.name, one.base_url, one.models, one.base_url in addresses) for one in await providers.find()]
    return Sources(tuple(servers), tuple(engine.providers), (*engine.mcp, *engine.commands))


async def _add_key(data: Path, act: AddKey, around: Around) -> KeyAdded:
    name = _name(act)
    if trouble := providers.key_trouble(name, act.key):
        raise ActRefused("This is no key", trouble)
    table: dict[str, Any] = {"api": act.api, "key": name, "models": [EVERY_MODEL]}
    if act.base_url:
        table["base_url"] = act.base_url.rstrip("/")
    await asyncio.to_thread(setup.judge, data, {"providers": {name: table}})
    models = await _tried(name, ProviderSettings.model_validate(table), act.key)
    await asyncio.to_thread(providers.set_key, data, name, act.key, around)
    await asyncio.to_thread(setup.change, data, {"providers": {name: table}})
    return KeyAdded(name, models)


async def _tried(name: str, table: ProviderSettings, key: str) -> int:
    async def given(_name: str) -> str | None:
        return key

    station = Station(name, table, given, SystemClock())
    try:
        async with asyncio.timeout(ANSWER_S):
            return len(await (await station.provider()).models())
    except ProviderFailed as error:
        raise ActRefused("The provider did not take the key", f"{JOB_FAILURES[error.code].says} Nothing was kept.") from error
    except TimeoutError as error:
        raise ActRefused("The provider does not answer", "Nothing was kept. Look at the address and at your network.") from error
    finally:
        await station.close()


def _name(act: AddKey) -> str:
    """Of the provider and its key: its host, where it has an address of its own."""
    host = urlsplit(act.base_url).hostname or "" if act.base_url else act.api
    return re.sub(r"[^a-z0-9]+", "-", host.removeprefix("api.").lower()).strip("-")[:32].strip("-") or act.api


async def _needs_setup(data: Path) -> bool:
    if await asyncio.to_thread(setup.has_table, data, "desktop"):
        return False
    try:
        async with open_admin(data) as admin:
            return not (await admin.devices()).devices
    except FloworkError:
        return not (data / "control.db").exists()  # whoever has one knows Flowork already


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except SetupRefused as error:
        raise ActRefused("These settings are not right", " ".join(error.mistakes)) from error
    except ConfigRefused as error:
        raise ActRefused("The settings are not right", " ".join(error.mistakes)) from error
    except VaultLocked as error:
        raise ActRefused("The keyring is locked", str(error)) from error
    except (SecretsRefused, VaultUnavailable) as error:
        raise ActRefused("Keys cannot be kept there", str(error)) from error
    except providers.KeyRefused as error:
        raise ActRefused("This is no key", str(error)) from error
    except AutostartFailed as error:
        raise ActRefused("It could not be changed", str(error)) from error
    except Locked as error:
        raise ActRefused("Flowork is running", "Stop the gateway first: its keys are in use.") from error
    except OSError as error:
        raise ActRefused("It could not be written", f"{error.strerror}: {error.filename}") from error
