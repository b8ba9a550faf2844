"""A person pairs a browser, signs out and in again; hostile links and strangers get nowhere."""

from app.client.admin import open_admin
from tests.gui.conftest import Gui


async def test_pairing_from_a_link_takes_the_code_out_of_the_address_and_asks_nobody_else(gui: Gui):
    page = await gui.page()
    offer = await gui.offer()
    await page.goto(gui.link(offer))
    await page.get_by_text("127.0.0.1", exact=False).first.wait_for()
    assert "c=" not in page.url
    assert await page.evaluate("history.length") <= 2
    await gui.paired(page)
    hosts = {url.split("/")[2] for url in gui.asked if url.startswith("http")}
    assert hosts == {gui.origin.split("/")[2], gui.home.address.split("/")[2]}
    assert offer.code not in " ".join(gui.asked)
    async with open_admin(gui.home.data) as admin:
        (device,) = (await admin.devices()).devices
        assert device.name == "Chrome on Linux"
    assert gui.said == []
