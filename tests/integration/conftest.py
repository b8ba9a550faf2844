"""The house of a test: gateway and engine in one process, or apart. Every test that takes it runs in both."""

from collections.abc import AsyncIterator

import pytest

from tests.support.house import House, User, house, signed_in


@pytest.fixture(params=["together", "apart"])
async def home(request: pytest.FixtureRequest, tmp_path) -> AsyncIterator[House]:
    async with house(tmp_path, apart=request.param == "apart") as made:
        yield made


@pytest.fixture
async def user(home: House) -> AsyncIterator[User]:
    async with signed_in(home, home.engine_name) as signed:
        yield signed
