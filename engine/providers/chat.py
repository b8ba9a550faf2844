"""`chat`: a conversation goes to a model, and its answer comes back while it is made; tools of the engine are called in between."""

import contextlib
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from contract.kinds import CALLS_MAX, ChatPayload, ChatResult, Function, FunctionTool, Message, Step, ToolCall, Usage
from contract.offers import OfferedTool
from engine.providers.caller import Caller, Line
from engine.providers.pace import paced
from engine.providers.seam import ChatAsked
from engine.rules.answers import Answer, Text, Took, TooMuch, letters
from engine.rules.failures import JobFailed
from engine.rules.kinds import Job, Kind
from engine.rules.models import Target
from engine.rules.provider_failures import TOO_MUCH, ProviderFailed, failed
from engine.rules.toolbox import Toolbox
from engine.rules.usage import added
from kit.clock import MILLISECOND
from kit.strict_json import JsonRefused, decode

TOOL_ANSWER_MAX_CHARS: Final = 32_000
"""Of one tool, as the model reads it."""
BETWEEN: Final = "\n\n"
"""In the output, between what a model said before and after it called tools."""
ChainOf = Callable[[str, str], Sequence[Target]]
"""Name and kind -> what stands behind it; raises JobFailed where nothing does."""


@dataclass(slots=True)
class _Talk:
    """One job's conversation."""

    job: Job
    payload: ChatPayload
    chain: Sequence[Target]
    tools: dict[str, OfferedTool]
    """The engine's, by name."""
    messages: list[Message]
    usage: Usage = field(default_factory=Usage)
    steps: list[Step] = field(default_factory=list)
    said: bool = False
    """Words have gone out."""

    def functions(self) -> list[FunctionTool]:
        """What the model may call."""
        own = [
            FunctionTool(function=Function(name=tool.name, description=tool.description, parameters=tool.arguments))
            for tool in self.tools.values()
        ]
        return [*self.payload.tools, *own]


def kind(caller: Caller, chain_of: ChainOf, toolbox: Toolbox) -> Kind:
    """The kind for the models of an engine."""

    async def chat(job: Job, payload: Any) -> Any:
        asked = _parsed(payload)
        chain = chain_of(asked.model, "chat")
        talk = _Talk(job, asked, chain, _allowed(job, asked, toolbox), list(asked.messages))
        return (await _talked(talk, caller, toolbox)).model_dump(mode="json", exclude_none=True)

    return Kind("chat", chat)


def _parsed(payload: Any) -> ChatPayload:
    try:
        return ChatPayload.model_validate(payload)
    except ValidationError as error:
        places = ", ".join(".".join(str(part) for part in mistake["loc"]) for mistake in error.errors())
        raise JobFailed("provider.input_invalid", f"Not a chat: {places}.", retryable=False) from error


def _allowed(job: Job, payload: ChatPayload, toolbox: Toolbox) -> dict[str, OfferedTool]:
    """The engine's tools that this chat may use."""
    if not payload.use_tools:
        return {}
    if "tool" not in job.granted:
        raise JobFailed("tool.not_allowed", "The engine's owner has not allowed you its tools.", retryable=False)
    offered = {tool.name: tool for tool in toolbox.offered()}
    for name in payload.use_tools:
        if name not in offered:
            raise JobFailed("tool.unknown", f"This engine has no tool {name!r}.", retryable=False)
        if any(name == tool.function.name for tool in payload.tools):
            raise JobFailed("provider.input_invalid", f"tools and use_tools both have {name!r}.", retryable=False)
    return {name: offered[name] for name in payload.use_tools}


async def _talked(talk: _Talk, caller: Caller, toolbox: Toolbox) -> ChatResult:
    """Answers until one calls none of the engine's tools, or there were as many as the person allows."""
    for left in itertools.count(talk.payload.max_steps - 1, -1):
        target, answer = await _answered(talk, caller)
        calls = answer.calls
        if left == 0 or not calls or any(call.function.name not in talk.tools for call in calls):
            assert answer.reason is not None
            reason = "tool_calls" if calls else answer.reason  # some servers say "stop" with calls
            return ChatResult(model=str(target), message=answer.message, finish_reason=reason, usage=talk.usage, steps=talk.steps)
        talk.messages.append(answer.message)
        for call in calls:
            talk.messages.append(await _called(talk, call, caller, toolbox))
    raise AssertionError("count() has no end")


async def _answered(talk: _Talk, caller: Caller) -> tuple[Target, Answer]:
    asked_letters = letters(talk.messages)

    async def act(line: Line) -> Answer:
        answer, shown = Answer(), False
        asked = ChatAsked(line.target.model, talk.payload, talk.messages, talk.functions())
        settings = line.station.settings
        first_s = settings.first_token_s if talk.payload.stream else None  # else the job's own time is the limit
        try:
            async with (
                contextlib.aclosing(line.provider.chat(asked, line.traceparent)) as pieces,
                contextlib.aclosing(paced(pieces, str(line.target), first_s, settings.gap_s)) as in_time,
            ):
                async for piece in in_time:
                    answer.add(piece)
                    if line.tally.first_at is None and talk.payload.stream and not isinstance(piece, Took):
                        line.tally.first_at = caller.now()
                    if isinstance(piece, Text):
                        shown = await _shown(talk, piece.text, shown)
        except TooMuch:
            raise failed(str(line.target), TOO_MUCH) from None
        except ProviderFailed as error:
            error.begun = shown
            raise
        finally:
            if answer.begun:
                line.tally.input_tokens, line.tally.output_tokens = answer.tokens(asked_letters)
                talk.usage = added(talk.usage, _tokens(line))
        return answer

    return await caller.ask(talk.job, "chat", talk.chain, act)


async def _shown(talk: _Talk, text: str, shown: bool) -> bool:
    """Send words to the person; those of a later answer begin apart."""
    await talk.job.write(text if shown or not talk.said else BETWEEN + text)
    talk.said = True
    return True


def _tokens(line: Line) -> Usage:
    return line.station.used(line.target.model, line.tally.input_tokens, line.tally.output_tokens)


async def _called(talk: _Talk, call: ToolCall, caller: Caller, toolbox: Toolbox) -> Message:
    """One tool, for the model; what goes wrong with it is for the model to read."""
    began, arguments, failure = caller.now(), None, False
    try:
        if len(talk.steps) >= CALLS_MAX:
            raise JobFailed("tool.too_many", f"There were {CALLS_MAX} calls; there are no more in this chat.", retryable=False)
        arguments = decode(call.function.arguments.encode(), 32)
        text = _readable((await toolbox.call(talk.job, call.function.name, arguments)).content)
    except JsonRefused:
        text, failure = "error: the arguments are not JSON", True
    except JobFailed as error:
        text, failure = f"error: {error.message}", True
    if len(talk.steps) < CALLS_MAX:
        took_ms = (caller.now() - began) / MILLISECOND
        talk.steps.append(Step(name=call.function.name, arguments=arguments, failed=failure, took_ms=took_ms))
    if len(text) > TOOL_ANSWER_MAX_CHARS:
        text = text[:TOOL_ANSWER_MAX_CHARS] + "\n[cut: there was more]"
    return Message(role="tool", tool_call_id=call.id, content=text)


def _readable(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
