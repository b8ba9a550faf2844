"""A conversation in a real browser: the answer comes in pieces, is stopped, and outlives a reload."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.gui.conftest import Gui
from tests.support.model_server import Act, ModelServer, config
from tests.support.openai_server import openai_server

PHONE = {"width": 360, "height": 740}


@pytest.fixture
async def server():
    async with openai_server() as made:
        yield made


@pytest.fixture
def config_toml(server: ModelServer) -> str:
    """A house that has a model."""
    return config({"fast": ["a/small"]}, a={"base_url": server.base_url, "models": ["small"]})


@pytest.mark.parametrize("viewport", [PHONE, {"width": 1280, "height": 800}], ids=["phone", "desktop"])
async def test_an_answer_arrives_in_pieces_and_ends_up_whole(gui: Gui, server: ModelServer, viewport: dict[str, int]):
    hold = asyncio.Event()
    server.then(Act(hold_second=hold))
    page = await gui.page(viewport=viewport)
    await gui.paired(page)
    await page.get_by_label("Your message").fill("Good morning")
    await page.get_by_role("button", name="Send").click()
    answer = page.get_by_role("article").last
    await expect(answer).to_contain_text("Hel")
    await expect(answer).not_to_contain_text("Hello")
    hold.set()
    await expect(answer).to_contain_text("Hello")
    await expect(page.get_by_role("button", name="Send")).to_be_visible()
    assert gui.said == []


async def test_stop_ends_the_answer_and_keeps_what_had_come(gui: Gui, server: ModelServer):
    server.then(Act(hold_second=asyncio.Event()))
    page = await gui.page()
    await gui.paired(page)
    await page.get_by_label("Your message").fill("A long story")
    await page.get_by_role("button", name="Send").click()
    asked = await server.arrived(1)
    await expect(page.get_by_role("article").last).to_contain_text("Hel")
    await page.get_by_role("button", name="Stop").click()
    async with asyncio.timeout(20):
        await asked.hung_up.wait()
    await expect(page.get_by_text("Stopped.")).to_be_visible()
    await expect(page.get_by_role("article").last).to_contain_text("Hel")


async def test_a_reload_in_mid_answer_shows_what_had_come_and_the_rest(gui: Gui, server: ModelServer):
    hold = asyncio.Event()
    server.then(Act(hold_second=hold))
    page = await gui.page()
    await gui.paired(page)
    await page.get_by_label("Your message").fill("Good morning")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("article").last).to_contain_text("Hel")
    await page.reload()
    await expect(page.get_by_role("article").last).to_contain_text("Hel")
    hold.set()
    await expect(page.get_by_role("article").last).to_contain_text("Hello")
