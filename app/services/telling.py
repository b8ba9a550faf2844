"""Tells the person what needs them, outside any window, and what the machine's power asks of the engine. Runs on the desk thread."""

import asyncio
from collections.abc import Callable

from app.bridge.acts.telling import Tell
from app.bridge.news import Snapshot
from app.desktop.notices import Notices
from app.desktop.power import News, Suspending, Woke
from app.rules.condition import Fix, Pause, explain
from app.rules.notices import Memory, Notice, weigh
from app.rules.power import Policy, Standing, observe
from app.rules.update import View
from app.services.acts import Handlers
from app.words import Words
from kit.clock import SECOND, Clock

ANSWER = "answer"
"""The subject of answers: a newer one takes the place of the last."""
UPDATE = "update"


class Telling:
    """Owner of the notices that can be seen."""

    def __init__(
        self, say: Words, clock: Clock, pressed: Callable[[Fix | None], None], *, quiet: bool, make: Callable[..., Notices] = Notices
    ) -> None:
        """`pressed` is told the fix whose button was pressed, or None for the notice itself."""
        self._say = say
        self._clock = clock
        self._quiet = quiet
        self._memory = Memory()
        self._woke: float | None = None
        self._wanted: asyncio.Queue[Snapshot] = asyncio.Queue(1)
        self._notices = make(pressed)

    def look(self, snapshot: Snapshot) -> None:
        """How everything is, as of now; only the latest counts."""
        if self._wanted.full():
            self._wanted.get_nowait()
        self._wanted.put_nowait(snapshot)

    def woke(self) -> None:
        """The machine slept: what is wrong just now is the sleep itself."""
        self._woke = self._now()

    async def run(self) -> None:
        """Weigh every look, for ever."""
        try:
            while True:
                await self._weigh(await self._wanted.get())
        finally:
            await self._notices.close()

    async def _weigh(self, snapshot: Snapshot) -> None:
        explained = explain(snapshot.facts, self._say)
        self._memory, acts = weigh(self._memory, explained, self._now(), quiet=self._quiet, woke=self._woke)
        for act in acts:
            if isinstance(act, Notice):
                await self._notices.show(act)
            else:
                await self._notices.withdraw(act.subject)

    async def tell(self, asked: Tell) -> None:
        """Answer what somebody asked for in the menu."""
        await self._notices.show(Notice(ANSWER, asked.title, asked.text))

    async def offer(self, view: View) -> None:
        """There is a newer version; said once for each."""
        if not self._quiet:
            say = self._say
            text = say("It is installed when you say so.")
            await self._notices.show(
                Notice(UPDATE, say("Flowork {version} is there", version=view.offered), text, Fix.UPDATE, say("Look…"))
            )

    def handlers(self) -> Handlers:
        """What these acts do."""
        return {Tell: self.tell}

    def _now(self) -> float:
        return self._clock.now().steady / SECOND


def following_power(policy: Policy, pause: Callable[[Pause | None], None], woke: Callable[[], None]) -> Callable[[News], None]:
    """What to do with each piece of news about battery, network and sleep."""
    standing = Standing()

    def heard(news: News) -> None:
        nonlocal standing
        if isinstance(news, Woke):
            woke()
        elif not isinstance(news, Suspending):
            standing = observe(standing, news, policy)
            pause(standing.pause)

    return heard
