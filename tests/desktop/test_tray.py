"""The real program on a real bus: its item, its menu, what its rows do, and a panel that comes late or comes back."""

import asyncio
from pathlib import Path

from contract.words import DrainState, JobState, PairingState
from tests.support.house import User, until
from tests.support.tray_app import TrayApp
from tests.support.tray_host import Item, TrayHost


async def says(item: Item, words: str) -> None:
    """Wait until the tooltip says so."""

    async def said() -> bool:
        return words in await item.tooltip()

    await until(said, f"the tooltip to say {words!r}")


async def test_the_item_tells_what_flowork_does_and_its_rows_do_it(app: TrayApp, panel: TrayHost):
    await app.start()
    item = await panel.item()
    assert await item.property("Id") == "flowork"
    assert len(await item.property("IconPixmap")) >= 2
    await says(item, "Ready")
    rows = [row.label for row in await item.menu()]
    assert rows[0] == "Open Flowork"
    assert rows[1].startswith("Ready")
    async with app.admin() as admin:
        await item.click("Drain:")
        await says(item, "Draining")
        assert (await admin.status()).drain is DrainState.DRAIN
        await item.click("Resume")
        await says(item, "Ready")
        assert (await admin.status()).drain is DrainState.RUN
        await item.click("Workers", "2")

        async def two() -> bool:
            local = await admin.local()
            return local.slots == 2 and not local.automatic

        await until(two, "two workers")
        assert (await item.row("Workers", "2")).checked
        await item.click("Pause")
        await says(item, "Paused")
        await item.click("Go on")
        await says(item, "Ready")


async def test_stopping_and_starting_again_from_the_menu(app: TrayApp, panel: TrayHost):
    await app.start()
    item = await panel.item()
    await says(item, "Ready")
    await item.click("Stop")
    await says(item, "Stopped")
    assert await app.status() is None
    assert not await item.has("Pair a browser")
    await item.click("Start")
    await says(item, "Ready")
    assert await app.status() is not None


async def test_pairing_offers_a_code_for_as_long_as_somebody_sees_it(app: TrayApp, panel: TrayHost):
    await app.start()
    item = await panel.item()
    await item.click("Pair a browser")
    async with app.admin() as admin:

        async def offered() -> bool:
            return any(offer.state is PairingState.OPEN for offer in (await admin.offers()).offers)

        await until(offered, "an offer")
    await item.click("Quit")
    assert await app.program.ended() == 0


async def test_rotating_from_the_menu_while_jobs_run_fails_and_loses_nothing(app: TrayApp, panel: TrayHost):
    await app.start()
    item = await panel.item()
    async with app.somebody() as user:
        done: list[str] = []
        enough = asyncio.Event()

        async def work() -> None:
            while not enough.is_set():
                job = await user.submit(payload={"reply": len(done), "sleep_ms": 20})
                assert (await user.reaches(job, JobState.SUCCEEDED, JobState.DEAD)).state is JobState.SUCCEEDED
                done.append(job.id)

        async def more() -> None:
            so_far = len(done)

            async def two_more() -> bool:
                return len(done) >= so_far + 2

            await until(two_more, "two more jobs")

        working = asyncio.create_task(work())
        await more()
        async with app.admin() as admin:
            before = {key.kid for key in (await admin.keys()).keys if key.state == "active"}
            for row in (("Rotate tokens", "Engine home"), ("Rotate tokens", "All engines")):
                await item.click(*row)
                await more()
                assert await _rotated(admin)
            await more()
            assert before == {key.kid for key in (await admin.keys()).keys if key.state == "active"}
        enough.set()
        await working
        assert len(done) == len(set(done))


async def _rotated(admin) -> bool:
    async def settled() -> bool:
        (home,) = (await admin.engines()).engines
        return all(each.state == "live" for each in home.installations)

    return bool(await until(settled, "the new token to be in use"))


async def test_a_panel_that_comes_after_the_program_still_shows_it(app: TrayApp, desk, panel: TrayHost):
    await panel.vanish()
    await app.start()
    async with app.admin():
        assert panel.items == []
    await panel.appear()
    await says(await panel.item(), "Ready")


async def test_a_panel_that_starts_anew_shows_it_again(app: TrayApp, panel: TrayHost):
    await app.start()
    await says(await panel.item(), "Ready")
    await panel.vanish()
    await panel.appear()
    item = await panel.item()
    await says(item, "Ready")
    await item.click("Quit")
    assert await app.program.ended() == 0


async def running(user: User, count: int = 1) -> list:
    """Jobs that run until they are told to end."""
    jobs = [await user.submit(payload={"sleep_ms": 4000, "reply": 1}) for _ in range(count)]
    for job in jobs:
        await user.reaches(job, JobState.RUNNING)
    return jobs


async def test_drain_and_quit_finishes_what_runs(app: TrayApp, panel: TrayHost):
    await app.start()
    item = await panel.item()
    async with app.somebody() as user:
        (job,) = await running(user)
        await says(item, "1 job")
        await item.click("Drain and quit")
        assert await app.program.ended() == 0
    await app.start()
    async with app.somebody() as user:
        found = await user.api.job(job.id)
        assert (found.state, found.attempt) == (JobState.SUCCEEDED, 1)


async def test_nothing_is_left_when_it_has_quit(app: TrayApp, panel: TrayHost):
    await app.start()
    await says(await panel.item(), "Ready")
    children = Path(f"/proc/{app.program.process.pid}/task/{app.program.process.pid}/children").read_text().split()
    await (await panel.item()).click("Quit")
    assert await app.program.ended() == 0
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
    assert not list((app.data / "run").glob("*.sock"))
