"""The command line as the program itself tells it: app/roles.py and the parser of every command."""

import argparse
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

from app.roles import ROLES, USAGE

HOME = Path("/home/you")
"""Whose default folders are told; printed as ~."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option or argument, as a person writes it."""

    names: tuple[str, ...]
    value: str
    """What follows it, such as FILE; empty for a switch."""
    says: str
    choices: tuple[str, ...] = ()
    repeated: bool = False
    needed: bool = False

    @property
    def a_path(self) -> bool:
        """Whether a file or folder follows."""
        return self.value in {"FILE", "DIR", "PATH", "FOLDER"}


@dataclass(frozen=True, slots=True)
class Command:
    """One command with its options, its arguments, and its verbs."""

    name: str
    says: str
    options: tuple[Option, ...]
    arguments: tuple[Option, ...]
    verbs: tuple["Command", ...] = field(default=())


class _Caught(BaseException):
    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser


@contextmanager
def _at_home() -> Iterator[None]:
    """Defaults are those of nobody in particular, and help is not wrapped."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "FLOWORK_"))}
    with mock.patch.dict(os.environ, {**kept, "HOME": str(HOME), "COLUMNS": "400"}, clear=True):
        yield


def parser_of(role: str) -> argparse.ArgumentParser:
    """The parser that a command makes for its arguments; nothing of the command runs."""

    def caught(self: argparse.ArgumentParser, *_: Any, **__: Any) -> Any:
        raise _Caught(self)

    module, _, name = ROLES[role].partition(":")
    act = getattr(import_module(module), name)
    with mock.patch.multiple(argparse.ArgumentParser, parse_args=caught, parse_known_args=caught):
        try:
            act([])
        except _Caught as found:
            return found.parser
    raise RuntimeError(f"flowork {role} has no parser")


def said_in_usage() -> dict[str, str]:
    """Command -> its line of `flowork --help`.

    Raises:
        ValueError: a command of ROLES has no line, or a line no command.
    """
    found: dict[str, str] = {}
    names: list[str] = []
    for line in USAGE.splitlines():
        head, tail = line[2:23].strip(), line[23:].strip()
        if not line.startswith("  "):
            names = []
        elif head:
            names = [part.split()[0] for part in head.split(" | ")] if " | " in head else [head.split()[0]]
            found |= dict.fromkeys(names, tail)
        else:
            found |= {name: f"{found[name]} {tail}" for name in names}
    if set(found) != set(ROLES):
        raise ValueError(f"app/roles.py: USAGE and ROLES differ in {sorted(set(found) ^ set(ROLES))}")
    return found


def commands() -> list[Command]:
    """All of them, in the order of `flowork --help`."""
    with _at_home():
        return [_command(name, says, parser_of(name)) for name, says in said_in_usage().items()]


def _command(name: str, says: str, parser: argparse.ArgumentParser) -> Command:
    options: list[Option] = []
    arguments: list[Option] = []
    verbs: list[Command] = []
    for action in parser._actions:  # noqa: SLF001 - argparse shows its actions in no other way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            told = {each.dest: each.help or "" for each in action._choices_actions}  # noqa: SLF001
            verbs += [_command(verb, _plain(told.get(verb, ""), made), made) for verb, made in action.choices.items()]
        elif action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction):  # noqa: SLF001
            continue
        else:
            (options if action.option_strings else arguments).append(_option(action, parser))
    return Command(name, says, tuple(options), tuple(arguments), tuple(verbs))


def _option(action: argparse.Action, parser: argparse.ArgumentParser) -> Option:
    choices = tuple(map(str, action.choices or ()))
    named = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    value = "" if action.nargs == 0 else named
    needed = action.required if action.option_strings else action.nargs not in {"?", "*"}
    return Option(
        tuple(action.option_strings),
        value,
        _plain(parser._get_formatter()._expand_help(action) if action.help else "", parser),  # noqa: SLF001
        choices,
        action.nargs in {"*", "+"} or isinstance(action, argparse._AppendAction),  # noqa: SLF001
        needed,
    )


def _plain(text: str, parser: argparse.ArgumentParser) -> str:
    return re.sub(r"\s+", " ", text.replace("%(prog)s", parser.prog)).replace(str(HOME), "~").strip()


def leaves(every: list[Command]) -> Iterator[tuple[str, Command]]:
    """What can be called, with its words: `status`, `engines add`."""
    for command in every:
        if command.verbs:
            yield from ((f"{command.name} {verb.name}", verb) for verb in command.verbs)
        else:
            yield command.name, command
