"""The desk thread: does what the windows ask for, and tells them how everything is."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import Future
from typing import Any

from app.bridge.acts import Act, Trouble
from app.bridge.news import Attention
from app.services.acts import Handlers
from app.services.acts.refusal import ActRefused
from app.services.feed import Feed
from app.services.runner import Refused
from app.services.secrets import SecretsRefused
from contract.errors import FloworkError
from kit.config import ConfigRefused
from kit.logs import Log
from kit.vault import VaultLocked, VaultUnavailable

log = Log("desk")
Work = Callable[[], Coroutine[Any, Any, None]]


class Desk:
    """Implements `app.bridge.qt.Agent`. Its thread has an event loop of its own, so that no window holds up the work."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._handlers: dict[type[Act[Any]], Callable[[Any], Awaitable[Any]]] = {}
        self._feed: Feed | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="flowork-desk")

    def start(self, feed: Callable[[], Feed], handlers: Iterable[Handlers], works: Iterable[Work] = ()) -> None:
        """Begin, with what is to be done all the time (`works`). `feed` is made on the desk thread."""
        for some in handlers:
            self._handlers.update(some)
        self._thread.start()
        self._call(lambda: self._begin(feed, tuple(works)))

    def ask(self, act: Act[Any], answered: Callable[[object], None]) -> None:
        """See `Agent.ask`."""
        self._call(lambda: self._keep(self._do(act, answered), type(act).__name__))

    def attend(self, attention: Attention) -> None:
        """See `Agent.attend`."""
        self._call(lambda: self._with_feed(lambda feed: feed.attend(attention)))

    def nudge(self) -> None:
        """Something has changed; any thread."""
        self._call(lambda: self._with_feed(Feed.nudge))

    def close(self, within_s: float) -> bool:
        """End the thread; False when it has not ended by then."""
        self._call(self._end)
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def submit(self, work: Coroutine[Any, Any, Any]) -> "Future[Any]":
        """Have a coroutine done on the desk thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _with_feed(self, act: Callable[[Feed], None]) -> None:
        if self._feed is not None:
            act(self._feed)

    def _call(self, act: Callable[[], object]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._live())

    async def _live(self) -> None:
        self._ending = asyncio.Event()
        await self._ending.wait()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, feed: Callable[[], Feed], works: tuple[Work, ...]) -> None:
        self._feed = feed()
        self._keep(self._feed.run(), "feed")
        for work in works:
            self._keep(work(), getattr(work, "__name__", "work"))

    def _end(self) -> None:
        self._ending.set()

    def _keep(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = self._loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("desk.work_failed", what=task.get_name(), exc_info=task.exception())

    async def _do(self, act: Act[Any], answered: Callable[[object], None]) -> None:
        answered(await outcome(self._handlers[type(act)](act)))
        if self._feed is not None:
            self._feed.nudge()


async def outcome(work: Awaitable[Any]) -> object:
    """The answer, or why there is none, in words for a person."""
    try:
        return await work
    except (FloworkError, ActRefused) as error:
        return Trouble(error.title, error.detail, error.code if isinstance(error, FloworkError) else "")
    except (SecretsRefused, Refused, VaultUnavailable) as error:
        title, _, detail = str(error).partition("\n")
        return Trouble(title, detail.strip())
    except VaultLocked as error:
        return Trouble("The keyring is locked", str(error))
    except ConfigRefused as error:
        return Trouble("The settings are not right", "\n".join(error.mistakes))
    except Exception as error:  # a window must not wait for ever
        log.error("desk.act_failed", exc_info=error)
        return Trouble("That did not work", f"{type(error).__name__}: {error}. The log says more.")
