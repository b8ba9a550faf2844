"""Command lines as an owner writes them: what in them stands for an argument, and whether they can be run."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_PLACEHOLDER: Final = re.compile(r"\{\{(?P<plain>[a-zA-Z0-9_-]+)\}\}|\{(?P<name>[a-zA-Z0-9_-]+)\}")
"""`{name}`; `{{name}}` is `{name}` itself."""


def placeholders(argv: Sequence[str]) -> frozenset[str]:
    """The arguments that a command line names."""
    return frozenset(match["name"] for element in argv for match in _PLACEHOLDER.finditer(element) if match["name"])


def filled_in(element: str, texts: Mapping[str, str]) -> str:
    """One element of it, with the arguments in their places."""
    return _PLACEHOLDER.sub(lambda match: texts[match["name"]] if match["name"] else f"{{{match['plain']}}}", element)


def mistake(argv: Sequence[str], stdin: str | None, schema: Mapping[str, Any]) -> str | None:
    """What is wrong with a command as its owner wrote it; None when it can be run with whatever fits the schema."""
    known = schema.get("properties", {})
    if schema.get("type") != "object" or not isinstance(known, dict) or not all(isinstance(one, dict) for one in known.values()):
        return "arguments: this must be the JSON Schema of an object, with its properties"
    if placeholders(argv[:1]):
        return "argv: the program itself cannot be an argument"
    wanted = placeholders(argv) | ({stdin} if stdin is not None else set())
    if unknown := sorted(wanted - known.keys()):
        return f"argv: {', '.join(unknown)} is none of the properties of arguments"
    if unsure := sorted(name for name in wanted if name not in schema.get("required", []) and "default" not in known[name]):
        return f"arguments: {', '.join(unsure)} must be required, or have a default"
    return None
