"""Providers that speak Anthropic's wire, by the vendor's own client: messages, models. It has no embeddings."""

import contextlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any, Final

import anthropic
import httpx2

from engine.providers.keys import Key
from engine.providers.seam import ChatAsked, Vectors
from engine.providers.wire import UNUSED, hush, open_client
from engine.rules import anthropic_words as words
from engine.rules.answers import CallPiece, Ended, Piece, Text, Thought, Took
from engine.rules.provider_failures import ProviderFailed, Trouble, failed, judge, retry_after_s
from engine.settings.sources import ProviderSettings

VENDOR: Final = "https://api.anthropic.com"


class AnthropicLike:
    """See `engine.providers.seam.Provider`."""

    def __init__(self, name: str, settings: ProviderSettings, key: Key) -> None:
        hush("anthropic")
        base = settings.base_url or VENDOR
        self._name = name
        self._key = key
        self._client = anthropic.AsyncAnthropic(
            api_key=UNUSED,
            base_url=base,
            max_retries=0,
            timeout=httpx2.Timeout(None, connect=settings.connect_s),
            open_telemetry=False,
            http_client=open_client(settings, base, key, "X-Api-Key"),
        )

    async def chat(self, asked: ChatAsked, traceparent: str) -> AsyncGenerator[Piece, None]:
        await self._key.read()
        try:
            request = words.request(asked.model, asked.payload, asked.messages, asked.tools)
        except words.Unsayable as error:
            raise ProviderFailed(judge(None, trouble=Trouble.INPUT), f"{self._name}/{asked.model}: {error}.") from error
        with _told(f"{self._name}/{asked.model}"):
            create = self._client.messages.create
            answer: Any = await create(**request, stream=asked.payload.stream, extra_headers={"traceparent": traceparent})
            if not asked.payload.stream:
                for piece in _whole(answer):
                    yield piece
                return
            async with answer, contextlib.aclosing(_pieces(answer)) as pieces:
                async for piece in pieces:
                    yield piece

    async def embed(self, model: str, inputs: Sequence[str], dimensions: int | None, traceparent: str) -> Vectors:  # noqa: ARG002
        raise ProviderFailed(judge(None, trouble=Trouble.INPUT), f"{self._name} makes no vectors.")

    async def models(self) -> list[str]:
        await self._key.read()
        with _told(self._name):
            return sorted([model.id async for model in self._client.models.list(limit=1000)])

    async def close(self) -> None:
        await self._client.close()


async def _pieces(answer: Any) -> AsyncGenerator[Piece, None]:
    reason = "end_turn"
    async for event in answer:
        match event.type:
            case "message_start":
                yield _took(event.message.usage)
            case "content_block_start" if event.content_block.type == "tool_use":
                yield CallPiece(event.index, event.content_block.id, event.content_block.name)
            case "content_block_delta":
                if (piece := _delta(event)) is not None:
                    yield piece
            case "message_delta":
                reason = event.delta.stop_reason or reason
                yield _took(event.usage)
            case "message_stop":
                yield Ended(words.REASONS.get(reason, "stop"))
                return
            case _:
                pass
    raise ConnectionError("the stream ended before the answer did")


def _delta(event: Any) -> Piece | None:
    match event.delta.type:
        case "text_delta":
            return Text(event.delta.text) if event.delta.text else None
        case "input_json_delta":
            return CallPiece(event.index, arguments=event.delta.partial_json)
        case "thinking_delta" | "signature_delta":
            return Thought()
    return None


def _whole(answer: Any) -> Iterator[Piece]:
    for index, block in enumerate(answer.content):
        if block.type == "text":
            yield Text(block.text)
        elif block.type == "tool_use":
            yield CallPiece(index, block.id, block.name, words.as_text(block.input))
    yield _took(answer.usage)
    yield Ended(words.REASONS.get(answer.stop_reason, "stop"))


def _took(usage: Any) -> Took:
    """What was read from or written into a cache was input too."""
    if usage is None or usage.input_tokens is None:
        return Took(None, None if usage is None else usage.output_tokens)
    cached = (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0)
    return Took(usage.input_tokens + cached, usage.output_tokens)


@contextlib.contextmanager
def _told(target: str) -> Iterator[None]:
    """The vendor's errors end here; their texts, which may repeat a person's words, with them."""
    try:
        yield
    except anthropic.APIStatusError as error:
        wait_s = retry_after_s(error.response.headers.get("retry-after"), error.response.headers.get("retry-after-ms"))
        status = error.status_code if error.status_code >= 300 else None  # an error within a stream has the stream's
        raise failed(target, judge(status, (error.error_code, error.type)), status=status, retry_after_s=wait_s) from None
    except anthropic.APITimeoutError:
        raise failed(target, judge(None, trouble=Trouble.UNREACHABLE)) from None  # only the connection has a deadline of the client's
    except anthropic.APIConnectionError as error:
        packed = isinstance(error.__cause__, httpx2.DecodingError)
        raise failed(target, judge(None, trouble=Trouble.MALFORMED if packed else Trouble.UNREACHABLE)) from None
    except anthropic.APIError:
        raise failed(target, judge(None, trouble=Trouble.MALFORMED)) from None
    except httpx2.DecodingError:
        raise failed(target, judge(None, trouble=Trouble.MALFORMED)) from None
    except (httpx2.HTTPError, ConnectionError):
        raise failed(target, judge(None, trouble=Trouble.UNREACHABLE)) from None
    except (ValueError, TypeError, AttributeError, LookupError):  # the clients don't hold answers against their own types
        raise failed(target, judge(None, trouble=Trouble.MALFORMED)) from None
