"""This machine's own engine, as its owner and the machine's power steer it: how much it does, and whether it takes jobs.

What was wished outlives a stop and a new start of gateway and engine, not that of the program.
"""

import asyncio
import threading
from collections.abc import Callable

from anyio.from_thread import BlockingPortal

from contract.errors import NotOfThisProgram, RequestInvalid
from contract.local import LocalChange, LocalView
from engine.wiring import Engine

ASKED = "asked"


class LocalControl:
    """Implements `gateway.operations.program.LocalEngine`. Any thread may call it."""

    def __init__(self, slots_max: int, changed: Callable[[], None] = lambda: None) -> None:
        """`changed` is told after each change, on the thread that made it."""
        self._slots_max = slots_max
        self._changed = changed
        self._lock = threading.Lock()
        self._steering = threading.Lock()
        """Held while the engine is told, so that nobody steers one that is already told to drain."""
        self._engine: tuple[BlockingPortal, Engine, str, str] | None = None
        self._slots: int | None = None
        self._automatic: bool | None = None
        """None: as the settings say."""
        self._by_hand: bool | None = None
        """What the person said last: pause, or go on; None when nothing since the power's policy changed its mind."""
        self._by_policy: str | None = None

    def begins(self, thread: BlockingPortal, engine: Engine, engine_id: str, name: str) -> None:
        """The engine runs, on this thread."""
        with self._lock:
            self._engine = thread, engine, engine_id, name
        self._apply()

    def ends(self) -> None:
        """It is about to stop."""
        with self._steering, self._lock:
            self._engine = None

    def policy(self, reason: str | None) -> None:
        """The machine's power says: pause, because of this, or do not. What the person said holds until it says something else."""
        with self._lock:
            if reason == self._by_policy:
                return
            self._by_policy = reason
            if self._by_hand is False:
                self._by_hand = None
        self._apply()

    @property
    def paused(self) -> str | None:
        """Why it takes no jobs."""
        if self._by_hand is True:
            return ASKED
        return None if self._by_hand is False else self._by_policy

    def view(self) -> LocalView | None:
        """How it is; None while it does not run."""
        with self._lock:
            running = self._engine
        if running is None:
            return None
        _, engine, engine_id, name = running
        return LocalView(
            id=engine_id,
            name=name,
            slots=engine.slots,
            busy=engine.busy,
            automatic=engine.automatic,
            slots_max=self._slots_max,
            paused=self.paused,
        )

    async def change(self, asked: LocalChange) -> LocalView:
        """Steer it.

        Raises:
            RequestInvalid: that contradicts itself, or is more than `slots_max`. NotOfThisProgram: it does not run.
        """
        if asked.slots is not None and asked.automatic:
            raise RequestInvalid("Give a number of slots, or let it be chosen; not both.")
        if asked.slots is not None and asked.slots > self._slots_max:
            raise RequestInvalid(f"slots: at most {self._slots_max}. To allow more, raise slots_max under [engine] in config.toml.")
        with self._lock:
            if self._engine is None:
                raise NotOfThisProgram
            if asked.slots is not None:
                self._slots, self._automatic = asked.slots, False
            elif asked.automatic:
                self._slots, self._automatic = None, True
            if asked.paused is not None:
                self._by_hand = asked.paused if asked.paused or self._by_policy is not None else None
        await asyncio.to_thread(self._apply)
        view = self.view()
        if view is None:
            raise NotOfThisProgram
        return view

    def _apply(self) -> None:
        with self._steering:
            with self._lock:
                running, slots, automatic, paused = self._engine, self._slots, self._automatic, self.paused is not None
            if running is not None:
                thread, engine, _, _ = running
                thread.call(_steer, engine, slots, automatic, paused)
        self._changed()


def _steer(engine: Engine, slots: int | None, automatic: bool | None, paused: bool) -> None:
    if automatic is not None:
        engine.set_slots(None if automatic else slots)
    engine.pause(paused)
