"""All settings of `flowork serve`: `<data>/config.toml`, then `FLOWORK_*`, then arguments."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.words import Language
from contract.endpoint import EndpointKind
from contract.update_address import MANIFEST_NAME, may_ask
from contract.wire import NewEngineName
from engine.settings import OTHER_NAMES, TABLES, EngineSettings, sources
from gateway.settings import GatewaySettings
from kit import config
from kit.logs import settings as log_settings
from kit.logs.settings import LogSettings
from kit.otlp import OtlpSettings

PREFIX = "FLOWORK_"
PLACEHOLDER_ENGINE = "unset"
RELEASES = f"https://github.com/flowork/flowork/releases/latest/download/{MANIFEST_NAME}"


class LocalEngine(BaseModel):
    """`[local]`: this machine's engine."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: NewEngineName = "home"
    """The name under which jobs are submitted to it."""


class OnClose(StrEnum):
    """What closing the window means."""

    ASK = "ask"
    KEEP = "keep"
    QUIT = "quit"


class Icons(StrEnum):
    """Which set of tray icons."""

    AUTO = "auto"
    COLOUR = "colour"
    LIGHT = "light"
    """Light strokes, for dark panels."""
    DARK = "dark"
    """Dark strokes, for light panels."""


class DesktopSettings(BaseModel):
    """`[desktop]`: the tray application."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    language: Language | None = None
    """`en` or `id`; None speaks what the system speaks."""
    start_gateway: bool = True
    """Start gateway and engine with the program."""
    open_window: bool = False
    """Open the window with the program, not only the tray icon."""
    on_close: OnClose = OnClose.ASK
    """What closing the window means: `keep` running in the tray, `quit` (finish what runs first), or `ask`."""
    icons: Icons = Icons.AUTO
    """The tray icon's colours; `auto` follows the system where it tells, else the coloured set is used."""
    notifications: bool = True
    """Tell of errors and of what needs somebody. Never of single jobs."""
    pause_below_battery: Annotated[int, Field(ge=1, le=100)] | None = None
    """Let jobs wait while the machine runs on battery with less than so many percent; None never does."""
    pause_on_metered: bool = False
    """Let jobs wait while the network is metered."""


class EndpointSettings(BaseModel):
    """`[endpoint]`: where browsers elsewhere reach this gateway."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: EndpointKind = EndpointKind.NONE
    """`none`, `url`, `quick` or `named`."""
    origin: str | None = None
    """For `url` and `named`: the https origin under which it is published, such as `https://flowork.example.org`."""
    program: Path | None = None
    """The tunnel client; None looks for `cloudflared` on the PATH."""


class UpdateMode(StrEnum):
    """What is done about new versions."""

    OFF = "off"
    NOTIFY = "notify"
    INSTALL = "install"


def _https(url: str) -> str:
    if not may_ask(url):
        raise ValueError("this must be an https address without a name and password")
    return url


class UpdateSettings(BaseModel):
    """`[update]`: new versions."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    mode: UpdateMode = UpdateMode.OFF
    """`off`: nobody is asked. `notify`: once a day one request asks for a newer version. `install`: that one is fetched too. Never
    installed before you say so."""
    url: Annotated[str, AfterValidator(_https)] = RELEASES
    """Where the signed manifest of the newest release lies; its files lie beside it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that `flowork serve` runs with."""

    gateway: GatewaySettings
    engine: EngineSettings
    """Address and engine id are filled in when the gateway runs."""
    local: LocalEngine
    logs: LogSettings
    desktop: DesktopSettings
    endpoint: EndpointSettings
    update: UpdateSettings


def load(data: Path, gateway: Mapping[str, Any], engine: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings for a data folder; `gateway` and `engine` come from arguments.

    Raises:
        ConfigRefused: naming every mistake in file, environment and arguments.
    """
    return built(config.read(data / "config.toml", environment, PREFIX), data, gateway, engine)


def built(found: config.Config, data: Path, gateway: Mapping[str, Any], engine: Mapping[str, Any]) -> Settings:
    """Settings of what was read; `found.said` then tells where each value comes from.

    Raises:
        ConfigRefused: naming every mistake.
    """
    otlp = found.table("otlp", OtlpSettings, {})
    made_gateway = found.table("gateway", GatewaySettings, {**gateway, "data": data, "otlp": otlp})
    filled_in = {"data": data, "gateway": "http://127.0.0.1", "engine_id": PLACEHOLDER_ENGINE, "otlp": otlp, **sources(found)}
    made_engine = found.table("engine", EngineSettings, {**engine, **filled_in}, OTHER_NAMES)
    local = found.table("local", LocalEngine, {})
    logs = found.table("logs", LogSettings, {}, log_settings.OTHER_NAMES)
    desktop = found.table("desktop", DesktopSettings, {})
    endpoint = found.table("endpoint", EndpointSettings, {})
    update = found.table("update", UpdateSettings, {})
    found.check(TABLES)
    assert made_gateway is not None
    assert made_engine is not None
    assert local is not None
    assert logs is not None
    assert desktop is not None
    assert endpoint is not None
    assert update is not None
    return Settings(made_gateway, made_engine, local, logs, desktop, endpoint, update)
