"""Servers of models, and a job to ask them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.anthropic_server import AnthropicServer, anthropic_server
from tests.support.models import FakeJob
from tests.support.openai_server import OpenAiServer, openai_server


@pytest.fixture
async def openai() -> AsyncIterator[OpenAiServer]:
    async with openai_server() as server:
        yield server


@pytest.fixture
async def anthropic() -> AsyncIterator[AnthropicServer]:
    async with anthropic_server() as server:
        yield server


@pytest.fixture(params=["openai", "anthropic"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """Either; `api` says which."""
    async with (openai_server if request.param == "openai" else anthropic_server)() as made:
        made.api = request.param
        yield made


@pytest.fixture
def job() -> FakeJob:
    return FakeJob()
