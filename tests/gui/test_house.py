"""The owner acts from a page of another origin, each act under a signature of its own."""

from playwright.async_api import expect

from tests.gui.conftest import Gui


async def test_the_owner_drains_an_engine_and_resumes_it(gui: Gui):
    page = await gui.page()
    await gui.paired(page)
    await page.goto(f"{gui.origin}/#/engines")
    await page.get_by_role("button", name="Drain", exact=True).click()
    await expect(page.get_by_role("button", name="Resume")).to_be_visible()
    await page.get_by_role("button", name="Resume").click()
    await expect(page.get_by_role("button", name="Drain", exact=True)).to_be_visible()
    assert gui.said == []


async def test_a_page_that_the_browser_keeps_from_the_local_network_says_how_to_allow_it(gui: Gui):
    page = await gui.page(permissions=[])
    offer = await gui.offer()
    await page.goto(gui.link(offer))
    await page.get_by_role("button", name="Pair with").click()
    await expect(page.get_by_text("your browser may ask whether this page may reach it")).to_be_visible()
