"""Settings from a TOML file, the environment and arguments, with every mistake told at once."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)


class ConfigRefused(Exception):
    """Some settings are wrong. `mistakes` names each with where it came from and what is allowed."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(mistakes))


@dataclass(slots=True)
class Config:
    """What the owner said, table by table. Later sources win: file, environment, arguments."""

    file: Path | None
    tables: Mapping[str, Any]
    environment: Mapping[str, str]
    prefix: str
    mistakes: list[str] = field(default_factory=list)

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
        origin = {key: f"{self.file}: [{name}] {key}" for key in given}
        for variable, key in [*other_names, *self._prefixed(f"{self.prefix}{name.upper()}_")]:
            if variable in self.environment:
                text = self.environment[variable]
                given[key] = tuple(text.split(",")) if _is_list(model, key) else text
                origin[key] = variable
        for key, value in fixed.items():
            if value is not None:
                given[key] = value
                origin[key] = f"{self.file}: [{key}]" if key in self.tables else f"--{key.replace('_', '-')}"
        try:
            return model.model_validate(given)
        except ValidationError as error:
            for mistake in error.errors():
                key = str(mistake["loc"][0]) if mistake["loc"] else ""
                self.mistakes.append(f"{origin.get(key, f'[{name}] {key}'.rstrip())}: {_reason(mistake, model)}")
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
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        tables = {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigRefused([f"{file}: {error}"]) from error
    return Config(file, tables, environment, prefix)


def _is_list(model: type[BaseModel], key: str) -> bool:
    known = model.model_fields.get(key)
    return known is not None and "tuple" in str(known.annotation)


def _reason(mistake: Any, model: type[BaseModel]) -> str:
    if mistake["type"] == "extra_forbidden":
        return f"there is no such setting; there are {', '.join(sorted(model.model_fields))}"
    return str(mistake["msg"])
