"""Pictures of the browser GUI, each page on a desktop and on a telephone, light and dark: build/screens/gui-*.png.

A real gateway and engine stand behind them; `make gui` must have built the pages.
"""

import asyncio
import json
import re
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright, expect

from app.client.admin import open_admin
from contract.people import OfferMake
from contract.words import PairingState
from tests.support.gui_site import gui_site
from tests.support.house import House, until
from tests.support.model_server import config
from tests.support.openai_server import openai_server

PAGES = ("submit/chat", "submit/tool", "submit/raw", "jobs", "engines", "people", "settings", "gateways", "status", "pair")
LOOKS = {
    "desktop-light": {"viewport": {"width": 1200, "height": 800}, "color_scheme": "light", "locale": "en-GB"},
    "desktop-dark": {"viewport": {"width": 1200, "height": 800}, "color_scheme": "dark", "locale": "en-GB"},
    "phone-light": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light", "locale": "id-ID"},
    "phone-dark": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark", "locale": "en-GB"},
}
TOOL = """
[commands.say]
description = "Say a text back."
argv = ["/bin/echo", "{text}", "{times}"]
[commands.say.arguments]
type = "object"
required = ["text"]
additionalProperties = false
[commands.say.arguments.properties]
text = { type = "string", description = "What to say.", minLength = 2 }
times = { type = "integer", minimum = 1, maximum = 9, default = 3 }
"""


def draw(out: Path) -> None:
    """Write all pictures into a folder."""
    asyncio.run(_draw(out))


async def _draw(out: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="flowork-gui-screens-") as scratch:
        async with openai_server() as server, gui_site() as origin, async_playwright() as playwright:
            home = House(Path(scratch) / "data", apart=False)
            home.data.mkdir(mode=0o700)
            file = home.data / "config.toml"
            file.touch(mode=0o600)
            file.write_text(config({"fast": ["a/small"]}, a={"base_url": server.base_url, "models": ["small"]}) + TOOL)
            browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
            try:
                await home.start_gateway(FLOWORK_GATEWAY_GUI_ORIGINS=origin)
                for look, options in LOOKS.items():
                    await _look(out, look, await _page(browser, options), home, origin)
            finally:
                await browser.close()
                await home.close()


async def _page(browser: Browser, options: dict[str, object]) -> Page:
    context = await browser.new_context(permissions=["local-network-access"], **options)
    return await context.new_page()


async def _look(out: Path, look: str, page: Page, home: House, origin: str) -> None:
    async def shot(name: str) -> None:
        path = out / f"gui-{look}-{name}.png"
        await page.screenshot(path=path)
        print(path)

    async def go(where: str) -> None:
        await page.goto(f"{origin}/#/{where}")
        await expect(page.locator("main h1").first).to_be_visible()
        await expect(page.get_by_text(re.compile("^(Live|Langsung)$"))).to_be_visible()

    await page.goto(origin)
    await expect(page.locator("main h1").first).to_be_visible()
    await shot("first")
    async with open_admin(home.data) as admin:
        await admin.publish("home", public=True)
        known = (await admin.users()).users
        offer = await admin.offer(OfferMake(user="ann") if known else OfferMake(name="ann"))
        await page.goto(origin + "/" + offer.link[offer.link.index("#/pair?") :])
        await expect(page.locator("main button.primary").last).to_be_visible()
        await shot("pair-offer")
        await page.locator("main button.primary").last.click()
        digits = "".join((await page.locator(".digits").inner_text()).split())
        await shot("pair-digits")

        async def signed() -> bool:
            return any(each.offer == offer.offer and each.state is PairingState.SIGNED for each in (await admin.offers()).offers)

        await until(signed, "the device to have signed")
        await admin.approve(offer.offer, digits)
    await page.wait_for_url("**/#/submit")
    await page.locator("textarea").last.fill("Good morning. What is on today?")
    await page.locator("form button.primary").click()
    await expect(page.get_by_role("article").last).to_contain_text("Hello")
    await shot("chat-answer")
    for payload in (
        {"output": ["Reading the list…\n", "Three of three done.\n"], "reply": {"found": 3}},
        {"fail": {"retryable": False}},
        {"sleep_ms": 60_000},
    ):
        await go("submit/raw")
        await page.locator("form select").first.select_option("echo")
        await page.locator("form textarea").first.fill(json.dumps(payload))
        await page.locator("form button.primary").click()
        await page.locator("main a[href^='#/job/']").first.click()
        await expect(page.locator("main h1").first).to_be_visible()
    await shot("job-running")
    for where in PAGES:
        await go(where)
        await shot(where.replace("/", "-"))
    await go("jobs")
    await page.get_by_role("listbox").get_by_role("option").nth(2).click()
    await expect(page.locator("main h1").first).to_be_visible()
    await shot("job-done")
