"""The host of gateway and engine threads: started in order, stopped in order, and never a failure that looks like a stop."""

import asyncio
import contextlib
import queue
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import engine.wiring
import gateway.wiring
from app import settings as all_settings
from app.client.admin import open_admin
from app.client.api import open_api
from app.client.pairing import pair_here
from app.services import handover
from app.services.host import Host, Serving, StartRefused, StoppedByFailure
from contract.admin import EngineAdded
from contract.errors import AuditUnavailable, DataFolderInUse, GatewayUnreachable
from contract.jobs import JobDraft
from contract.people import OfferMake
from contract.version import VERSION
from contract.words import JobState
from engine.providers.keys import SecretGetter
from engine.settings import EngineSettings
from engine.store.spool import SpoolInUse
from engine.wiring import Drained
from gateway.crypto.identity import KeyLost
from gateway.http.listeners import PortTaken
from gateway.operations.program import Program
from gateway.store.audit import AuditRefused
from gateway.store.control import ControlRefused
from gateway.wiring.parts import TunnelDoor
from kit.otlp import HeadersRefused
from kit.tasks import crew
from kit.vault import FolderSecrets, Vault
from tests.support.devices import KEYS
from tests.support.house import until

PATIENCE_S = 30.0


def settings_for(data: Path, **engine: Any) -> all_settings.Settings:
    return all_settings.load(data, {"port": 0}, {"slots": 2, "echo": True, **engine}, environment={})


@dataclass
class Run:
    """A host that runs on a thread of the test's."""

    host: Host
    end: Future[Drained]
    served: "queue.SimpleQueue[Serving]"

    def ready(self) -> Serving:
        return self.served.get(timeout=PATIENCE_S)

    def drained(self) -> Drained:
        return self.end.result(PATIENCE_S)

    def failure(self) -> BaseException | None:
        return self.end.exception(PATIENCE_S)


def vault_of(settings: all_settings.Settings) -> Vault:
    return Vault(FolderSecrets(settings.gateway.data / "secrets"))


def never() -> None:
    raise AssertionError("nobody asked it to give up")


@pytest.fixture
def start() -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []
    with ThreadPoolExecutor(4) as pool:

        def started(settings: all_settings.Settings, give_up: Callable[[], None] = never) -> Run:
            served: queue.SimpleQueue[Serving] = queue.SimpleQueue()
            host = Host(settings, vault_of(settings), give_up)
            runs.append(Run(host, pool.submit(host.run, served.put), served))
            return runs[-1]

        yield started
        for run in runs:
            if not run.end.done():
                run.host.stop()
                run.host.stop()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@dataclass
class Stage:
    """Stand-ins for gateway and engine: what they were asked, and how to break them."""

    did: list[str] = field(default_factory=list)
    refuse_gateway: Exception | None = None
    refuse_engine: Exception | None = None
    drains_at_once: bool = True
    draining: threading.Event = field(default_factory=threading.Event)
    engine_told: list[tuple[EngineSettings, str]] = field(default_factory=list)
    hand_over: Callable[[], None] = never
    _breaks: dict[str, Callable[[], None]] = field(default_factory=dict)

    address = "http://127.0.0.1:7717"
    gateway_id = "gate"
    slots = 2

    @contextlib.asynccontextmanager
    async def gateway(self, _settings: object, *, vault: Vault, program: Program) -> AsyncIterator["Stage"]:
        if self.refuse_gateway:
            raise self.refuse_gateway
        assert program.hand_over is not None
        self.hand_over = program.hand_over
        self.program = program
        async with self._life("gateway"):
            yield self

    @contextlib.asynccontextmanager
    async def engine(self, settings: EngineSettings, token: str, *, secret: SecretGetter) -> AsyncIterator["Stage"]:
        if self.refuse_engine:
            raise self.refuse_engine
        self.engine_told.append((settings, token))
        self.secret = secret
        hurry, loop = asyncio.Event(), asyncio.get_running_loop()
        self._hurry, self.release = hurry, lambda: loop.call_soon_threadsafe(hurry.set)
        async with self._life("engine"):
            yield self

    @contextlib.asynccontextmanager
    async def _life(self, name: str) -> AsyncIterator[None]:
        broken, loop = asyncio.Event(), asyncio.get_running_loop()
        self._breaks[name] = lambda: loop.call_soon_threadsafe(broken.set)

        async def breakdown() -> None:
            await broken.wait()
            raise ZeroDivisionError(name)

        self.did.append(f"{name} up")
        try:
            async with crew() as tasks:
                tasks.start(breakdown(), "breakdown")
                yield
        finally:
            self.did.append(f"{name} down")

    def breaks(self, name: str) -> None:
        self._breaks[name]()

    async def local_engine(self, name: str) -> EngineAdded:
        return EngineAdded(id="aaaa", name=name, token="secret")

    async def drain(self) -> None:
        self.did.append("gateway drains")

    async def drained(self, deadline_s: float) -> Drained:
        self.did.append(f"engine drains {deadline_s}")
        self.draining.set()
        if not self.drains_at_once:
            await self._hurry.wait()
        return Drained(given_back=0 if self.drains_at_once else 1, spooled=0)

    automatic = True
    tunnel = TunnelDoor("http://127.0.0.1:1", "t-secret")

    async def publish(self, origins: tuple[str, ...]) -> None:
        """Nothing is published here."""

    async def expect(self, word: str) -> Callable[[], bool]:
        return lambda: False

    def set_slots(self, count: int | None) -> None:
        self.did.append(f"slots {count}")

    def pause(self, paused: bool) -> None:
        if paused:
            self.did.append("pauses")

    def hurry(self) -> None:
        self.did.append("hurry")
        self._hurry.set()


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage()
    monkeypatch.setattr(gateway.wiring, "running", made.gateway)
    monkeypatch.setattr(engine.wiring, "running", made.engine)
    return made


