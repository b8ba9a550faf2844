"""Metered networks, suspend and wake, from real services on a bus; battery from what psutil would say."""

import asyncio
import contextlib
from types import SimpleNamespace

import pytest

from app.desktop.power import LOGIN, NETWORK, PowerWatch, Suspending, Woke
from app.rules.power import Power
from kit.clock import SECOND, Now
from tests.support.bus_services import Login, NetworkManager, offered
from tests.support.house import until


class Sleeper:
    """A clock that can sleep."""

    def __init__(self):
        self.slept = 0

    def now(self):
        return Now(0, self.slept)

    def awake(self):
        return 0


@contextlib.asynccontextmanager
async def _watching(bus, **given):
    told = []
    watch = PowerWatch(told.append, bus=bus, looks_every_s=0.01, battery=given.pop("battery", lambda: None), **given)
    task = asyncio.create_task(watch.watch())
    try:
        yield told
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def _told(told, news):
    async def last():
        return told and told[-1] == news

    await until(last, str(news))


async def test_a_network_that_becomes_metered_is_told(bus):
    network = NetworkManager(2)
    async with offered(bus, network, *NETWORK), _watching(bus) as told:
        await _told(told, Power(None, None, False))
        for said, metered in ((1, True), (4, False), (3, True), (0, None)):
            network.becomes(said)
            await _told(told, Power(None, None, metered))


async def test_a_network_manager_that_ends_leaves_it_unknown(bus):
    async with _watching(bus) as told:
        async with offered(bus, NetworkManager(1), *NETWORK):
            await _told(told, Power(None, None, True))
        await _told(told, Power(None, None, None))


async def test_suspend_and_wake_are_told_once(bus):
    clock = Sleeper()
    login = Login()
    async with offered(bus, login, *LOGIN[:2]), _watching(bus, clock=clock) as told:
        await _told(told, Power())
        login.PrepareForSleep(True)
        await _told(told, Suspending())
        clock.slept = 90 * SECOND
        login.PrepareForSleep(False)
        await _told(told, Woke(90.0))
        network = NetworkManager(1)
        async with offered(bus, network, *NETWORK):
            await _told(told, Power(None, None, True))
        assert [type(each) for each in told if not isinstance(each, Power)] == [Suspending, Woke]


async def test_a_sleep_that_nobody_told_of_is_noticed(tmp_path):
    clock = Sleeper()
    async with _watching(f"unix:path={tmp_path}/no-bus", clock=clock) as told:
        await _told(told, Power())
        clock.slept = 61 * SECOND
        await _told(told, Woke(61.0))


async def test_the_battery_is_told_when_it_changes(tmp_path):
    battery = SimpleNamespace(percent=50, power_plugged=True)
    async with _watching(f"unix:path={tmp_path}/no-bus", battery=lambda: battery) as told:
        await _told(told, Power(False, 50.0, None))
        battery.power_plugged, battery.percent = False, 49
        await _told(told, Power(True, 49.0, None))
        assert len(told) == 2


async def test_a_battery_that_cannot_be_read_is_none(tmp_path):
    def broken():
        raise OSError("no such file")

    async with _watching(f"unix:path={tmp_path}/no-bus", battery=broken) as told:
        await _told(told, Power())
