"""Holding a payload against its kind's schema: which places do not fit and why, never what stands there."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError

from contract.errors import OfferInvalid, PayloadInvalid
from contract.kinds import KINDS

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

NAMED_MAX: Final = 10
PLACE_MAX: Final = 120
REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
WORDS: Final[Mapping[str, str]] = {
    "type": "must be of type {0}",
    "enum": "must be one of {0}",
    "const": "must be {0}",
    "minLength": "must have {0} characters at least",
    "maxLength": "must have {0} characters at most",
    "minItems": "must have {0} items at least",
    "maxItems": "must have {0} items at most",
    "minimum": "must be {0} at least",
    "maximum": "must be {0} at most",
    "exclusiveMinimum": "must be more than {0}",
    "exclusiveMaximum": "must be less than {0}",
    "multipleOf": "must be a multiple of {0}",
    "pattern": "must match {0}",
    "required": "must have all of {0}",
    "additionalProperties": "has a member that is not known",
    "unevaluatedProperties": "has a member that is not known",
}
"""JSON Schema's keyword -> what to say; `{0}` is what the schema says, which is the engine owner's word."""
MODELLED: Final = frozenset({"chat", "embed"})
"""Kinds whose payload names a model."""


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(KINDS[kind].payload)


def check_known(kind: str, payload: Any) -> None:
    """Hold the payload of a kind that everybody knows against its model. No payload is an empty one.

    Raises:
        PayloadInvalid.
    """
    try:
        _adapter(kind).validate_python({} if payload is None else payload)
    except ValidationError as error:
        told = [(_place(mistake["loc"]), mistake["msg"]) for mistake in error.errors(include_input=False, include_url=False)]
        raise _refusal(told) from None


def check(validator: "Validator", payload: Any) -> None:
    """Hold a payload against a compiled schema.

    Raises:
        PayloadInvalid.
    """
    try:
        told = [
            (_place(mistake.absolute_path), _reason(mistake.validator, mistake.validator_value)) for mistake in _some(validator, payload)
        ]
    except RecursionError:
        told = [("payload", "is nested too deeply for this schema")]
    if told:
        raise _refusal(told) from None


def compiled(name: str, schema: Mapping[str, Any]) -> "Validator":
    """Check a schema that an engine offers, and make ready to use it. Nothing is ever fetched for it.

    Raises:
        OfferInvalid: it is no schema of the dialect 2020-12, or points elsewhere.
    """
    from jsonschema import Draft202012Validator, SchemaError
    from referencing import Registry

    if schema.get("$schema", DIALECT) != DIALECT:
        raise OfferInvalid(f"{name}: its schema is not of JSON Schema 2020-12.")
    if any(not reference.startswith("#") for reference in _references(schema)):
        raise OfferInvalid(f"{name}: its schema points to another document; write it out.")
    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError):
        raise OfferInvalid(f"{name}: its schema is not valid (JSON Schema 2020-12).") from None
    made: Validator = Draft202012Validator(schema, registry=Registry())
    return made


def _some(validator: "Validator", payload: Any) -> list[Any]:
    found = []
    for mistake in validator.iter_errors(payload):
        found.append(mistake)
        if len(found) == NAMED_MAX:
            break
    return found


def _references(schema: Any) -> Iterator[str]:
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            yield from (value for key in REFERENCES if isinstance(value := node.get(key), str))
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _place(path: Any) -> str:
    place = ".".join(["payload", *(str(part) for part in path)])
    return place if len(place) <= PLACE_MAX else f"{place[:PLACE_MAX]}..."


def _reason(keyword: str, wanted: Any) -> str:
    told = json.dumps(wanted, ensure_ascii=True)
    return WORDS.get(keyword, f"does not fit {keyword}").format(told if len(told) <= PLACE_MAX else "what the schema lists")


def _refusal(told: list[tuple[str, str]]) -> PayloadInvalid:
    return PayloadInvalid("; ".join(f"{place}: {reason}" for place, reason in told[:NAMED_MAX]) + ".", param=told[0][0])
