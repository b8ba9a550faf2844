"""Widgets are tested without a screen."""

import os

import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from app.ui.style import dress
from app.words import Language, Words, speak
from tests.support.fake_agent import FakeAgent, agent


@pytest.fixture(autouse=True, scope="session")
def _dressed(qapp) -> None:
    dress(qapp)


@pytest.fixture
def fake(qapp) -> FakeAgent:
    return agent()


@pytest.fixture(params=list(Language))
def say(request: pytest.FixtureRequest) -> Words:
    """Every test that takes it runs in both languages."""
    return speak(request.param)


@pytest.fixture
def english() -> Words:
    return speak(Language.ENGLISH)
