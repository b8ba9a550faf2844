"""Battery, metered network, suspend and wake, as this system tells them."""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psutil

from app.rules.power import Power
from kit.clock import SECOND, Clock, SleepWatch, SystemClock

if TYPE_CHECKING:
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

LOOKS_EVERY_S: Final = 5.0
BATTERY_EVERY_LOOKS: Final = 6
SLEEP_US: Final = 2 * SECOND
"""Shorter gaps are no sleep."""
NETWORK: Final = ("org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager")
LOGIN: Final = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
PROPERTIES: Final = "org.freedesktop.DBus.Properties"
METERED: Final = {1: True, 2: False, 3: True, 4: False}
"""NMMetered: yes, no, and what it guesses; 0 is unknown."""
ANSWER_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Suspending:
    """The machine is about to sleep; there are some seconds at most."""


@dataclass(frozen=True, slots=True)
class Woke:
    """It slept and is awake again."""

    slept_s: float


News = Power | Suspending | Woke


class PowerWatch:
    """Tells what changes. Run `watch` as a task; it needs no system bus, but knows less without one."""

    def __init__(
        self,
        tell: Callable[[News], None],
        *,
        clock: Clock | None = None,
        battery: Callable[[], Any] | None = None,
        bus: str | None = None,
        looks_every_s: float = LOOKS_EVERY_S,
    ) -> None:
        """`tell` is called on the loop of `watch`; `bus` is the address of a system bus other than this machine's."""
        self._tell = tell
        self._sleep = SleepWatch(SystemClock() if clock is None else clock, SLEEP_US)
        self._battery = getattr(psutil, "sensors_battery", lambda: None) if battery is None else battery
        self._address = bus
        self._every = looks_every_s
        self._bus: MessageBus | None = None
        self._power: Power | None = None
        self._metered: bool | None = None
        self._found: tuple[bool | None, float | None] = (None, None)
        self._suspending = False
        self._network_came = False

    async def watch(self) -> None:
        """Until cancelled. The first `Power` is told at once."""
        looks = 0
        try:
            while True:
                if looks % BATTERY_EVERY_LOOKS == 0 or self._network_came:
                    await self._connected()
                    await asyncio.to_thread(self._look)  # some systems ask their firmware
                    self._tell_power()
                await asyncio.sleep(self._every)
                self._woke(self._sleep.slept())
                looks += 1
        finally:
            if self._bus is not None:
                self._bus.disconnect()

    def _look(self) -> None:
        try:
            found = self._battery()
        except Exception:  # noqa: BLE001 - psutil's answers depend on files that drivers write
            found = None
        self._found = (None, None) if found is None else (not found.power_plugged, float(found.percent))

    def _tell_power(self) -> None:
        power = Power(*self._found, self._metered)
        if power != self._power:
            self._power = power
            self._tell(power)

    def _woke(self, slept_us: int, *, told: bool = False) -> None:
        if slept_us or (told and self._suspending):
            self._suspending = False
            self._tell(Woke(slept_us / SECOND))

    async def _connected(self) -> None:
        """Listen on the system bus, if there is one and it is not listened on yet."""
        if sys.platform != "linux":
            return
        with contextlib.suppress(Exception):  # no bus, or one that lets nobody in: a container, a sandbox
            async with asyncio.timeout(ANSWER_S):
                if self._bus is None or not self._bus.connected:
                    self._metered = None
                    self._bus = await self._listening()
                    self._network_came = True
                if self._network_came:
                    self._network_came = False
                    await self._ask_metered(self._bus)

    async def _listening(self) -> "MessageBus":
        from dbus_fast import BusType
        from dbus_fast.aio import MessageBus

        bus = await MessageBus(self._address, bus_type=BusType.SYSTEM).connect()
        bus.add_message_handler(self._heard)
        await self._match(bus, LOGIN[2], "PrepareForSleep", LOGIN[1])
        await self._match(bus, PROPERTIES, "PropertiesChanged", NETWORK[1])
        await self._match(bus, "org.freedesktop.DBus", "NameOwnerChanged", "/org/freedesktop/DBus", NETWORK[0])
        return bus

    @staticmethod
    async def _match(bus: "MessageBus", interface: str, member: str, path: str, argument: str | None = None) -> None:
        from dbus_fast import Message

        rule = f"type='signal',interface='{interface}',member='{member}',path='{path}'" + (f",arg0='{argument}'" if argument else "")
        called = Message("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", signature="s", body=[rule])
        await bus.call(called)

    async def _ask_metered(self, bus: "MessageBus") -> None:
        from dbus_fast import Message, MessageType

        called = Message(*NETWORK, PROPERTIES, "Get", signature="ss", body=[NETWORK[0], "Metered"])
        answer = await bus.call(called)
        if answer.message_type is MessageType.METHOD_RETURN:
            self._metered = METERED.get(answer.body[0].value)

    def _heard(self, message: "Message") -> None:
        match message.member, message.body:
            case "PrepareForSleep", [True]:
                self._suspending = True
                self._tell(Suspending())
            case "PrepareForSleep", [False]:
                self._woke(self._sleep.slept(), told=True)
            case "PropertiesChanged", [str(), {"Metered": changed}, *_] if message.path == NETWORK[1]:
                self._metered = METERED.get(changed.value)
                self._tell_power()
            case "NameOwnerChanged", [str() as name, str(), str() as owner] if name == NETWORK[0]:
                self._metered, self._network_came = None, bool(owner)
                self._tell_power()