def test_it_starts_the_gateway_first_and_stops_it_last(stage: Stage, start, tmp_path: Path):
    run = start(settings_for(tmp_path, drain_deadline_s=3))
    assert run.ready() == Serving(VERSION, stage.address, "gate", "aaaa", "home", 2, "files in the clear")
    run.host.stop()
    assert run.drained() == Drained(0, 0)
    assert stage.did == ["gateway up", "engine up", "gateway drains", "engine drains 3.0", "engine down", "gateway down"]


def test_the_engine_is_told_address_id_and_token(stage: Stage, start, tmp_path: Path):
    run = start(settings_for(tmp_path))
    run.ready()
    ((settings, keeper),) = stage.engine_told
    assert (settings.gateway, settings.engine_id, settings.slots) == (stage.address, "aaaa", 2)
    assert asyncio.run(keeper.read()) == ("secret",)


def test_the_engine_reads_the_hosts_secrets_and_closes_its_listeners_to_jobs(stage: Stage, start, tmp_path: Path):
    asyncio.run(vault_of(settings_for(tmp_path)).set("tool.api", "s3cret"))
    run = start(settings_for(tmp_path, closed_ports=(5432,)))
    run.ready()
    ((settings, _),) = stage.engine_told
    assert set(settings.closed_ports) == {5432, 7717, 7718}
    assert asyncio.run(stage.secret("tool.api")) == "s3cret"


def test_a_stop_that_is_asked_for_while_it_starts_is_not_forgotten(stage: Stage, tmp_path: Path):
    host = Host(settings_for(tmp_path), vault_of(settings_for(tmp_path)), never)
    host.stop()
    assert host.run(lambda _: None) == Drained(0, 0)
    assert stage.did[-2:] == ["engine down", "gateway down"]


def test_a_second_stop_hurries_the_drain(stage: Stage, start, tmp_path: Path):
    stage.drains_at_once = False
    run = start(settings_for(tmp_path))
    run.ready()
    run.host.stop()
    assert stage.draining.wait(PATIENCE_S)
    assert "hurry" not in stage.did
    run.host.stop()
    assert run.drained() == Drained(1, 0)
    assert "hurry" in stage.did


def test_whoever_is_asked_to_hand_over_lets_go_and_ends_once_the_other_serves(stage: Stage, start, tmp_path: Path):
    run = start(settings_for(tmp_path))
    run.ready()
    with handover.claimed(tmp_path):
        stage.hand_over()
        wait_until(lambda: "gateway down" in stage.did)
        assert not run.end.done()
        gap = handover.taken(tmp_path)
    assert gap is not None
    assert run.drained() == Drained(0, 0)
    assert "gateway drains" not in stage.did  # submits were taken to the last


def test_whoever_let_go_for_one_that_never_served_serves_again(stage: Stage, start, tmp_path: Path):
    run = start(settings_for(tmp_path))
    run.ready()
    with handover.claimed(tmp_path):
        stage.hand_over()
        wait_until(lambda: "gateway down" in stage.did)
    assert run.ready().address == stage.address
    assert stage.did.count("gateway up") == 2
    run.host.stop()
    assert run.drained() == Drained(0, 0)


def test_a_stop_while_waiting_for_the_other_ends_it(stage: Stage, start, tmp_path: Path):
    run = start(settings_for(tmp_path))
    run.ready()
    with handover.claimed(tmp_path):
        stage.hand_over()
        wait_until(lambda: "gateway down" in stage.did)
        run.host.stop()
        assert run.drained() == Drained(0, 0)
    assert stage.did.count("gateway up") == 1


def test_two_cannot_take_over_at_once(tmp_path: Path):
    with handover.claimed(tmp_path), pytest.raises(handover.TakeoverFailed), handover.claimed(tmp_path):
        pass


