"""Starting and stopping gateway and engine for the desktop: every way it can go ends in a state with words."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app import settings as all_settings
from app.rules.condition import Service
from app.services import runner as runner_module
from app.services.host import Serving, StartRefused, StoppedByFailure
from app.services.runner import IN_USE, Refused, Runner, Wish
from app.services.secrets import SecretsRefused
from engine.wiring import Drained
from kit.files import exclusive_lock, private_folder
from kit.vault import FolderSecrets, SecretStore

PATIENCE_S = 20
SERVING = Serving("1", "http://127.0.0.1:7717", "gate", "aaaa", "home", 4, "files in the clear")


class FakeLocal:
    """What the host's engine is told."""

    def __init__(self) -> None:
        self.reasons: list[str | None] = []

    def policy(self, reason: str | None) -> None:
        self.reasons.append(reason)


@dataclass
class FakeHost:
    """Stands for `Host`: serves until it is stopped, or does what the test says."""

    fails: Callable[[], None] = lambda: None
    given_back: int = 0
    ends_after: int = 1
    """So many stops."""
    stops: int = 0
    local: FakeLocal = field(default_factory=FakeLocal)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        self.stops += 1
        if self.stops >= self.ends_after:
            self._stopped.set()

    def run(self, ready: Callable[[Serving], None]) -> Drained:
        self.fails()
        ready(SERVING)
        assert self._stopped.wait(PATIENCE_S)
        return Drained(self.given_back, 0)


@dataclass
class Stage:
    runner: Runner
    hosts: list[FakeHost]
    make: Callable[[], FakeHost]
    changes: list[Service]
    refuse: list[Exception]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    hosts: list[FakeHost] = []
    changes: list[Service] = []
    refuse: list[Exception] = []

    def load() -> all_settings.Settings:
        return all_settings.load(tmp_path / "data", {"port": 0}, {}, environment={})

    def open_store(_settings: all_settings.Settings) -> SecretStore:
        if refuse:
            raise refuse[0]
        return FolderSecrets(tmp_path / "secrets")

    def host(*_arguments: Any) -> FakeHost:
        hosts.append(made.make())
        return hosts[-1]

    monkeypatch.setattr(runner_module, "Host", host)
    runner = Runner(load, open_store, changed=lambda: changes.append(runner.now.service), end=lambda: None, give_up=lambda: None)
    made = Stage(runner, hosts, FakeHost, changes, refuse)
    yield made
    runner.stop(Wish.HURRY)
    assert runner.wait(PATIENCE_S)


def test_it_starts_serves_and_stops_and_says_so(stage: Stage):
    stage.make = lambda: FakeHost(given_back=2)
    assert stage.runner.start().result(PATIENCE_S) == SERVING
    assert stage.runner.now.service is Service.RUNNING
    assert stage.runner.stop().result(PATIENCE_S) == 2
    assert stage.runner.wait(PATIENCE_S)
    assert stage.runner.now.service is Service.STOPPED
    assert stage.changes == [Service.STARTING, Service.RUNNING, Service.STOPPING, Service.STOPPED]


def test_starting_twice_is_starting_once(stage: Stage):
    first = stage.runner.start()
    assert stage.runner.start() is first
    first.result(PATIENCE_S)
    assert len(stage.hosts) == 1


def test_it_can_be_started_again(stage: Stage):
    for _ in range(2):
        stage.runner.start().result(PATIENCE_S)
        stage.runner.stop().result(PATIENCE_S)
    assert len(stage.hosts) == 2


def test_stopping_what_does_not_run_is_done_at_once(stage: Stage):
    assert stage.runner.stop().result(0) == 0


def test_a_hurry_stops_twice_and_a_second_stop_alone_only_waits(stage: Stage):
    stage.make = lambda: FakeHost(ends_after=3)
    stage.runner.start().result(PATIENCE_S)
    (host,) = stage.hosts
    stage.runner.stop(Wish.HURRY)
    assert host.stops == 2
    stage.runner.stop()
    assert host.stops == 2


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StartRefused("Port 7717 is taken."), "Port 7717 is taken."),
        (StoppedByFailure(), "It failed while it ran"),
        (ZeroDivisionError("x"), "It failed: x"),
    ],
)
def test_a_failure_is_a_state_with_words_and_can_be_tried_again(stage: Stage, error: Exception, words: str):
    def fails() -> None:
        raise error

    stage.make = lambda: FakeHost(fails=fails)
    with pytest.raises(Refused, match=words):
        stage.runner.start().result(PATIENCE_S)
    assert stage.runner.wait(PATIENCE_S)
    assert stage.runner.now.service is Service.FAILED
    assert stage.runner.now.failure.startswith(words)
    stage.make = FakeHost
    stage.runner.start().result(PATIENCE_S)
    assert stage.runner.now.failure == ""


def test_secrets_that_cannot_be_had_are_said(stage: Stage):
    stage.refuse.append(SecretsRefused("There is no place for secrets."))
    with pytest.raises(Refused, match="no place for secrets"):
        stage.runner.start().result(PATIENCE_S)


def test_another_program_on_the_folder_is_said(stage: Stage, tmp_path: Path):
    with exclusive_lock(private_folder(tmp_path / "data" / "run") / "flowork.lock"):
        with pytest.raises(Refused, match=IN_USE):
            stage.runner.start().result(PATIENCE_S)


def test_what_the_power_asks_holds_for_later_starts(stage: Stage):
    stage.runner.policy("battery")
    stage.runner.start().result(PATIENCE_S)
    assert stage.hosts[0].local.reasons == ["battery"]
    stage.runner.policy(None)
    assert stage.hosts[0].local.reasons == ["battery", None]
