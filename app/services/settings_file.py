"""Reads and changes `config.toml` one value at a time: comments and order stay, and what is wrong is never written."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app import settings as all_settings
from app.bridge.acts.settings import Form, Setting, SettingsFound
from engine.settings import EngineSettings
from gateway.settings import GatewaySettings
from kit import config
from kit.config import ConfigRefused, Origin, Said
from kit.files import write_private
from kit.logs.settings import LogSettings
from kit.otlp import OtlpSettings

TABLES: Mapping[str, type[BaseModel]] = {
    "desktop": all_settings.DesktopSettings,
    "gateway": GatewaySettings,
    "engine": EngineSettings,
    "local": all_settings.LocalEngine,
    "endpoint": all_settings.EndpointSettings,
    "update": all_settings.UpdateSettings,
    "logs": LogSettings,
    "otlp": OtlpSettings,
}
ELSEWHERE = {
    "gateway": {"data", "otlp"},
    "engine": {"data", "gateway", "engine_id", "otlp", "providers", "aliases", "mcp", "commands"},
}
"""What only the program decides, and tables of many parts, which have commands of their own."""


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """The settings of a data folder. `gateway` and `engine` are what this program was started with."""

    data: Path
    gateway: Mapping[str, Any]
    engine: Mapping[str, Any]
    environment: Mapping[str, str]

    @property
    def path(self) -> Path:
        """The file; it may be absent."""
        return self.data / "config.toml"

    def found(self) -> SettingsFound:
        """What a start would find now.

        Raises:
            ConfigRefused.
        """
        read = config.read(self.path, self.environment, all_settings.PREFIX)
        settings = all_settings.built(read, self.data, self.gateway, self.engine)
        models = {
            "desktop": settings.desktop,
            "gateway": settings.gateway,
            "engine": settings.engine,
            "local": settings.local,
            "endpoint": settings.endpoint,
            "update": settings.update,
            "logs": settings.logs,
            "otlp": settings.gateway.otlp,
        }
        return SettingsFound(
            str(self.path),
            tuple(
                _setting(table, name, field, getattr(models[table], name), read.said.get((table, name)))
                for table, model in TABLES.items()
                for name, field in model.model_fields.items()
                if name not in ELSEWHERE.get(table, ())
            ),
        )

    def change(self, table: str, name: str, text: str | None) -> None:
        """Write a value into the file, or take it out (None).

        Raises:
            ConfigRefused: it is not allowed, or the file cannot be read or written; it is as it was.
        """
        import tomlkit
        from tomlkit.exceptions import ParseError

        field = TABLES[table].model_fields[name]
        try:
            document = tomlkit.parse(self.path.read_text(encoding="utf-8") if self.path.exists() else "")
        except (OSError, UnicodeDecodeError, ParseError) as error:
            raise ConfigRefused([f"{self.path}: {error}"]) from error
        if text is None:
            if table in document and name in document[table]:
                del document[table][name]
        else:
            if table not in document:
                document[table] = tomlkit.table()
            document[table][name] = _value(field, text)
        whole = tomlkit.dumps(document)
        # As this program would start, and by itself: what a variable covers up must be right too.
        for environment, gateway, engine in ((self.environment, self.gateway, self.engine), ({}, {}, {})):
            proposed = config.parse(whole, self.path, environment, all_settings.PREFIX)
            all_settings.built(proposed, self.data, gateway, engine)
        try:
            write_private(self.path, whole.encode())
        except OSError as error:
            raise ConfigRefused([f"{self.path}: {error.strerror}"]) from error


def of(data: Path, gateway: Mapping[str, Any], engine: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> SettingsFile:
    """The settings of a data folder."""
    return SettingsFile(data, gateway, engine, environment)


def _setting(table: str, name: str, field: FieldInfo, value: object, said: Said | None) -> Setting:
    form, choices, optional = _form(field.annotation)
    help_text = " ".join((field.description or "").split())
    origin, place = (Origin.DEFAULT, "") if said is None else (said.origin, said.place)
    return Setting(table, name, form, _text(value), _text(field.get_default()), origin, place, help_text, choices, optional)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return ", ".join(str(each) for each in value)
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)


def _form(annotation: Any) -> tuple[Form, tuple[str, ...], bool]:
    kind, optional = _bare(annotation)
    if kind is bool:
        return Form.SWITCH, ("true", "false"), optional
    if get_origin(kind) is Literal:
        return Form.CHOICE, tuple(str(each) for each in get_args(kind)), optional
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return Form.CHOICE, tuple(str(each) for each in kind), optional
    if get_origin(kind) is tuple:
        return Form.LIST, (), optional
    return (Form.NUMBER if kind in {int, float} else Form.TEXT), (), optional


def _bare(annotation: Any) -> tuple[Any, bool]:
    """The type without `Annotated` and `None`, and whether None was in it."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        rest = [each for each in get_args(annotation) if each is not NoneType]
        return (_bare(rest[0])[0] if len(rest) == 1 else str), NoneType in get_args(annotation)
    return annotation, False


def _value(field: FieldInfo, text: str) -> object:
    """A text as TOML has it; what is no number stays a text, and is refused as such."""
    kind, _ = _bare(field.annotation)
    form, _, _ = _form(field.annotation)
    if form is Form.SWITCH:
        return text == "true"
    if form is Form.LIST:
        of_numbers = _bare(get_args(kind)[0])[0] is int
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return [_number(part, int) if of_numbers else part for part in parts]
    return _number(text.strip(), kind) if form is Form.NUMBER else text


def _number(text: str, kind: Any) -> int | float | str:
    try:
        return int(text) if kind is int or text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        return text
