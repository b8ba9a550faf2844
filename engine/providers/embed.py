"""`embed`: texts become vectors."""

import asyncio
from typing import Any

from pydantic import ValidationError

from contract.kinds import EmbedPayload, EmbedResult
from engine.providers.caller import Caller, Line
from engine.providers.chat import ChainOf
from engine.providers.seam import Vectors
from engine.rules.answers import LETTERS_A_TOKEN
from engine.rules.failures import JobFailed
from engine.rules.kinds import Job, Kind
from engine.rules.provider_failures import Trouble, failed, judge


def kind(caller: Caller, chain_of: ChainOf) -> Kind:
    """The kind for the models of an engine."""

    async def embed(job: Job, payload: Any) -> Any:
        try:
            asked = EmbedPayload.model_validate(payload)
        except ValidationError as error:
            places = ", ".join(".".join(str(part) for part in mistake["loc"]) for mistake in error.errors())
            raise JobFailed("provider.input_invalid", f"Not an embed request: {places}.", retryable=False) from error
        chain = chain_of(asked.model, "embed")
        lines: list[Line] = []

        async def act(line: Line) -> Vectors:
            lines.append(line)
            return await _vectors(line, asked)

        target, found = await caller.ask(job, "embeddings", chain, act)
        usage = lines[-1].station.used(target.model, lines[-1].tally.input_tokens, 0)
        return EmbedResult(model=str(target), vectors=found.vectors, usage=usage).model_dump(mode="json", exclude_none=True)

    return Kind("embed", embed)


async def _vectors(line: Line, asked: EmbedPayload) -> Vectors:
    try:
        async with asyncio.timeout(line.station.settings.first_token_s):
            found = await line.provider.embed(line.target.model, asked.input, asked.dimensions, line.traceparent)
    except TimeoutError:
        raise failed(str(line.target), judge(None, trouble=Trouble.TIMEOUT)) from None
    guessed = sum(len(text) for text in asked.input) // LETTERS_A_TOKEN
    line.tally.input_tokens = guessed if found.input_tokens is None else found.input_tokens
    return found
