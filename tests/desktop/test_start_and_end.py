"""How the tray application begins and ends: once per data folder, on signals, after a crash, without a panel, without a screen."""

import asyncio
import contextlib
import json
import signal
import subprocess

from contract.words import DrainState, JobState
from tests.support.desktop import Desktop
from tests.support.house import until
from tests.support.tray_app import TrayApp
from tests.support.tray_host import TrayHost


async def windows(screen: str) -> str:
    """Titles of the windows on the screen."""
    shown = await asyncio.create_subprocess_exec("xwininfo", "-root", "-tree", "-display", screen, stdout=subprocess.PIPE)
    told, _ = await shown.communicate()
    return told.decode()


async def sees_window(screen: str, title: str) -> None:
    async def shown() -> bool:
        return f'"{title}' in await windows(screen)  # Qt adds the program's name

    await until(shown, f"a window {title!r}")


async def test_a_second_start_hands_over_what_it_was_asked_for_and_exits_0(app: TrayApp, panel: TrayHost, screen: str):
    await app.start()
    await panel.item()
    second = await app.start("--pair")
    assert await second.ended() == 0
    assert second.process.stdout is not None
    assert f"process {app.program.process.pid}" in (await second.process.stdout.read()).decode()
    await sees_window(screen, "Pair a browser")
    assert app.program.process.returncode is None


async def test_a_first_one_that_hangs_is_named_and_left_alone(app: TrayApp, panel: TrayHost):
    await app.start()
    await panel.item()
    app.program.process.send_signal(signal.SIGSTOP)
    try:
        second = await app.start()
        assert await second.ended() == 1
        assert "runs already, but does not answer" in second.log.read_text()
    finally:
        app.program.process.send_signal(signal.SIGCONT)


async def test_after_a_crash_it_starts_again_and_the_job_that_ran_runs_again(app: TrayApp, panel: TrayHost):
    await app.start()
    async with app.somebody() as user:
        job = await user.submit(payload={"sleep_ms": 400, "reply": 1})
        await user.reaches(job, JobState.RUNNING)
        app.program.kill()
        await app.program.ended()
    await app.start()
    async with app.somebody() as user:
        assert (await user.reaches(job, JobState.SUCCEEDED)).attempt >= 1


async def test_the_first_signal_finishes_what_runs(app: TrayApp, panel: TrayHost):
    await app.start()
    async with app.somebody() as user:
        job = await user.submit(payload={"sleep_ms": 1500, "reply": 1})
        await user.reaches(job, JobState.RUNNING)
        app.program.terminate()
        assert await app.program.ended() == 0
    await app.start()
    async with app.somebody() as user:
        assert (await user.api.job(job.id)).state is JobState.SUCCEEDED


async def test_the_second_signal_gives_back_what_runs(app: TrayApp, panel: TrayHost):
    await app.start()
    async with app.somebody() as user:
        job = await user.submit(payload={"sleep_ms": 15_000, "reply": 1})
        await user.reaches(job, JobState.RUNNING)
        app.program.terminate()
        async with app.admin() as admin:

            async def drains() -> bool:
                return (await admin.status()).state == "draining"

            await until(drains, "the gateway to drain")
            app.program.terminate()
            assert await app.program.ended() == 0
    await app.start("--slots", "1")
    async with app.somebody() as user:
        found = await user.reaches(job, JobState.RUNNING, JobState.QUEUED)
        assert found.attempt <= 1


async def test_the_third_signal_ends_it_at_once(app: TrayApp, panel: TrayHost):
    await app.start()
    async with app.somebody() as user:
        job = await user.submit(kind="echo-thread", payload={"sleep_ms": 20_000})
        await user.reaches(job, JobState.RUNNING)  # in a thread, which nobody can stop

        async def ends() -> bool:
            with contextlib.suppress(ProcessLookupError):
                app.program.terminate()  # as an impatient person does
            return app.program.process.returncode is not None

        await until(ends, "it to go")
        assert await app.program.ended() == 1


async def test_without_a_panel_the_window_opens_and_the_program_stays(app: TrayApp, panel: TrayHost, screen: str):
    await panel.vanish()
    await app.start()
    await sees_window(screen, "Flowork")
    assert (await app.status()) is None or app.program.process.returncode is None


async def test_flowork_quit_ends_it_and_waits(app: TrayApp, panel: TrayHost):
    await app.start()
    async with app.admin():
        asked = await app.run("quit")
        assert asked == (0, "Flowork has ended.\n")
    assert await app.program.ended() == 0
    assert await app.run("quit") == (0, "No Flowork runs there.\n")


async def test_the_command_line_steers_the_engine_that_the_tray_runs(app: TrayApp, panel: TrayHost):
    await app.start()
    async with app.admin() as admin:
        code, said = await app.run("workers", "3", "--json")
        assert (code, json.loads(said)["slots"]) == (0, 3)
        assert (await app.run("workers", "99"))[0] == 1
        assert "pause" in (await app.run("workers", "pause"))[1]
        assert (await admin.local()).paused == "asked"
        await app.run("workers", "go")
        await app.run("drain")
        assert (await admin.status()).drain is DrainState.DRAIN


async def test_without_a_screen_it_says_so_and_serves(desk: Desktop, tmp_path):
    app = TrayApp(tmp_path / "fw", {**desk.environment, "DISPLAY": "", "WAYLAND_DISPLAY": "", "QT_QPA_PLATFORM": ""})
    try:
        program = await app.start()
        async with app.admin() as admin:
            assert (await admin.status()).state == "ready"
        assert "no display here" in program.log.read_text()
        program.terminate()
        assert await program.ended() == 0
    finally:
        await app.close()


async def test_a_keyring_that_is_locked_is_a_state_with_a_row_that_opens_it(app: TrayApp, panel: TrayHost, desk: Desktop):
    await app.start()
    item = await panel.item()
    async with app.somebody():
        desk.lock()
        assert (await app.run("keys", "rotate"))[0] == 1

        async def said() -> bool:
            return "keyring is locked" in await item.tooltip()

        await until(said, "the tooltip to say that the keyring is locked")
        assert await item.has("Unlock")
