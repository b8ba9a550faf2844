"""Starts and stops gateway and engine for the desktop: `Host` on a thread of its own, and how far it is."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from enum import Enum, auto

from app.rules.condition import Service
from app.services.host import Host, Serving, StartRefused, StoppedByFailure
from app.services.secrets import SecretsRefused
from app.settings import Settings
from kit.config import ConfigRefused
from kit.files import Locked, exclusive_lock, private_folder
from kit.logs import Log
from kit.vault import SecretStore, Vault

log = Log("host")
IN_USE = "Another Flowork serves this data folder."


class Refused(Exception):
    """It could not start; the message says what to do."""


class Wish(Enum):
    """What a stop is for."""

    FINISH = auto()
    HURRY = auto()


@dataclass(frozen=True, slots=True)
class Now:
    """How far it is."""

    service: Service = Service.STOPPED
    failure: str = ""
    serving: Serving | None = None


class Runner:
    """Any thread may call it; nothing here blocks but `wait`."""

    def __init__(
        self,
        load: Callable[[], Settings],
        open_store: Callable[[Settings], SecretStore],
        *,
        changed: Callable[[], None],
        end: Callable[[], None],
        give_up: Callable[[], None],
    ) -> None:
        """Settings and secrets are read at each start, so that what was changed holds.

        `changed` is called on some thread whenever `now` has changed; `end` when the owner wants the program to end;
        `give_up` ends the process at once.
        """
        self._load = load
        self._open_store = open_store
        self._changed = changed
        self._end = end
        self._give_up = give_up
        self._lock = threading.Lock()
        self._now = Now()
        self._host: Host | None = None
        self._thread: threading.Thread | None = None
        self._policy: str | None = None
        self._begun: Future[Serving] = Future()
        self._ended: Future[int] = Future()

    @property
    def now(self) -> Now:
        """How far it is."""
        return self._now

    def start(self) -> Future[Serving]:
        """Start, unless it has been started; done when it serves.

        Raises (the future):
            Refused.
        """
        with self._lock:
            if self._thread is None:
                self._begun, self._ended = Future(), Future()
                self._now = Now(Service.STARTING)
                self._thread = threading.Thread(target=self._run, name="flowork-host")
                self._thread.start()
            begun = self._begun
        self._changed()
        return begun

    def stop(self, wish: Wish = Wish.FINISH) -> Future[int]:
        """Finish what runs, then stop; to hurry, give it back. Done when it has ended, with the jobs that were given back."""
        with self._lock:
            host, ended, running = self._host, self._ended, self._thread is not None
            if not running:
                nothing: Future[int] = Future()
                nothing.set_result(0)
                return nothing
            stopping = self._now.service is Service.STOPPING
            self._now = Now(Service.STOPPING, serving=self._now.serving)
            if host is not None:
                if not stopping:
                    host.stop()
                if wish is Wish.HURRY:
                    host.stop()
        self._changed()
        return ended

    def policy(self, reason: str | None) -> None:
        """Pause the engine because of the machine's power, or do not; holds for every later start too."""
        with self._lock:
            self._policy = reason
            host = self._host
        if host is not None:
            host.local.policy(reason)

    def wait(self, timeout_s: float) -> bool:
        """Wait until it has ended; False when it has not by then."""
        thread = self._thread
        if thread is None:
            return True
        thread.join(timeout_s)
        return not thread.is_alive()

    def _run(self) -> None:
        given_back, failure = 0, ""
        try:
            given_back = self._serve()
        except (Refused, SecretsRefused, StartRefused, ConfigRefused) as error:
            failure = str(error)
        except StoppedByFailure as error:
            failure = f"It failed while it ran: {error.__cause__}. The log says more."
            log.error("host.failed", exc_info=error)
        except Exception as error:  # whatever it was, the tray must say so and stay
            failure = f"It failed: {error}. The log says more."
            log.error("host.failed", exc_info=error)
        with self._lock:
            self._host = self._thread = None
            self._now = Now(Service.FAILED, failure) if failure else Now()
            begun, ended = self._begun, self._ended
        if not begun.done():
            begun.set_exception(Refused(failure or "It was stopped while it started."))
        ended.set_result(given_back)
        self._changed()

    def _serve(self) -> int:
        settings = self._load()
        data = settings.gateway.data
        try:
            with exclusive_lock(private_folder(data / "run") / "flowork.lock"):
                store = self._open_store(settings)
        except Locked as error:
            raise Refused(IN_USE) from error
        with closing(Vault(store)) as vault:
            host = Host(settings, vault, self._give_up, self._end)
            host.local.policy(self._policy)
            with self._lock:
                stopped = self._now.service is Service.STOPPING
                self._host = host
            if stopped:
                host.stop()
            return host.run(self._ready).given_back

    def _ready(self, serving: Serving) -> None:
        with self._lock:
            if self._now.service is Service.STARTING:
                self._now = Now(Service.RUNNING, serving=serving)
            begun = self._begun
        if not begun.done():
            begun.set_result(serving)
        self._changed()
