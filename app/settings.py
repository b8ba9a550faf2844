"""All settings of `flowork serve`: `<data>/config.toml`, then `FLOWORK_*`, then arguments."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from contract.wire import NewEngineName
from engine.settings import OTHER_NAMES, TABLES, EngineSettings, sources
from gateway.settings import GatewaySettings
from kit import config
from kit.logs import settings as log_settings
from kit.logs.settings import LogSettings
from kit.otlp import OtlpSettings

PREFIX = "FLOWORK_"
PLACEHOLDER_ENGINE = "unset"


class LocalEngine(BaseModel):
    """`[local]`: this machine's engine."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: NewEngineName = "home"
    """The name under which jobs are submitted to it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that `flowork serve` runs with."""

    gateway: GatewaySettings
    engine: EngineSettings
    """Address and engine id are filled in when the gateway runs."""
    local: LocalEngine
    logs: LogSettings


def load(data: Path, gateway: Mapping[str, Any], engine: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings for a data folder; `gateway` and `engine` come from arguments.

    Raises:
        ConfigRefused: naming every mistake in file, environment and arguments.
    """
    found = config.read(data / "config.toml", environment, PREFIX)
    otlp = found.table("otlp", OtlpSettings, {})
    made_gateway = found.table("gateway", GatewaySettings, {**gateway, "data": data, "otlp": otlp})
    filled_in = {"data": data, "gateway": "http://127.0.0.1", "engine_id": PLACEHOLDER_ENGINE, "otlp": otlp, **sources(found)}
    made_engine = found.table("engine", EngineSettings, {**engine, **filled_in}, OTHER_NAMES)
    local = found.table("local", LocalEngine, {})
    logs = found.table("logs", LogSettings, {}, log_settings.OTHER_NAMES)
    found.check(TABLES)
    assert made_gateway is not None
    assert made_engine is not None
    assert local is not None
    assert logs is not None
    return Settings(made_gateway, made_engine, local, logs)
