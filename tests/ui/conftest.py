"""Widgets are tested without a screen, over an agent that answers at once."""

import pytest

from app.bridge.qt import Bridge
from app.ui.style import dress
from app.words import Language, Words, speak
from tests.support import fake_agent
from tests.support.fake_agent import FakeAgent


@pytest.fixture(scope="session")
def qapp_args() -> list[str]:
    """Not by the environment, which programs of other tests would inherit."""
    return ["flowork-tests", "-platform", "offscreen"]


@pytest.fixture(autouse=True, scope="session")
def _dressed(qapp) -> None:
    dress(qapp)


@pytest.fixture
def fake(qapp) -> FakeAgent:
    return fake_agent.agent()


@pytest.fixture
def agent(fake: FakeAgent) -> FakeAgent:
    return fake


@pytest.fixture
def bridge(fake: FakeAgent) -> Bridge:
    return fake.bridge


@pytest.fixture(params=list(Language))
def say(request: pytest.FixtureRequest) -> Words:
    """Every test that takes it runs in both languages."""
    return speak(request.param)


@pytest.fixture
def english() -> Words:
    return speak(Language.ENGLISH)
