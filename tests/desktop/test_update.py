"""Updating from the tray: a row, a question, a drain, and only then the setup."""

import asyncio
import json
from pathlib import Path

from contract.words import JobState
from tests.support.house import Program, start, until
from tests.support.releases import Key, a_file, a_manifest, a_setup, site
from tests.support.tray_app import TrayApp
from tests.support.tray_host import TrayHost


async def test_an_update_that_is_agreed_to_lets_jobs_finish_then_starts_the_setup_and_ends(app: TrayApp, panel: TrayHost, tmp_path: Path):
    place, told, key = tmp_path / "release", tmp_path / "told", Key()
    for folder in (place, tmp_path / "site"):
        folder.mkdir()
    (place / "release-keys.json").write_text(json.dumps({"product": "flowork", "keys": [key.public]}))
    (place / "kind").write_text("setup")
    (place / "agrees").touch()
    with site(tmp_path / "site") as releases:
        setup = a_setup(app.data, told)
        releases.publish(a_manifest(a_file(setup, "Setup.exe", "windows-x64", "setup")), key, **{"Setup.exe": setup})
        app.environment |= {
            "FLOWORK_UPDATE_MODE": "notify",
            "FLOWORK_UPDATE_URL": releases.manifest_url,
            "SSL_CERT_FILE": str(releases.authority),
            "QT_QPA_PLATFORM": "xcb",
        }
        assert await (await _start(app, place, "update", "check")).ended() == 0
        app.programs.append(await _start(app, place, "desktop", "--port", "0", "--slots", "4", "--allow-echo"))
        item = await panel.item()
        await until(lambda: item.has("Update to 9.0.0"), "a row for the update")
        async with app.somebody() as user:
            job = await user.submit(payload={"sleep_ms": 1500, "reply": "done"})
            await user.reaches(job, JobState.RUNNING)
            await item.click("Update to 9.0.0")
            await user.sees(job, JobState.SUCCEEDED)
        assert await app.program.ended() == 0
        await until(lambda: asyncio.to_thread(told.exists), "a setup that has run")
        assert told.read_text() == "/S restart=True: nobody served\n"


async def _start(app: TrayApp, place: Path, *arguments: str) -> Program:
    log = app.data.with_suffix(f".{arguments[0]}.log")
    command = (str(place), *arguments, "--data", str(app.data))
    return await start(log, *command, environment=app.environment, module="tests.support.released")
