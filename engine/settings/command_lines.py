"""Command lines as an owner writes them: what in them stands for an argument, and whether they can be run."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

PLACEHOLDER: Final = re.compile(r"\{([a-zA-Z0-9_-]+)\}")


def placeholders(argv: Sequence[str]) -> frozenset[str]:
    """The arguments that a command line names."""
    return frozenset(name for element in argv for name in PLACEHOLDER.findall(element))


def mistake(argv: Sequence[str], stdin: str | None, schema: Mapping[str, Any]) -> str | None:
    """What is wrong with a command as its owner wrote it; None when it can be run with whatever fits the schema."""
    known = schema.get("properties", {})
    if schema.get("type") != "object" or not isinstance(known, dict) or not all(isinstance(one, dict) for one in known.values()):
        return "arguments: this must be the JSON Schema of an object, with its properties"
    if PLACEHOLDER.search(argv[0]):
        return "argv: the program itself cannot be an argument"
    wanted = placeholders(argv) | ({stdin} if stdin is not None else set())
    if unknown := sorted(wanted - known.keys()):
        return f"argv: {', '.join(unknown)} is none of the properties of arguments"
    if unsure := sorted(name for name in wanted if name not in schema.get("required", []) and "default" not in known[name]):
        return f"arguments: {', '.join(unsure)} must be required, or have a default"
    return None
