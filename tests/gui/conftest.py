"""A real Chromium, the GUI on an origin that the browser takes for a public one, a real gateway and engine."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from app.client.admin import open_admin
from contract.people import OfferMade, OfferMake
from contract.words import PairingState
from tests.support.gui_site import gui_site
from tests.support.house import House, until

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-default-apps"),
]


@dataclass
class Gui:
    """The house, its GUI elsewhere, and browsers that look at it."""

    home: House
    origin: str
    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Every address that a page asked for."""
    said: list[str] = field(default_factory=list)
    """What pages wrote to their console as errors."""

    async def page(self, **options) -> Page:
        """A page in a browser of its own."""
        permissions = options.pop("permissions", ["local-network-access"])
        context = await self.browser.new_context(locale=options.pop("locale", "en-GB"), permissions=permissions, **options)
        self.contexts.append(context)
        page = await context.new_page()
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self.said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        return page

    async def offer(self, asked: OfferMake | None = None) -> OfferMade:
        async with open_admin(self.home.data) as admin:
            return await admin.offer(asked or OfferMake(name="ann"))

    def link(self, offer: OfferMade) -> str:
        """The offer's link, into the GUI of this test."""
        return self.origin + "/" + offer.link[offer.link.index("#/pair?") :]

    async def approve(self, offer: OfferMade, digits: str) -> None:
        async with open_admin(self.home.data) as admin:

            async def signed() -> bool:
                return any(each.offer == offer.offer and each.state is PairingState.SIGNED for each in (await admin.offers()).offers)

            await until(signed, "the device to have signed")
            await admin.approve(offer.offer, digits)

    async def paired(self, page: Page, asked: OfferMake | None = None) -> None:
        """Pair this page's browser, as a person does."""
        offer = await self.offer(asked)
        await page.goto(self.link(offer))
        await page.get_by_role("button", name="Pair with").click(timeout=5000)
        digits = (await page.locator(".digits").inner_text(timeout=10_000)).replace(" ", "").replace("\u00a0", "")
        await self.approve(offer, digits)
        await page.wait_for_url("**/#/submit")
        await page.get_by_text("Live", exact=True).wait_for()


@pytest.fixture
def config_toml() -> str:
    """The house's config.toml; a module of tests may have its own."""
    return ""


@pytest.fixture
async def gui(tmp_path: Path, config_toml: str) -> AsyncIterator[Gui]:
    home = House(tmp_path / "data", apart=False)
    if config_toml:
        home.data.mkdir(mode=0o700)
        file = home.data / "config.toml"
        file.touch(mode=0o600)
        file.write_text(config_toml)
    async with gui_site() as origin, async_playwright() as playwright:
        public = f"--ip-address-space-overrides={origin.removeprefix('http://')}=public"
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=[*FLAGS, public])
        made = Gui(home, origin, browser)
        try:
            await home.start_gateway(FLOWORK_GATEWAY_GUI_ORIGINS=origin)
            yield made
        finally:
            for context in made.contexts:
                await context.close()
            await browser.close()
            await home.close()
