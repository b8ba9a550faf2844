"""`engine.rules.answers` and `engine.rules.anthropic_words`: pure translations."""

import pytest

from contract.kinds import ChatPayload, Message
from engine.rules import anthropic_words
from engine.rules.answers import ANSWER_MAX_CHARS, Answer, CallPiece, Ended, Text, Took, TooMuch, letters


def answer(*pieces):
    made = Answer()
    for piece in pieces:
        made.add(piece)
    return made


def test_pieces_of_calls_are_joined_by_their_index():
    made = answer(CallPiece(1, "b", "two"), CallPiece(0, "a", "one", "{"), CallPiece(1, arguments="{}"), CallPiece(0, arguments="}"))
    assert [(call.id, call.function.name, call.function.arguments) for call in made.calls] == [("a", "one", "{}"), ("b", "two", "{}")]
    assert made.message.content is None


def test_a_call_without_arguments_has_empty_ones():
    assert answer(CallPiece(0, "a", "one")).calls[0].function.arguments == "{}"


@pytest.mark.parametrize(
    ("pieces", "tokens"),
    [
        ([Text("12345678"), Took(9, 3), Ended("stop")], (9, 3)),
        ([Took(9, 1), Text("12345678")], (9, 2)),
        ([Text("12345678")], (25, 2)),
        ([Ended("stop")], (25, 0)),
    ],
    ids=["told", "cut-after-the-start", "cut-without-a-word", "never-told"],
)
def test_tokens_are_the_providers_or_guessed_by_letters(pieces, tokens):
    assert answer(*pieces).tokens(asked_letters=100) == tokens


def test_an_endless_answer_is_stopped():
    with pytest.raises(TooMuch):
        answer(Text("x" * ANSWER_MAX_CHARS), CallPiece(0, "a", "n", "y"))


def asked(*messages, **changes):
    payload = ChatPayload.model_validate({"model": "m", "messages": list(messages), **changes})
    return anthropic_words.request("m", payload, payload.messages, payload.tools)


def test_system_words_turns_images_and_results_have_their_places():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    found = asked(
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "Look"}, image]},
        {"role": "assistant", "content": None, "tool_calls": [call, {**call, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        {"role": "user", "content": "And?"},
    )
    assert found["system"] == [{"type": "text", "text": "Be kind."}]
    assert [turn["role"] for turn in found["messages"]] == ["user", "assistant", "user"]
    assert found["messages"][0]["content"][1]["source"] == {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    assert [block["type"] for block in found["messages"][1]["content"]] == ["tool_use", "tool_use"]
    assert [block["type"] for block in found["messages"][2]["content"]] == ["tool_result", "tool_result", "text"]
    assert found["max_tokens"] == anthropic_words.MAX_TOKENS


def test_options_go_where_they_belong():
    schema = {"type": "object"}
    tool = {"type": "function", "function": {"name": "f", "description": "d", "parameters": schema}}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    found = asked(
        {"role": "user", "content": "x"},
        temperature=0.5,
        stop=["END"],
        max_tokens=9,
        tools=[tool],
        tool_choice="required",
        response_format=wanted,
    )
    assert found["extra_body"] == {"temperature": 0.5}
    assert (found["stop_sequences"], found["max_tokens"], found["tool_choice"]) == (["END"], 9, {"type": "any"})
    assert found["tools"] == [{"name": "f", "description": "d", "input_schema": schema}]
    assert found["output_config"] == {"format": {"type": "json_schema", "schema": schema}}


@pytest.mark.parametrize(
    "changes",
    [{"temperature": 1.5}, {"response_format": {"type": "json_object"}}],
    ids=["too-hot", "json-without-a-schema"],
)
def test_what_has_no_words_there_is_refused(changes):
    with pytest.raises(anthropic_words.Unsayable):
        asked({"role": "user", "content": "x"}, **changes)


def test_arguments_that_are_no_json_are_refused():
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{"}}
    with pytest.raises(anthropic_words.Unsayable):
        asked({"role": "assistant", "content": None, "tool_calls": [call]})


def test_letters_of_words_and_not_of_images_are_counted():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    parts = [{"type": "text", "text": "ab"}, image]
    messages = [Message(role="user", content="four"), Message.model_validate({"role": "user", "content": parts})]
    assert letters(messages) == 6
