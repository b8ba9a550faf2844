"""Notices by a real service on a real bus: shown with their button, replaced, taken away; and no harm where there is none."""

import logging

import pytest

from app.desktop.notices import Notices
from app.rules.condition import Fix
from app.rules.notices import Notice
from tests.support.bus_services import Notifications, offered
from tests.support.house import until

SERVICE = ("org.freedesktop.Notifications", "/org/freedesktop/Notifications")
LOCKED = Notice("keyring", "The keyring is locked", "Nobody can sign in.", Fix.UNLOCK, "Unlock…")


@pytest.fixture
def session(bus, monkeypatch):
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus)
    return bus


async def _until(holds):
    async def answer():
        return holds()

    await until(answer)


async def test_a_notice_has_its_button_and_both_ways_to_press_it(session):
    pressed, service = [], Notifications()
    async with offered(session, service, *SERVICE):
        notices = Notices(pressed.append)
        assert await notices.show(LOCKED)
        (shown,) = service.desk.shown
        assert (shown.title, shown.text) == (LOCKED.title, LOCKED.text)
        assert shown.actions[0] == "default"
        assert shown.actions[3] == "Unlock…"
        service.ActionInvoked(shown.id, shown.actions[2])
        await _until(lambda: pressed == [Fix.UNLOCK])
        assert await notices.show(LOCKED)
        service.ActionInvoked(service.desk.shown[-1].id, "default")
        await _until(lambda: pressed == [Fix.UNLOCK, None])
        await notices.close()


async def test_a_notice_is_taken_away_and_a_later_one_takes_its_place(session):
    service = Notifications()
    async with offered(session, service, *SERVICE):
        notices = Notices(lambda _: None)
        await notices.show(LOCKED)
        await notices.show(LOCKED)
        assert service.desk.closed == [1]
        await notices.withdraw("keyring")
        await notices.withdraw("keyring")
        assert service.desk.closed == [1, 2]
        await notices.close()


async def test_without_a_service_it_says_so_once_and_shows_again_when_there_is_one(session, caplog):
    caplog.set_level(logging.DEBUG)
    notices = Notices(lambda _: None)
    assert not await notices.show(LOCKED)
    assert not await notices.show(LOCKED)
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == 1, [record.getMessage() for record in lines]
    service = Notifications()
    async with offered(session, service, *SERVICE):
        assert await notices.show(LOCKED)
        await notices.close()
        assert service.desk.closed == [1]


async def test_without_a_bus_nothing_is_raised(monkeypatch, tmp_path):
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    assert not await Notices(lambda _: None).show(LOCKED)
