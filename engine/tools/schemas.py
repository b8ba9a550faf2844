"""Arguments against the JSON Schemas of tools. Nothing is fetched for a schema, and the library is loaded with the first one."""

import json
from typing import TYPE_CHECKING, Any

from engine.rules.failures import JobFailed

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

RULE_MAX = 200
"""Characters of a schema's rule that are quoted."""


class Schemas:
    """Remembers a validator for each schema it has seen."""

    def __init__(self) -> None:
        self._known: dict[str, Validator | str] = {}

    def fault(self, schema: dict[str, Any]) -> str | None:
        """What is wrong with the schema itself."""
        found = self._validator(schema)
        return found if isinstance(found, str) else None

    def check(self, schema: dict[str, Any], arguments: Any) -> None:
        """Hold arguments against it.

        Raises:
            JobFailed: `tool.arguments_invalid`; it names the place and the rule, not the value.
        """
        validator = self._validator(schema)
        if isinstance(validator, str):
            raise JobFailed("tool.failed", f"The tool's own schema cannot be used: {validator}.", retryable=False)
        try:
            mistake = next(iter(validator.iter_errors(arguments)), None)
        except Exception as error:
            raise JobFailed("tool.failed", f"The tool's own schema cannot be used ({type(error).__name__}).", retryable=False) from error
        if mistake is not None:
            place = ".".join(str(part) for part in mistake.absolute_path) or "arguments"
            rule = json.dumps(mistake.validator_value)[:RULE_MAX]
            raise JobFailed("tool.arguments_invalid", f"{place}: does not fit {mistake.validator}: {rule}", retryable=False)

    def _validator(self, schema: dict[str, Any]) -> "Validator | str":
        key = json.dumps(schema, sort_keys=True)
        if key not in self._known:
            self._known[key] = _made(schema)
        return self._known[key]


def _made(schema: dict[str, Any]) -> "Validator | str":
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for
    from referencing import Registry

    kind = validator_for(schema, Draft202012Validator)
    try:
        kind.check_schema(schema)
    except (SchemaError, RecursionError) as error:
        return f"no JSON Schema: {getattr(error, 'message', 'too deep')}"[:RULE_MAX]
    made: Validator = kind(schema, registry=Registry())  # the library's own registry would fetch what a schema refers to
    return made
