"""What a caller's arguments become on a program's command line: each fills exactly one element, and none becomes an option."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from engine.rules.failures import JobFailed
from engine.settings.command_lines import filled_in, placeholders


def with_defaults(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments, and the schema's defaults for those that are missing."""
    known = schema.get("properties", {})
    return {**{name: one["default"] for name, one in known.items() if isinstance(one, dict) and "default" in one}, **arguments}


def filled(argv: Sequence[str], arguments: Mapping[str, Any], allow_dash: Sequence[str]) -> list[str]:
    """The command line.

    Raises:
        JobFailed: `tool.arguments_invalid`: an argument begins with a hyphen without leave, is missing, or cannot be an argument.
    """
    texts = {name: _argument(name, arguments, allow_dash) for name in placeholders(argv)}
    return [argv[0], *(filled_in(element, texts) for element in argv[1:])]


def text_of(value: Any) -> str:
    """A value as a program reads it: text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _argument(name: str, arguments: Mapping[str, Any], allow_dash: Sequence[str]) -> str:
    if name not in arguments:
        raise _invalid(name, "is missing")
    text = text_of(arguments[name])
    if text.startswith("-") and name not in allow_dash:
        raise _invalid(name, "may not begin with a hyphen: the program could take it for an option")
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise _invalid(name, "holds a character that no argument can hold")
    return text


def _invalid(name: str, why: str) -> JobFailed:
    return JobFailed("tool.arguments_invalid", f"{name} {why}.", retryable=False)
