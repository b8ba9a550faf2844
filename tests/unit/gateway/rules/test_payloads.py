"""`gateway.rules.payloads`: what does not fit is named with its place and reason, and never repeated."""

from typing import Any

import pytest

from contract.errors import OfferInvalid, PayloadInvalid
from contract.kinds import KINDS
from gateway.rules.payloads import NAMED_MAX, check, check_known, compiled

SECRET = "hunter2-do-not-repeat"
CHAT = {"model": "a/b", "messages": [{"role": "user", "content": "hi"}]}
SCHEMA = {
    "type": "object",
    "required": ["size"],
    "properties": {"size": {"type": "integer", "maximum": 9}, "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2}},
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("kind", "payload"),
    [("chat", CHAT), ("echo", None), ("echo", {"sleep_ms": 1}), ("embed", {"model": "a/b", "input": ["x"]}), ("tool", {"name": "t"})],
)
def test_what_fits_passes(kind: str, payload: Any):
    check_known(kind, payload)


@pytest.mark.parametrize(
    ("kind", "payload", "place"),
    [
        ("chat", None, "payload.model"),
        ("chat", {**CHAT, "temperature": SECRET}, "payload.temperature"),
        ("chat", {**CHAT, "messages": []}, "payload.messages"),
        ("chat", {**CHAT, "messages": [{"role": SECRET, "content": "x"}]}, "payload.messages.0.role"),
        ("chat", {**CHAT, "model": f"{SECRET} with spaces"}, "payload.model"),
        ("chat", {**CHAT, "messages": [{"role": "tool", "content": SECRET}]}, "payload.messages.0"),
        ("chat", SECRET, "payload"),
        ("embed", {"model": "a/b", "input": []}, "payload.input"),
        ("http", {"url": "http://a", "json": 1, "body": SECRET}, "payload"),
        ("echo", {"sleep_ms": -1}, "payload.sleep_ms"),
    ],
)
def test_what_does_not_fit_is_named_and_not_repeated(kind: str, payload: Any, place: str):
    with pytest.raises(PayloadInvalid) as told:
        check_known(kind, payload)
    assert f"{place}: " in told.value.detail
    assert told.value.extra["param"] == place
    assert SECRET not in str(told.value.problem())


def test_a_refusal_is_a_sentence():
    with pytest.raises(PayloadInvalid) as told:
        check_known("echo", {"sleep_ms": -1})
    assert told.value.detail == "payload.sleep_ms: Input should be greater than or equal to 0."


def test_no_more_places_are_named_than_a_person_reads():
    with pytest.raises(PayloadInvalid) as told:
        check_known("embed", {"model": "a/b", "input": [1] * 500})
    assert told.value.detail.count("payload.input") == NAMED_MAX


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"size": 1, "tags": ["a"]}, None),
        ({}, 'payload: must have all of ["size"]'),
        ({"size": SECRET}, 'payload.size: must be of type "integer"'),
        ({"size": 10}, "payload.size: must be 9 at most"),
        ({"size": 1, "tags": ["a", SECRET]}, 'payload.tags.1: must be one of ["a", "b"]'),
        ({"size": 1, SECRET: 1}, "payload: has a member that is not known"),
    ],
)
def test_kinds_of_others_are_held_against_their_schema(payload: Any, said: str | None):
    validator = compiled("paint", SCHEMA)
    if said is None:
        check(validator, payload)
        return
    with pytest.raises(PayloadInvalid) as told:
        check(validator, payload)
    assert told.value.detail == f"{said}."


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "objekt"},
        {"$ref": "https://example.org/schema.json"},
        {"properties": {"a": [{"$ref": "other.json"}, {"$dynamicRef": "http://x"}]}},
        {"allOf": [{"$ref": "file:///etc/passwd"}]},
        {"$schema": "http://json-schema.org/draft-07/schema#"},
    ],
)
def test_a_schema_that_is_none_or_points_elsewhere_is_not_taken(schema: dict[str, Any]):
    with pytest.raises(OfferInvalid):
        compiled("paint", schema)


def test_a_schema_may_point_into_itself_and_a_payload_cannot_exhaust_the_stack():
    validator = compiled("tree", {"$ref": "#/$defs/node", "$defs": {"node": {"type": "array", "items": {"$ref": "#/$defs/node"}}}})
    check(validator, [[], [[]]])
    with pytest.raises(PayloadInvalid, match="nested too deeply"):
        check(compiled("loop", {"allOf": [{"$ref": "#"}]}), 1)


def test_the_published_schemas_are_schemas_that_agree_with_the_models():
    for spec in KINDS.values():
        validator = compiled(spec.name, spec.schema)
        if spec.name == "chat":
            check(validator, CHAT)
            with pytest.raises(PayloadInvalid):
                check(validator, {**CHAT, "temperature": 3})
