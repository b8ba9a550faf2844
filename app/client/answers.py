"""What every answer of a gateway goes through: problems become errors again, silence becomes GatewayUnreachable."""

import contextlib
from collections.abc import AsyncIterator
from typing import TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError

from contract.errors import FloworkError, GatewayUnreachable, from_problem
from kit.strict_json import JsonRefused, decode

A = TypeVar("A", bound=BaseModel)
DEPTH_MAX = 64


class Nothing(BaseModel):
    """An answer without a body, or one that nobody reads."""


async def answer(response: aiohttp.ClientResponse, model: type[A]) -> A:
    """The answer's model.

    Raises:
        FloworkError: the gateway said no.
    """
    await refuse_problems(response)
    try:
        return model.model_validate_json(await response.read() or b"{}")
    except ValidationError as error:
        raise GatewayUnreachable("What answered does not speak Flowork. Is the address right?") from error


async def refuse_problems(response: aiohttp.ClientResponse) -> None:
    """Raise what a gateway said no with.

    Raises:
        FloworkError.
    """
    if response.status >= 400:
        raise _error(await response.read(), response.status)


def _error(body: bytes, status: int) -> FloworkError:
    try:
        document = decode(body, DEPTH_MAX)
    except JsonRefused:
        document = {}
    return from_problem(document if isinstance(document, dict) else {}, status)


@contextlib.asynccontextmanager
async def reaching(address: str) -> AsyncIterator[None]:
    """Turn what a dead connection raises into GatewayUnreachable."""
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise GatewayUnreachable(f"No gateway answers at {address}. Is it running? flowork serve starts it.") from error
