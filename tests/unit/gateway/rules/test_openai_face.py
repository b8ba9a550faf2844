"""`gateway.rules.openai_face`: OpenAI's words to payloads that fit their kinds, and results back."""

from typing import Any

import pytest

from contract.errors import NotSupported
from contract.kinds import ChatPayload, ChatResult, EmbedPayload, EmbedResult, Message, Usage
from gateway.rules.openai_face import Chunks, chat_payload, completion, embed_payload, embeddings, wants_usage

ASKED = {"model": "a/b", "messages": [{"role": "user", "content": "hi"}]}
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("one", "two")]


def result(**changes: Any) -> ChatResult:
    values = {"model": "a/b", "message": Message(role="assistant", content="yes"), "finish_reason": "stop", "usage": Usage()}
    return ChatResult(**{**values, **changes})


@pytest.mark.parametrize(
    ("more", "becomes"),
    [
        ({}, {}),
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_tokens": 5, "max_completion_tokens": 6}, {"max_tokens": 6}),
        ({"stop": "x"}, {"stop": ["x"]}),
        ({"stop": ["x", "y"]}, {"stop": ["x", "y"]}),
        ({"n": 1, "logprobs": False, "user": "u", "store": True, "parallel_tool_calls": True, "frequency_penalty": 1}, {}),
        ({"temperature": None, "top_p": 0.5, "seed": 3}, {"top_p": 0.5, "seed": 3}),
        ({"stream": True}, {"stream": True}),
        ({"tools": TOOLS, "tool_choice": "auto"}, {"tools": TOOLS, "tool_choice": "auto"}),
        (
            {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "two"}}},
            {"tools": [TOOLS[1]], "tool_choice": "required"},
        ),
        ({"use_tools": ["web"], "max_steps": 2}, {"use_tools": ["web"], "max_steps": 2}),
        ({"response_format": {"type": "json_object"}}, {"response_format": {"type": "json_object"}}),
    ],
)
def test_what_is_asked_becomes_a_payload_that_fits(more: dict[str, Any], becomes: dict[str, Any]):
    made = chat_payload({**ASKED, **more})
    assert made == {**ASKED, "stream": False, **becomes}
    ChatPayload.model_validate(made)


def test_an_answer_that_is_sent_back_loses_only_what_answers_add():
    call = {"id": "c", "type": "function", "index": 0, "function": {"name": "one", "arguments": "{}", "parsed": None}}
    said = {"role": "assistant", "content": None, "refusal": None, "annotations": [], "audio": None, "tool_calls": [call]}
    plain = {"role": "assistant", "content": "x", "tool_calls": []}
    made = chat_payload({**ASKED, "messages": [said, plain]})["messages"]
    kept = {"id": "c", "type": "function", "function": {"name": "one", "arguments": "{}"}}
    assert made == [{"role": "assistant", "tool_calls": [kept]}, {"role": "assistant", "content": "x"}]


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"audio": {}, "modalities": ["audio"]}, "modalities"),
        ({"functions": [{}]}, "functions"),
        ({"tool_choice": {"type": "function", "function": {"name": "three"}}, "tools": TOOLS}, "tool_choice"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tool_choice": 7, "tools": [7]}, "tool_choice"),
    ],
)
def test_what_would_change_the_answer_is_refused_by_name(more: dict[str, Any], param: str):
    with pytest.raises(NotSupported) as told:
        chat_payload({**ASKED, **more})
    assert told.value.extra["param"] == param


@pytest.mark.parametrize("body", [{}, {"messages": 7}, {"messages": [7]}, {"messages": [{"tool_calls": [7]}]}, {"tools": 7}, {"stop": 7}])
def test_nonsense_goes_on_to_the_schema_and_breaks_nothing(body: dict[str, Any]):
    with pytest.raises(ValueError):
        ChatPayload.model_validate(chat_payload(body))


def test_a_stream_is_framed_as_the_client_reads_it():
    chunks = Chunks("id", 7, "a/b", with_usage=True)
    made = [chunks.role(), chunks.text("yes"), *chunks.end(result(usage=Usage(input_tokens=2, output_tokens=3)), said=True)]
    assert [chunk["choices"][0]["delta"] for chunk in made[:-1]] == [{"role": "assistant", "content": ""}, {"content": "yes"}, {}]
    assert [chunk["usage"] for chunk in made] == [None, None, None, {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}]
    assert made[-1]["choices"] == []
    assert {(chunk["id"], chunk["created"], chunk["object"]) for chunk in made} == {("id", 7, "chat.completion.chunk")}


def test_usage_is_not_in_a_stream_that_did_not_ask_for_it():
    assert all("usage" not in chunk for chunk in Chunks("id", 7, "a/b", with_usage=False).end(result(), said=False))
    assert [wants_usage({"stream_options": value}) for value in ({"include_usage": True}, {}, None, 7)] == [True, False, False, False]


def test_a_whole_answer_has_what_the_client_reads():
    made = completion("id", 7, result(finish_reason="length"))
    assert made["choices"][0]["message"] == {"role": "assistant", "content": "yes", "refusal": None}
    assert made["choices"][0]["finish_reason"] == "length"


def test_embeddings_are_asked_for_as_text_only():
    assert embed_payload({"model": "a/b", "input": "x"}) == {"model": "a/b", "input": ["x"]}
    EmbedPayload.model_validate(embed_payload({"model": "a/b", "input": ["x"], "dimensions": 3, "encoding_format": "base64"}))
    for tokens in ([1, 2], [[1], [2]]):
        with pytest.raises(NotSupported):
            embed_payload({"model": "a/b", "input": tokens})


def test_base64_is_little_endian_floats():
    made = embeddings(EmbedResult(model="a/b", vectors=[[1.0]], usage=Usage(input_tokens=1)), "base64")
    assert made["data"][0]["embedding"] == "AACAPw=="
