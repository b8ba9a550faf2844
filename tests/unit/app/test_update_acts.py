"""What the desktop does about an update: drain first, and serve again when it came to nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from app.bridge.acts.update import LookForUpdate, Update, Updating
from app.rules.condition import Fix, Service
from app.rules.notices import Notice
from app.rules.update import Reason, View
from app.services.acts.refusal import ActRefused
from app.services.acts.update import handlers
from app.services.runner import Now, Wish
from app.services.telling import Telling
from app.services.update.failure import UpdateFailed
from app.words import Language, speak
from tests.support.clock import ManualClock

SETUP = View("1.0.0", "windows-x64", "setup", "notify", "https://x.example", checkable=True, offered="9.0.0", itself=True)
PACKAGE = replace(SETUP, kind="deb", itself=False, command="sudo apt install it")


class FakeRunner:
    def __init__(self, did: list[str], service: Service) -> None:
        self.did, self.now = did, Now(service)

    def stop(self, wish: Wish) -> "Future[int]":
        assert wish is Wish.FINISH
        self.did.append("drain")
        done: Future[int] = Future()
        done.set_result(0)
        return done

    def start(self) -> None:
        self.did.append("serve again")


class FakeUpdater:
    def __init__(self, did: list[str], view: View) -> None:
        self.did, self.now = did, view
        self.fails: dict[str, Reason] = {}

    def _does(self, what: str) -> None:
        self.did.append(what)
        if what in self.fails:
            raise UpdateFailed(self.fails[what])

    async def check(self) -> None:
        self._does("check")

    async def download(self) -> None:
        self._does("download")

    async def install(self, drain: Callable[[], Awaitable[None]], start: Callable[[Path], None]) -> str:
        self._does("download")
        await drain()
        self._does("verify")
        start(Path("setup"))
        return self.now.offered

    async def refresh(self) -> View:
        return self.now


class Desk:
    def __init__(self, view: View, service: Service = Service.RUNNING) -> None:
        self.did: list[str] = []
        self.updater = FakeUpdater(self.did, view)
        runner = FakeRunner(self.did, service)
        self.handlers = handlers(self.updater, self.updater, runner, lambda path: self.did.append(f"start {path}"))

    async def does(self, act: object) -> object:
        return await self.handlers[type(act)](act)


async def test_jobs_finish_before_the_setup_begins():
    desk = Desk(SETUP)
    assert await desk.does(Update()) == Updating("9.0.0", started=True)
    assert desk.did == ["download", "drain", "verify", "start setup"]


@pytest.mark.parametrize(
    ("service", "after"), [(Service.RUNNING, ["serve again"]), (Service.STARTING, ["serve again"]), (Service.STOPPED, [])]
)
async def test_what_served_serves_again_when_the_file_is_refused_after_the_drain(service: Service, after: list[str]):
    desk = Desk(SETUP, service)
    desk.updater.fails["verify"] = Reason.OTHER_CONTENT
    with pytest.raises(ActRefused, match="The update was refused"):
        await desk.does(Update())
    assert desk.did == ["download", "drain", "verify", *after]


async def test_nothing_is_drained_for_a_file_that_does_not_come():
    desk = Desk(SETUP)
    desk.updater.fails["download"] = Reason.INTERRUPTED
    with pytest.raises(ActRefused, match="No update was fetched"):
        await desk.does(Update())
    assert desk.did == ["download"]


async def test_where_a_package_manager_installs_it_is_fetched_and_the_command_is_told():
    desk = Desk(PACKAGE)
    assert await desk.does(Update()) == Updating("9.0.0", started=False, command="sudo apt install it")
    assert desk.did == ["download"]


async def test_a_look_says_how_it_is():
    desk = Desk(PACKAGE)
    assert await desk.does(LookForUpdate()) == PACKAGE
    desk.updater.fails["check"] = Reason.NOT_SIGNED
    with pytest.raises(ActRefused, match="The update was refused"):
        await desk.does(LookForUpdate())


class FakeNotices:
    def __init__(self, _: object) -> None:
        self.shown: list[Notice] = []

    async def show(self, notice: Notice) -> None:
        self.shown.append(notice)


@pytest.mark.parametrize(("quiet", "shown"), [(False, ["Flowork 9.0.0 is there"]), (True, [])])
async def test_a_newer_version_is_told_with_a_button_that_asks_unless_the_person_wants_no_notices(quiet: bool, shown: list[str]):
    telling = Telling(speak(Language.ENGLISH), ManualClock(), lambda _: None, quiet=quiet, make=FakeNotices)
    await telling.offer(SETUP)
    assert [notice.title for notice in telling._notices.shown] == shown
    assert all(notice.fix is Fix.UPDATE for notice in telling._notices.shown)


async def test_a_program_that_is_closed_during_the_drain_does_not_serve_again():
    desk = Desk(SETUP)

    def closed(what: str) -> None:
        desk.did.append(what)
        if what == "verify":
            raise asyncio.CancelledError

    desk.updater._does = closed
    with pytest.raises(asyncio.CancelledError):
        await desk.does(Update())
    assert desk.did == ["download", "drain", "verify"]
