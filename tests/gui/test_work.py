"""Jobs in a real browser: submitted, watched live, cancelled, over reloads, restarts and broken lines; and never anybody else's."""

import json

import pytest
from playwright.async_api import Page, expect

from app.client.admin import open_admin
from contract.people import OfferMake
from contract.words import Role
from tests.gui.conftest import Gui
from tests.support.house import until


async def submit(page: Page, payload: object, kind: str = "echo") -> None:
    """Through the form for any kind."""
    await page.goto(page.url.split("#")[0] + "#/submit/raw")
    await page.get_by_role("combobox", name="Kind").select_option(kind)
    await page.get_by_label("Payload, JSON").fill(json.dumps(payload))
    await page.get_by_role("button", name="Submit", exact=True).click()


async def open_made(page: Page) -> None:
    """Follow the link to the job that was made."""
    await page.locator("a[href^='#/job/']").first.click()


async def test_a_job_is_submitted_and_watched_to_its_end(gui: Gui):
    page = await gui.page()
    await gui.paired(page)
    await submit(page, {"output": ["Hello, ", "browser.\n"], "reply": {"n": 42}})
    await open_made(page)
    await expect(page.get_by_text("Succeeded").first).to_be_visible()
    await expect(page.get_by_text("Hello, browser.").first).to_be_visible()
    await expect(page.get_by_text("42").first).to_be_visible()
    await page.goto(page.url.split("#")[0] + "#/jobs")
    await expect(page.get_by_role("listbox").get_by_text("echo")).to_be_visible()
    assert gui.said == []


async def test_a_payload_that_does_not_fit_is_said_before_it_is_sent(gui: Gui):
    page = await gui.page()
    await gui.paired(page)
    await submit(page, {"sleep_ms": "long"})
    await expect(page.get_by_role("alert").get_by_text("sleep_ms")).to_be_visible()
    assert not [url for url in gui.asked if url.endswith("/api/v1/jobs")]


async def test_a_running_job_is_cancelled(gui: Gui):
    page = await gui.page()
    await gui.paired(page)
    await submit(page, {"sleep_ms": 60_000})
    await open_made(page)
    await expect(page.get_by_text("Running").first).to_be_visible()
    await page.get_by_role("button", name="Cancel the job").click()
    await expect(page.get_by_text("Cancelled").first).to_be_visible()


async def test_a_reload_in_mid_job_goes_on_watching_it(gui: Gui):
    page = await gui.page()
    await gui.paired(page)
    await submit(page, {"sleep_ms": 2500, "reply": "after the reload"})
    await open_made(page)
    await page.reload()
    await expect(page.get_by_text("after the reload").first).to_be_visible(timeout=15_000)


async def test_the_gateway_starts_anew_in_mid_job_and_a_submit_meanwhile_makes_one_job(gui: Gui):
    page = await gui.page()
    await gui.paired(page)
    await submit(page, {"sleep_ms": 3000, "reply": "survived"})
    await open_made(page)
    await expect(page.get_by_text("Running").first).to_be_visible()
    assert gui.home.gateway is not None
    gui.home.gateway.kill()
    await gui.home.gateway.ended()
    await expect(page.get_by_text("The gateway does not answer").first).to_be_visible(timeout=15_000)
    await submit(page, {"reply": "kept"})
    await gui.home.start_gateway(FLOWORK_GATEWAY_GUI_ORIGINS=gui.origin)
    await expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=45_000)
    await page.goto(page.url.split("#")[0] + "#/jobs")

    async def both() -> bool:
        async with open_admin(gui.home.data) as admin:
            jobs = (await admin.all_jobs()).jobs
        return len(jobs) == 2 and all(job.state == "succeeded" for job in jobs)

    await until(both, "both jobs to have succeeded, once each", patience_s=45)


async def test_a_revoked_device_is_told_and_shut_out(gui: Gui):
    page = await gui.page()
    await gui.paired(page)
    async with open_admin(gui.home.data) as admin:
        (device,) = (await admin.devices()).devices
        await admin.revoke_device(device.id)
    await expect(page.get_by_text("The owner ended this browser's access.")).to_be_visible(timeout=10_000)
    await page.goto(page.url.split("#")[0] + "#/gateways")
    await page.get_by_role("button", name="Forget…").click()
    await page.get_by_role("button", name="Forget", exact=True).click()
    await expect(page.get_by_text("not paired with a gateway yet")).to_be_visible()


@pytest.mark.parametrize("signed_out", [False, True])
async def test_a_device_that_was_revoked_meanwhile_learns_it_when_it_comes_back(gui: Gui, signed_out: bool):
    page = await gui.page()
    await gui.paired(page)
    if signed_out:
        await page.goto(f"{gui.origin}/#/settings")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_text("Signed out").first).to_be_visible()
    await page.goto("about:blank")
    async with open_admin(gui.home.data) as admin:
        (device,) = (await admin.devices()).devices
        await admin.revoke_device(device.id)
    await page.goto(f"{gui.origin}/#/jobs")
    if signed_out:
        await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_text("The owner ended this browser's access.")).to_be_visible()


async def test_two_people_never_see_each_others_jobs(gui: Gui):
    ann, ben = await gui.page(), await gui.page()
    await gui.paired(ann)
    offer = await gui.offer(OfferMake(name="ben"))
    await ben.goto(gui.link(offer))
    await ben.get_by_role("button", name="Pair with").click()
    await gui.approve(offer, (await ben.locator(".digits").inner_text()).replace(" ", ""))
    await ben.wait_for_url("**/#/submit")
    async with open_admin(gui.home.data) as admin:
        await admin.share("home", "ben", Role.RUNNER, None)
    await submit(ann, {"reply": "of ann"})
    await open_made(ann)
    await expect(ann.get_by_text("of ann").first).to_be_visible()
    address = ann.url.split("#")[1]
    await ben.goto(ben.url.split("#")[0] + "#/jobs")
    await expect(ben.get_by_text("No jobs yet").first).to_be_visible()
    await ben.goto(ben.url.split("#")[0] + "#" + address)
    await expect(ben.get_by_text("There is no such job").first).to_be_visible()


async def test_signing_out_and_in_again_needs_no_pairing(gui: Gui):
    page = await gui.page()
    await gui.paired(page)
    await page.goto(page.url.split("#")[0] + "#/settings")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_text("Signed out").first).to_be_visible()
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()


async def test_the_gateway_serves_the_same_gui_itself(gui: Gui):
    page = await gui.page()
    offer = await gui.offer()
    await page.goto(f"{gui.home.address}/" + offer.link[offer.link.index("#/pair?") :])
    await page.get_by_role("button", name="Pair with").click()
    await gui.approve(offer, (await page.locator(".digits").inner_text()).replace(" ", ""))
    await page.wait_for_url("**/#/submit")
    await submit(page, {"reply": "at home"})
    await open_made(page)
    await expect(page.get_by_text("at home").first).to_be_visible()
    assert gui.said == []
