"""Settings from a TOML file, the environment and arguments, with every mistake told at once."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)


class ConfigRefused(Exception):
    """Some settings are wrong. `mistakes` names each with where it came from and what is allowed."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(mistakes))


class Origin(StrEnum):
    """Where a value comes from; later ones win."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    ARGUMENT = "argument"


@dataclass(frozen=True, slots=True)
class Said:
    """Who set a value: a variable, an argument, or a place in the file."""

    origin: Origin
    place: str


@dataclass(slots=True)
class Config:
    """What the owner said, table by table. Later sources win: file, environment, arguments."""

    file: Path | None
    tables: Mapping[str, Any]
    environment: Mapping[str, str]
    prefix: str
    mistakes: list[str] = field(default_factory=list)
    said: dict[tuple[str, str], Said] = field(default_factory=dict)
    """By table and setting, of the tables that were built; what is not in it has its default."""

    def table(self, name: str, model: type[M], fixed: Mapping[str, Any], other_names: Sequence[tuple[str, str]] = ()) -> M | None:
        """Build the settings of one table; None when something in it is wrong (collected in `mistakes`).

        `fixed` are values from arguments, or that only the program decides; None stands for "not given". `other_names` are
        (variable, setting) beside the names with the prefix; of several that are given the later counts, and one with the
        prefix before all of them.
        """
        said = self.tables.get(name, {})
        if not isinstance(said, Mapping):
            self.mistakes.append(f"{self.file}: {name}: this must be a table, written [{name}]")
            return None
        given = dict(said)
        origin = {key: Said(Origin.FILE, f"{self.file}: [{name}] {key}") for key in given}
        for variable, key in [*other_names, *self._prefixed(f"{self.prefix}{name.upper()}_")]:
            if variable in self.environment:
                text = self.environment[variable]
                given[key] = tuple(text.split(",")) if _is_list(model, key) else text
                origin[key] = Said(Origin.ENVIRONMENT, variable)
        for key, value in fixed.items():
            if value is not None:
                given[key] = value
                in_file = key in self.tables
                origin[key] = Said(Origin.FILE, f"{self.file}: [{key}]") if in_file else Said(Origin.ARGUMENT, f"--{key.replace('_', '-')}")
        self.said.update(((name, key), who) for key, who in origin.items())
        try:
            return model.model_validate(given)
        except ValidationError as error:
            for mistake in error.errors():
                key = str(mistake["loc"][0]) if mistake["loc"] else ""
                place = origin[key].place if key in origin else f"[{name}] {key}".rstrip()
                self.mistakes.append(f"{place}: {_reason(mistake, model)}")
            return None

    def named(self, name: str, model: type[M]) -> dict[str, M]:
        """Build the tables `[name.X]`, by X; those with a mistake are left out (collected in `mistakes`). Only the file has them."""
        said, made = self.tables.get(name, {}), {}
        if not isinstance(said, Mapping) or not all(isinstance(one, Mapping) for one in said.values()):
            self.mistakes.append(f"{self.file}: {name}: write tables, each under a name of its own, as in [{name}.mine]")
            return {}
        for each, values in said.items():
            try:
                made[each] = model.model_validate(values)
            except ValidationError as error:
                for mistake in error.errors():
                    place = ".".join(str(part) for part in mistake["loc"])
                    self.mistakes.append(f"{self.file}: [{name}.{each}] {place}".rstrip() + f": {_reason(mistake, model)}")
        return made

    def _prefixed(self, start: str) -> list[tuple[str, str]]:
        return [(variable, variable.removeprefix(start).lower()) for variable in self.environment if variable.startswith(start)]

    def check(self, known: Sequence[str]) -> None:
        """Complain about everything that was wrong.

        Raises:
            ConfigRefused.
        """
        self.mistakes.extend(f"{self.file}: [{name}]: there is no such table" for name in self.tables if name not in known)
        if self.mistakes:
            raise ConfigRefused(self.mistakes)


def read(file: Path, environment: Mapping[str, str], prefix: str) -> Config:
    """Read a file that may be absent.

    Raises:
        ConfigRefused: it is not TOML, or can't be read.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigRefused([f"{file}: {error}"]) from error
    return parse(text, file, environment, prefix)


def parse(text: str, file: Path, environment: Mapping[str, str], prefix: str) -> Config:
    """Take a text as if it stood in a file.

    Raises:
        ConfigRefused: it is not TOML.
    """
    try:
        return Config(file, tomllib.loads(text), environment, prefix)
    except tomllib.TOMLDecodeError as error:
        raise ConfigRefused([f"{file}: {error}"]) from error


def _is_list(model: type[BaseModel], key: str) -> bool:
    known = model.model_fields.get(key)
    return known is not None and "tuple" in str(known.annotation)


def _reason(mistake: Any, model: type[BaseModel]) -> str:
    if mistake["type"] == "extra_forbidden":
        return f"there is no such setting; there are {', '.join(sorted(model.model_fields))}"
    return str(mistake["msg"])
