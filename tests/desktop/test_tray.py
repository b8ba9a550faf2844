"""The real program on a real bus: its item, its menu, what its rows do, and a panel that comes late or comes back."""

from pathlib import Path

from contract.words import DrainState
from tests.support.house import until
from tests.support.tray_app import TrayApp
from tests.support.tray_host import TrayHost


async def test_the_item_tells_what_flowork_does_and_its_rows_do_it(app: TrayApp, panel: TrayHost):
    await app.start()
    item = await panel.item()
    assert await item.property("Id")
    assert len(await item.property("IconPixmap")) >= 2

    async def ready() -> bool:
        return "Ready" in await item.tooltip()

    await until(ready, "the tooltip to say that it is ready")
    rows = [row.label for row in await item.menu()]
    assert rows[0] == "Open Flowork"
    assert rows[1].startswith("Ready")
    await item.click("Drain:")
    async with app.admin() as admin:

        async def draining() -> bool:
            return (await admin.status()).drain is DrainState.DRAIN

        await until(draining, "the gateway to drain")
        await item.click("Resume")

        async def runs() -> bool:
            return (await admin.status()).drain is DrainState.RUN

        await until(runs, "the gateway to take jobs again")
    await item.click("Quit")
    assert await app.program.ended() == 0
    assert not list(Path(app.data / "run").glob("*.sock"))
