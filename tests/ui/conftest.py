"""Widgets without a screen, over an agent that answers at once."""

import pytest

from app.bridge.qt import Bridge
from app.words import Language, Words, speak
from tests.support.fake_agent import FakeAgent


@pytest.fixture(scope="session")
def qapp_args() -> list[str]:
    """Not by the environment, which programs of other tests would inherit."""
    return ["flowork-tests", "-platform", "offscreen"]


@pytest.fixture
def agent() -> FakeAgent:
    return FakeAgent()


@pytest.fixture
def bridge(qapp, agent: FakeAgent) -> Bridge:
    return Bridge(agent)


@pytest.fixture(params=list(Language))
def say(request: pytest.FixtureRequest) -> Words:
    """Each language."""
    return speak(request.param)


@pytest.fixture
def english() -> Words:
    return speak(Language.ENGLISH)
