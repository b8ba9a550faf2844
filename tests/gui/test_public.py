"""What needs no pairing: the public status, and the page itself without a network."""

from playwright.async_api import expect

from app.client.admin import open_admin
from tests.gui.conftest import Gui


async def test_the_public_status_names_only_published_engines(gui: Gui):
    page = await gui.page()
    await page.goto(f"{gui.home.address}/#/status")
    await expect(page.get_by_role("heading", name="Everything works")).to_be_visible()
    await expect(page.get_by_role("heading", name="Other engines, together")).to_be_visible()
    await expect(page.get_by_role("heading", name="home")).to_have_count(0)
    async with open_admin(gui.home.data) as admin:
        await admin.publish("home", public=True)
    await expect(page.get_by_role("heading", name="home")).to_be_visible(timeout=15_000)
    await expect(page.get_by_text("0 of 4 busy")).to_be_visible()
    await expect(page.get_by_role("heading", name="Other engines, together")).to_have_count(0)


async def test_the_page_opens_without_a_network_and_says_so(gui: Gui):
    page = await gui.page()
    await gui.paired(page)
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await page.reload()  # the first visit is not the worker's; this one puts the whole page into its store
    await page.get_by_text("Live", exact=True).wait_for()
    await page.context.set_offline(True)
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await expect(page.get_by_text("does not answer").or_(page.get_by_text("no network")).first).to_be_visible(timeout=15_000)
    await page.context.set_offline(False)
    await expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=45_000)
