"""Every page: nothing that axe finds, in both themes; nothing beyond the edge of a telephone; both languages."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.gui.conftest import Gui
from tests.gui.test_work import open_made, submit

AXE = (Path(__file__).parents[2] / "gui/node_modules/axe-core/axe.min.js").read_text()
PAGES = ("submit/chat", "submit/tool", "submit/raw", "jobs", "engines", "people", "settings", "gateways", "status", "pair")
LOOK = "axe.run().then((told) => told.violations.map((one) => [one.id, one.nodes.map((node) => node.html)]))"
CONTROLS = "a[href], button:not([role=tab][tabindex='-1']), input, select, textarea, summary"
"""What a person works with; tabs beside the chosen one are reached by arrows (ARIA, the tabs pattern)."""
WORKED = f"[...document.querySelectorAll(`{CONTROLS}`)].filter((one) => one.checkVisibility() && !one.disabled)"
MARK = f"{WORKED}.length"
MISSED = f"{WORKED}.filter((one) => !one.dataset.reached).map((one) => one.outerHTML)"
PHONE = {"width": 360, "height": 740}


async def go(page: Page, where: str) -> None:
    await page.goto(page.url.split("#")[0] + f"#/{where}")
    await expect(page.locator("main h1").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_on_any_page(gui: Gui, scheme: str):
    page = await gui.page(color_scheme=scheme)
    await page.context.add_init_script(AXE)
    await gui.paired(page)
    await submit(page, {"output": ["Hello.\n"], "reply": 1})
    await open_made(page)
    await expect(page.get_by_text("Succeeded").first).to_be_visible()
    found = {page.url.split("#")[1]: await page.evaluate(LOOK)}
    for where in PAGES:
        await go(page, where)
        found[where] = await page.evaluate(LOOK)
    assert {where: violations for where, violations in found.items() if violations} == {}


async def test_nothing_is_beyond_the_edge_of_a_telephone(gui: Gui):
    page = await gui.page(viewport=PHONE, is_mobile=True, has_touch=True)
    await gui.paired(page)
    await submit(page, {"output": ["x" * 300 + "\n"], "reply": {"long": "y" * 300}})
    await open_made(page)
    await expect(page.get_by_text("Succeeded").first).to_be_visible()
    wide = {}
    for where in (page.url.split("#/")[1], *PAGES):
        await go(page, where)
        wide[where] = await page.evaluate("document.documentElement.scrollWidth")
    assert {where: width for where, width in wide.items() if width > PHONE["width"]} == {}


async def test_it_speaks_indonesian_to_who_asks_for_it(gui: Gui):
    page = await gui.page(locale="id-ID")
    await page.goto(gui.origin)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Pasangkan peramban ini dengan gerbang")
    assert await page.evaluate("document.documentElement.lang") == "id"


async def test_everything_is_reached_by_keyboard(gui: Gui):
    page = await gui.page()
    offer = await gui.offer()
    await page.goto(gui.link(offer))
    await page.get_by_role("button", name="Pair with").focus()
    await page.keyboard.press("Enter")
    digits = (await page.locator(".digits").inner_text()).replace(" ", "")
    await gui.approve(offer, digits)
    await page.wait_for_url("**/#/submit")
    await page.get_by_text("Live", exact=True).wait_for()
    await submit(page, {"reply": 1})
    await open_made(page)
    missed = {}
    for where in ("submit/raw", "jobs", "engines", "people", "settings"):
        await go(page, where)
        await page.reload()  # so that Tab begins at the top
        await page.get_by_text("Live", exact=True).wait_for()
        number = await page.evaluate(MARK)
        for _ in range(number + 5):
            await page.keyboard.press("Tab")
            await page.evaluate("document.activeElement.dataset.reached = 'yes'")
        missed[where] = await page.evaluate(MISSED)
    assert {where: elements for where, elements in missed.items() if elements} == {}