def test_a_third_stop_gives_up(stage: Stage, start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    stage.drains_at_once = False
    hurried, gave_up = threading.Event(), threading.Event()
    monkeypatch.setattr(stage, "hurry", hurried.set)  # it does not help
    run = start(settings_for(tmp_path), gave_up.set)
    run.ready()
    run.host.stop()
    run.host.stop()
    assert hurried.wait(PATIENCE_S)
    assert not gave_up.is_set()
    run.host.stop()
    assert gave_up.wait(PATIENCE_S)
    stage.release()  # a real `give_up` ends the process; this one returns
    assert run.drained() == Drained(1, 0)


def test_a_port_that_is_taken_is_told_with_who_holds_it(stage: Stage, start, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        stage.refuse_gateway = PortTaken("127.0.0.1", port)
        failure = start(settings_for(tmp_path)).failure()
    assert isinstance(failure, StartRefused)
    assert str(failure).startswith(f"This Flowork itself listens on 127.0.0.1:{port}")
    assert f"port = {port + 1}" in str(failure)


@pytest.mark.parametrize(
    "refusal",
    [
        DataFolderInUse("Another Flowork runs on here."),
        ControlRefused("control.db is damaged"),
        AuditRefused("audit.db is damaged"),
        AuditUnavailable("The audit log cannot be written."),
        KeyLost("a key is open to others"),
        HeadersRefused("the file with the headers cannot be read"),
    ],
    ids=lambda refusal: type(refusal).__name__,
)
def test_a_gateway_that_cannot_start_is_a_refusal_in_its_own_words(stage: Stage, start, tmp_path: Path, refusal: Exception):
    stage.refuse_gateway = refusal
    run = start(settings_for(tmp_path))
    failure = run.failure()
    assert isinstance(failure, StartRefused)
    assert str(failure) == getattr(refusal, "detail", str(refusal))
    assert failure.__cause__ is refusal
    assert (stage.did, run.served.empty()) == ([], True)


def test_a_local_engine_that_cannot_be_made_is_a_refusal_too(stage: Stage, start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async def full(_name: str) -> EngineAdded:
        raise AuditUnavailable

    monkeypatch.setattr(stage, "local_engine", full)
    assert isinstance(start(settings_for(tmp_path)).failure(), StartRefused)


def test_an_engine_that_cannot_start_is_a_refusal_and_takes_the_gateway_down(stage: Stage, start, tmp_path: Path):
    stage.refuse_engine = SpoolInUse("another engine runs there")
    run = start(settings_for(tmp_path))
    failure = run.failure()
    assert isinstance(failure, StartRefused)
    assert str(failure) == "another engine runs there"
    assert stage.did == ["gateway up", "gateway down"]
    assert run.served.empty()


@pytest.mark.parametrize("name", ["gateway", "engine"])
def test_a_life_that_fails_ends_the_run_with_its_cause_and_takes_the_other_down(stage: Stage, start, tmp_path: Path, name: str):
    run = start(settings_for(tmp_path))
    run.ready()
    stage.breaks(name)
    failure = run.failure()
    assert isinstance(failure, StoppedByFailure)
    assert isinstance(failure.__cause__, ExceptionGroup)
    assert str(failure.__cause__.exceptions[0]) == name
    assert sorted(stage.did) == ["engine down", "engine up", "gateway down", "gateway up"]


def test_a_life_that_fails_while_it_drains_is_told_as_a_failure_too(stage: Stage, start, tmp_path: Path):
    stage.drains_at_once = False
    run = start(settings_for(tmp_path))
    run.ready()
    run.host.stop()
    assert stage.draining.wait(PATIENCE_S)
    stage.breaks("gateway")
    run.host.stop()
    with pytest.raises(StoppedByFailure):
        run.drained()


async def test_one_stop_lets_the_running_job_finish_and_leaves_the_folder_free(start, tmp_path: Path):
    run = start(settings_for(tmp_path / "data"))
    serving = await asyncio.to_thread(run.ready)
    async with open_admin(tmp_path / "data") as admin:
        key = await admin.gateway_key()
        async with open_api(serving.address, KEYS, key) as api:
            await pair_here(admin, api, "test", OfferMake())
        with pytest.raises(StartRefused, match="Another Flowork runs on"):
            settings = settings_for(tmp_path / "data")
            await asyncio.to_thread(Host(settings, vault_of(settings), never).run, lambda _: never())
        assert (await admin.status()).state == "ready"  # the first was not disturbed
    async with open_api(serving.address, KEYS, key) as api:
        await api.sign_in()
        job = (await api.submit(JobDraft(engine="home", kind="echo", payload={"sleep_ms": 300, "reply": "done"}), "k")).job

        async def runs() -> bool:
            return (await api.job(job.id)).state is JobState.RUNNING

        await until(runs)
        run.host.stop()
    assert await asyncio.to_thread(run.drained) == Drained(0, 0)
    with pytest.raises(GatewayUnreachable):
        async with open_admin(tmp_path / "data"):
            pass
    again = start(settings_for(tmp_path / "data"))
    serving = await asyncio.to_thread(again.ready)
    async with open_api(serving.address, KEYS, key) as api:
        await api.sign_in()
        found = await api.job(job.id)
        assert (found.state, found.result) == (JobState.SUCCEEDED, "done")
    again.host.stop()
    await asyncio.to_thread(again.drained)
