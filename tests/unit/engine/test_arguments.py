"""`engine.rules.arguments` and `engine.settings.command_lines`: a caller's words on a command line."""

import pytest
from pydantic import ValidationError

from engine.rules.arguments import filled, with_defaults
from engine.rules.failures import JobFailed
from engine.settings.sources import CommandSettings

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"default": "B"}}, "required": ["a"]}


@pytest.mark.parametrize("value", ["two words", "; rm -rf /", "$(id)", "`id`", "a\nb", "*", "{b}", '"', "'", "|", "", "ä", "a=b"])
def test_an_argument_is_one_element_whatever_is_in_it(value: str):
    assert filled(["prog", "-x", "{a}", "end"], {"a": value, "b": "!"}, ()) == ["prog", "-x", value, "end"]


def test_arguments_within_an_element_stay_within_it():
    assert filled(["prog", "--size={a}x{b}"], {"a": 3, "b": True}, ()) == ["prog", "--size=3xtrue"]


def test_braces_that_are_doubled_are_no_argument():
    assert filled(["jq", "{{a}} {a} { b } {}", "{{a}}"], {"a": "A"}, ()) == ["jq", "{a} A { b } {}", "{a}"]


def test_an_object_is_its_json():
    assert filled(["prog", "{a}"], {"a": {"k": ["ä", None]}}, ()) == ["prog", '{"k": ["ä", null]}']


@pytest.mark.parametrize("value", ["-", "-rf", "--output=/etc/passwd", -5])
def test_no_argument_becomes_an_option_unless_the_owner_says_so(value: object):
    with pytest.raises(JobFailed) as failed:
        filled(["prog", "{a}"], {"a": value}, ())
    assert (failed.value.code, failed.value.retryable) == ("tool.arguments_invalid", False)
    assert filled(["prog", "{a}"], {"a": value}, ("a",))[1] == str(value)


@pytest.mark.parametrize("value", ["a\0b", "\ud800"], ids=["nul", "surrogate"])
def test_what_no_argument_can_hold_is_refused(value: str):
    with pytest.raises(JobFailed) as failed:
        filled(["prog", "{a}"], {"a": value}, ())
    assert failed.value.code == "tool.arguments_invalid"


def test_a_missing_argument_is_refused_and_a_default_is_filled_in():
    with pytest.raises(JobFailed):
        filled(["prog", "{a}"], {}, ())
    assert with_defaults({"a": "A"}, SCHEMA) == {"a": "A", "b": "B"}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"argv": []}, "argv"),
        ({"argv": ["{a}"]}, "the program itself"),
        ({"argv": ["prog", "{c}"]}, "c is none of the properties"),
        ({"argv": ["prog"], "stdin": "c"}, "c is none of the properties"),
        ({"argv": ["prog", "{a}"], "arguments": {"type": "object", "properties": {"a": {}}}}, "a must be required"),
        ({"argv": ["prog"], "arguments": {"type": "array"}}, "JSON Schema of an object"),
        ({"argv": ["prog"], "output_max_bytes": 10_000_000}, "output_max_bytes"),
        ({"argv": ["prog"], "shell": True}, "shell"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_command_that_cannot_be_run_is_refused_at_the_start(wrong: dict, says: str):
    with pytest.raises(ValidationError, match=says):
        CommandSettings(**{"arguments": SCHEMA, **wrong})
