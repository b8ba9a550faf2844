"""The daily look: never while it is off, once a day while it is on, and each version is told once."""

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from app.rules.update import AGAIN_S, DAY_S, SETTLES_S, Current, Offer, Reason, View
from app.services.update import beside
from app.services.update.failure import UpdateFailed
from app.services.update.shelf import Kept
from app.services.update.watch import NAP_S, Watch
from app.settings import UpdateMode, UpdateSettings
from contract.update import UpdateFile
from kit.clock import SECOND
from tests.support.clock import ManualClock

FILE = UpdateFile(platform="windows-x64", kind="setup", name="a.exe", size=1, sha256="a" * 64)
HERE = View("1.0.0", "windows-x64", "setup", "notify", "https://x.example", checkable=True)


class FakeUpdater:
    """Finds what the test says, and writes down when it was asked."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.shelf = self
        self.kept = Kept()
        self.finds: Offer | Current | Reason = Current("1.0.0")
        self.checkable = True
        self.looked: list[float] = []
        self.fetched = 0
        self.began = clock.wall

    def read(self) -> Kept:
        return self.kept

    async def check(self) -> Offer | Current:
        self.looked.append((self.clock.wall - self.began) / SECOND)
        failed = self.finds if isinstance(self.finds, Reason) else None
        self.kept = self.kept.model_copy(update={"tried": self.clock.wall, "failed": failed})
        if isinstance(self.finds, Reason):
            raise UpdateFailed(self.finds)
        return self.finds

    async def download(self) -> None:
        self.fetched += 1

    def view(self, mode: str) -> View:
        offered = self.finds.version if isinstance(self.finds, Offer) else ""
        return View("1.0.0", "windows-x64", "setup", mode, "https://x.example", checkable=self.checkable, offered=offered)

    def told(self, version: str) -> bool:
        first, self.kept = self.kept.told != version, self.kept.model_copy(update={"told": version})
        return first


class Days:
    """Runs a watch until so much time has passed, without waiting for any of it."""

    def __init__(self, mode: UpdateMode) -> None:
        self.clock = ManualClock()
        self.updater = FakeUpdater(self.clock)
        self.seen: list[View] = []
        self.told: list[str] = []
        self.naps: list[float] = []
        self.mode = mode
        self.end = 0.0

    async def pass_by(self, seconds: float) -> None:
        self.end = self.clock.wall + seconds * SECOND

        async def tell(view: View) -> None:
            self.told.append(view.offered)

        watch = Watch(self.updater, self.mode, self.clock, lambda: 0.0, changed=self.seen.append, tell=tell, pause=self._pause)
        with contextlib.suppress(asyncio.CancelledError):
            await watch.run()

    async def _pause(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.clock.advance(seconds)
        if self.clock.wall > self.end:
            raise asyncio.CancelledError


async def test_while_it_is_off_nothing_happens_at_all():
    days = Days(UpdateMode.OFF)
    days.updater.finds = Offer("9.0.0", FILE, None)
    await days.pass_by(10 * DAY_S)
    assert (days.updater.looked, days.seen, days.told, days.naps) == ([], [], [], [])


async def test_a_build_that_cannot_check_does_not_try():
    days = Days(UpdateMode.INSTALL)
    days.updater.checkable = False
    await days.pass_by(10 * DAY_S)
    assert days.updater.looked == []


async def test_it_looks_once_a_day():
    days = Days(UpdateMode.NOTIFY)
    await days.pass_by(3 * DAY_S)
    assert days.updater.looked == [SETTLES_S, SETTLES_S + DAY_S, SETTLES_S + 2 * DAY_S]


async def test_it_naps_no_longer_than_a_machine_may_sleep_unnoticed():
    days = Days(UpdateMode.NOTIFY)
    await days.pass_by(DAY_S)
    assert max(days.naps) == NAP_S


async def test_a_program_that_is_restarted_does_not_look_more_often():
    days = Days(UpdateMode.NOTIFY)
    for _ in range(5):
        await days.pass_by(DAY_S / 10)
    assert len(days.updater.looked) == 1


async def test_after_a_look_that_failed_it_looks_again_in_an_hour():
    days = Days(UpdateMode.NOTIFY)
    days.updater.finds = Reason.UNREACHABLE
    await days.pass_by(SETTLES_S + 2.5 * AGAIN_S)
    assert len(days.updater.looked) == 3


async def test_a_version_is_told_once_and_shown_as_long_as_it_is_there():
    days = Days(UpdateMode.NOTIFY)
    days.updater.finds = Offer("9.0.0", FILE, None)
    await days.pass_by(3 * DAY_S)
    assert days.told == ["9.0.0"]
    assert days.seen[-1].offered == "9.0.0"
    days.updater.finds = Offer("9.0.1", FILE, None)
    await days.pass_by(2 * DAY_S)
    assert days.told == ["9.0.0", "9.0.1"]


@pytest.mark.parametrize(("mode", "fetched"), [(UpdateMode.NOTIFY, 0), (UpdateMode.INSTALL, 1)])
async def test_only_who_wants_it_has_it_fetched_ahead(mode: UpdateMode, fetched: int):
    days = Days(mode)
    days.updater.finds = Offer("9.0.0", FILE, None)
    await days.pass_by(DAY_S / 2)
    assert days.updater.fetched == fetched


async def test_where_there_is_no_file_nothing_is_fetched_and_it_is_told_all_the_same():
    days = Days(UpdateMode.INSTALL)
    days.updater.finds = Offer("9.0.0", None, None)
    await days.pass_by(DAY_S / 2)
    assert (days.updater.fetched, days.told) == (0, ["9.0.0"])


def test_beside_a_server_there_is_no_thread_while_it_is_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(beside, "start_blocking_portal", never)
    monkeypatch.setattr("app.services.update.updater.Updater", never)
    with beside.looking(tmp_path, UpdateSettings()):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_start_without_updates_loads_nothing_of_them(tmp_path: Path):
    code = """
import sys
from pathlib import Path
from app.services.update.beside import looking
from app.settings import UpdateSettings
with looking(Path(sys.argv[1]), UpdateSettings()):
    print(*(name for name in sys.modules if name in {"contract.update", "app.services.update.updater", "app.crypto.release_keys"}))
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_beside_a_server_it_ends_with_it(tmp_path: Path):
    with beside.looking(tmp_path, UpdateSettings(mode=UpdateMode.NOTIFY)):
        pass


def test_it_is_off_until_somebody_says_so():
    assert UpdateSettings().mode is UpdateMode.OFF
    with pytest.raises(ValueError, match="https"):
        UpdateSettings(url="http://x.example/flowork-update.json")
