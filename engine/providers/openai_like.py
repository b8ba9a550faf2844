"""Providers that speak OpenAI's wire, by the vendor's own client: chat completions, embeddings, models."""

import contextlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any, Final

import httpx2
import openai

from contract.kinds import Message
from engine.providers.keys import Key
from engine.providers.seam import ChatAsked, Vectors
from engine.providers.wire import UNUSED, hush, open_client
from engine.rules.answers import CallPiece, Ended, FinishReason, Piece, Text, Thought, Took
from engine.rules.provider_failures import Trouble, failed, judge, retry_after_s
from engine.settings.sources import ProviderSettings

VENDOR: Final = "https://api.openai.com/v1"
REASONS: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
AS_THEY_ARE: Final = ("temperature", "top_p", "stop", "seed")


class OpenAiLike:
    """See `engine.providers.seam.Provider`."""

    def __init__(self, name: str, settings: ProviderSettings, key: Key) -> None:
        hush("openai")
        base = settings.base_url or VENDOR
        self._name = name
        self._key = key
        self._own = settings.base_url is None
        self._client = openai.AsyncOpenAI(
            api_key=UNUSED,
            base_url=base,
            max_retries=0,
            timeout=httpx2.Timeout(None, connect=settings.connect_s),
            http_client=open_client(settings, base, key, "Authorization"),
        )

    async def chat(self, asked: ChatAsked, traceparent: str) -> AsyncGenerator[Piece, None]:
        await self._key.read()
        with _told(f"{self._name}/{asked.model}"):
            create = self._client.chat.completions.create
            answer: Any = await create(**self._request(asked), extra_headers={"traceparent": traceparent})
            if not asked.payload.stream:
                for piece in _whole(answer):
                    yield piece
                return
            async with answer, contextlib.aclosing(_pieces(answer)) as pieces:
                async for piece in pieces:
                    yield piece

    async def embed(self, model: str, inputs: Sequence[str], dimensions: int | None, traceparent: str) -> Vectors:
        await self._key.read()
        with _told(f"{self._name}/{model}"):
            found = await self._client.embeddings.create(
                model=model,
                input=list(inputs),
                encoding_format="float",
                dimensions=openai.omit if dimensions is None else dimensions,
                extra_headers={"traceparent": traceparent},
            )
            vectors = [[float(number) for number in one.embedding] for one in sorted(found.data, key=lambda one: one.index)]
            if len(vectors) != len(inputs):
                raise ValueError("another number of vectors than of texts")
            return Vectors(vectors, getattr(found.usage, "prompt_tokens", None))

    async def models(self) -> list[str]:
        await self._key.read()
        with _told(self._name):
            return sorted([model.id async for model in self._client.models.list()])

    async def close(self) -> None:
        await self._client.close()

    def _request(self, asked: ChatAsked) -> dict[str, Any]:
        payload = asked.payload
        made: dict[str, Any] = {"model": asked.model, "messages": [self._message(message) for message in asked.messages]}
        made |= {name: value for name in AS_THEY_ARE if (value := getattr(payload, name)) is not None}
        if payload.max_tokens is not None:
            # The vendor's newer models know the one name only, most imitations the other.
            made["max_completion_tokens" if self._own else "max_tokens"] = payload.max_tokens
        if payload.response_format is not None:
            made["response_format"] = payload.response_format.model_dump(exclude_none=True)
        if asked.tools:
            made["tools"] = [tool.model_dump(exclude_none=True) for tool in asked.tools]
            made["tool_choice"] = payload.tool_choice
        if payload.stream:
            made |= {"stream": True, "stream_options": {"include_usage": True}}
        return made

    def _message(self, message: Message) -> dict[str, Any]:
        said = message.model_dump(exclude_none=True)
        if message.role == "developer" and not self._own:
            said["role"] = "system"  # a word of the vendor's
        return said


async def _pieces(answer: Any) -> AsyncGenerator[Piece, None]:
    reason: FinishReason | None = None
    async for chunk in answer:
        for choice in chunk.choices or ():
            for piece in _delta(choice.delta):
                yield piece
            if choice.finish_reason is not None:
                reason = REASONS.get(choice.finish_reason, "stop")
        if chunk.usage is not None:
            yield Took(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
    if reason is None:
        raise ConnectionError("the stream ended before the answer did")
    yield Ended(reason)


def _delta(delta: Any) -> Iterator[Piece]:
    if delta is None:
        return
    if text := delta.content or delta.refusal:
        yield Text(text)
    for call in delta.tool_calls or ():
        function = call.function
        yield CallPiece(call.index or 0, call.id, function and function.name, (function and function.arguments) or "")
    extra = delta.model_extra or {}
    if extra.get("reasoning_content") or extra.get("reasoning"):
        yield Thought()


def _whole(answer: Any) -> Iterator[Piece]:
    choice = answer.choices[0]
    if text := choice.message.content or choice.message.refusal:
        yield Text(text)
    for index, call in enumerate(choice.message.tool_calls or ()):
        yield CallPiece(index, call.id, call.function.name, call.function.arguments)
    if answer.usage is not None:
        yield Took(answer.usage.prompt_tokens, answer.usage.completion_tokens)
    yield Ended(REASONS.get(choice.finish_reason, "stop"))


@contextlib.contextmanager
def _told(target: str) -> Iterator[None]:
    """The vendor's errors end here; their texts, which may repeat a person's words, with them."""
    try:
        yield
    except openai.APIStatusError as error:
        wait_s = retry_after_s(error.response.headers.get("retry-after"), error.response.headers.get("retry-after-ms"))
        raise failed(target, judge(error.status_code, (error.code, error.type)), status=error.status_code, retry_after_s=wait_s) from None
    except openai.APITimeoutError:
        raise failed(target, judge(None, trouble=Trouble.UNREACHABLE)) from None  # only the connection has a deadline of the client's
    except openai.APIConnectionError as error:
        packed = isinstance(error.__cause__, httpx2.DecodingError)
        raise failed(target, judge(None, trouble=Trouble.MALFORMED if packed else Trouble.UNREACHABLE)) from None
    except openai.APIResponseValidationError:
        raise failed(target, judge(None, trouble=Trouble.MALFORMED)) from None
    except openai.APIError as error:  # told within the stream
        raise failed(target, judge(None, (error.code, error.type))) from None
    except (httpx2.HTTPError, ConnectionError):
        raise failed(target, judge(None, trouble=Trouble.UNREACHABLE)) from None
    except (ValueError, TypeError, AttributeError, LookupError):  # the clients don't hold answers against their own types
        raise failed(target, judge(None, trouble=Trouble.MALFORMED)) from None
