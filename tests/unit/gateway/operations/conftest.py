"""The rooms of a gateway around queues in memory, put together as `gateway.wiring` does it."""

import asyncio
import contextlib
import functools
import hashlib
import itertools
import json
import selectors
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.crypto.device_keys import DeviceKeys
from contract.engine_link import Announce, ClaimAnswer, ClaimRequest, FinishRequest
from contract.errors import EngineTokenRevoked, EngineUnknown, FloworkError, ServerDraining, ShardUnavailable, UserUnknown
from contract.jobs import JobDraft
from contract.pairing import PairClaim, six_digits
from contract.signin import Challenge, SignInRequest, Tokens, build_message, decoded, encoded, transcript
from contract.words import Directive, JobState, PairingState, UserRole
from gateway.crypto import ethereum
from gateway.crypto.access_token import ACCESS
from gateway.crypto.access_token import Tokens as AccessTokens
from gateway.crypto.dpop import Proof, Proofs
from gateway.crypto.identity import held_key
from gateway.crypto.signing_keys import SigningKeys
from gateway.operations.admission import Admission
from gateway.operations.approval import Approvals
from gateway.operations.attempts import Attempts
from gateway.operations.audit import Audit
from gateway.operations.audit_care import AuditCare
from gateway.operations.budgets import Budgets
from gateway.operations.capacity import Capacity
from gateway.operations.challenges import Challenges, Heard
from gateway.operations.change import Change
from gateway.operations.choosing import Choosing
from gateway.operations.claim import Claiming
from gateway.operations.drain import Drain
from gateway.operations.engine_auth import EngineTokens
from gateway.operations.fanout import LocalFanout
from gateway.operations.fitness import Fitness
from gateway.operations.keys import KeyRing
from gateway.operations.kinds import Kinds
from gateway.operations.offers import Offers
from gateway.operations.pair import Made, Pairing
from gateway.operations.presence import Presence
from gateway.operations.pulse import Pulse, StartDelays
from gateway.operations.report import Reporting, note_refusals
from gateway.operations.rollout import Rollouts
from gateway.operations.sessions import Principal, Request, Sessions
from gateway.operations.shares import Shares
from gateway.operations.sharing import Sharing
from gateway.operations.signin import SignIn
from gateway.operations.sources import Sources
from gateway.operations.submit import Submit, Taken
from gateway.operations.wake import LocalWakeBus
from gateway.operations.watch import Watch
from gateway.rules.drain import strictest
from gateway.rules.engine_tokens import EngineCaller
from gateway.rules.views import job_id_of
from gateway.store.audit import AuditFile, open_audit
from gateway.store.audit_heads import HeadsFile
from gateway.store.control import Control, open_control
from gateway.store.memory import MemoryStore
from gateway.store.people import DeviceRow, People, UserRow
from gateway.store.seam import StoredEvent
from gateway.telemetry.signals import Listener, Submission
from gateway.telemetry.spans import JobSpans
from kit.clock import SECOND
from kit.machine import Free
from kit.vault import FolderSecrets, Vault
from tests.support.clock import ManualClock
from tests.support.devices import audit_key
from tests.support.queue import LEASE_S, TRACE, chance, limits
from tests.support.secrets import MemorySecrets
from tests.support.spans import KeptSpans

LAB, DEN = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"
PATIENCE_S = 10.0
MAX_AGE_S, RETIRES_S = 30 * 24 * 3600, 60


class MemoryDirectory:
    """Queues in memory by engine id; one can be made unavailable."""

    def __init__(self) -> None:
        self.stores: dict[str, MemoryStore] = {}
        self.refused: dict[str, str] = {}

    @contextlib.asynccontextmanager
    async def use(self, engine: str) -> AsyncIterator[MemoryStore]:
        if engine in self.refused:
            raise ShardUnavailable
        if engine not in self.stores:
            raise EngineUnknown
        yield self.stores[engine]

    def refusals(self) -> dict[str, str]:
        return dict(self.refused)


class Facts(Listener):
    """What was told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def leased(self, engine: str, start_delay_ms: float) -> None:
        self.told.append(("leased", engine, start_delay_ms))

    def ended(self, engine: str, state: JobState, code: str | None, end_to_end_ms: float | None) -> None:
        self.told.append(("ended", engine, str(state), code, end_to_end_ms))

    def submitted(self, engine: str, how: Submission) -> None:
        self.told.append(("submitted", engine, str(how)))

    def refused(self, engine: str, code: str) -> None:
        self.told.append(("refused", engine, code))

    def claim_replayed(self, engine: str) -> None:
        self.told.append(("claim_replayed", engine))

    def leases_lost(self, engine: str, count: int) -> None:
        self.told.append(("leases_lost", engine, count))

    def finish_fenced(self, engine: str) -> None:
        self.told.append(("finish_fenced", engine))


@dataclass
class Rooms:
    """A gateway without listeners: two engines, `lab` and `den`."""

    clock: ManualClock
    control: Control
    sources: Sources
    directory: MemoryDirectory
    presence: Presence
    wake: LocalWakeBus
    fanout: LocalFanout
    delays: StartDelays
    people: People
    book: "Book"
    users: list[UserRow] = field(default_factory=list)
    owners: set[str] | None = None
    """Users that manage every engine; None: all do."""
    thrown_out: set[str] = field(default_factory=set)
    """Installations whose tokens were revoked."""
    whitelist_version: int = 0
    due: list[tuple[str, int]] = field(default_factory=list)
    listener: Facts = field(default_factory=Facts)
    kept_spans: KeptSpans = field(default_factory=KeptSpans)
    free: Free = field(default_factory=lambda: Free(10, 20))
    """What the machine has left: as much as must be."""
    directive: Directive = Directive.RUN
    """Wanted of everybody, beside what is wanted of each."""
    told: list[StoredEvent] = field(default_factory=list)
    strict: bool = False
    """Grants, payloads, models and budgets count; else any job of a kind that is served is fine."""
    keys: Callable[[], str] = field(default_factory=lambda: map("key-{}".format, itertools.count()).__next__)
    attempt_ids: Callable[[], str] = field(default_factory=lambda: map("{:032x}".format, itertools.count(1)).__next__)

    def __post_init__(self) -> None:
        self.attempts = Attempts(self.clock)
        self.spans = JobSpans(self.kept_spans, self.clock, chance(5))
        falls_due = lambda engine, in_us: self.due.append((engine, in_us))  # noqa: E731
        self.offers = Offers(self.presence)
        self.pulse = Pulse(self.fanout, self.wake, self.delays, self.attempts, falls_due, self.listener, self.spans, self.offers.provider)
        self.sharing = Sharing(
            self.control,
            self.sources,
            self.book.audit,
            self.clock,
            lambda: self.users,
            lambda user: self.owners is None or user in self.owners,
            self.wake.news,
        )
        self.watch = Watch(self.directory, self.sources, self.sharing, self.fanout, self.people)
        self.kinds = Kinds(self.control.grants, self.sources, self.sharing, self.offers, self.book.audit)
        self.budgets = Budgets(self.control.budgets, self.directory, self.sources, self._user, self.book.audit, self.clock)
        self.fitness = Fitness(self.kinds, self.budgets, self.presence)
        self.change = Change(self.directory, self.sources, self.sharing, self.watch, self._may_run)
        self.shares = Shares(self.wake, lambda engine: self.rollouts.percent(engine), lambda: 0.0)  # noqa: PLW0108 - made below
        self.rollouts = Rollouts(
            self.control.rollouts, self.sources, self.presence, self.attempts, self.shares, self.wake, self.book.audit, self.clock, 10
        )
        self.drain = Drain(
            pauses=self.control.pauses,
            sources=self.sources,
            sharing=self.sharing,
            presence=self.presence,
            attempts=self.attempts,
            directory=self.directory,
            wake=self.wake,
            audit=self.book.audit,
            clock=self.clock,
            publish=self.told.append,
            rotates=lambda _caller: self.directive is Directive.ROTATE,
            rollouts=self.rollouts,
        )
        self.claiming = Claiming(
            directory=self.directory,
            presence=self.presence,
            wake=self.wake,
            clock=self.clock,
            lease_ms=LEASE_S * 1000,
            directive=self._directive,
            stands=self._stands,
            whitelist_version=lambda _engine: self.whitelist_version,
            note_refusals=self._note,
            attempts=self.attempts,
            shares=self.shares,
            is_canary=self.rollouts.is_canary,
            spans=self.spans,
            listener=self.listener,
            grants=self.kinds.granted,
            offer_wanted=self.offers.wanted,
        )
        self.reporting = Reporting(
            self.directory, self.presence, LEASE_S * 1000, self._directive, self._note, self.delays, self.spans, self.listener
        )
        self.capacity = Capacity(self.presence, self.attempts, self.clock)
        self.admission = Admission(
            hard_cap=100,
            user_share=1.0,
            max_wait_s=900.0,
            memory_free_min=10,
            disk_free_min=20,
            drained_per_s=self.delays.per_second,
            pace_per_s=self.delays.pace_per_s,
            capacity=self.capacity,
            free=lambda: self.free,
        )
        self.submitting = Submit(
            self.directory,
            self.sources,
            self.sharing,
            self.presence,
            self.clock,
            self.admission,
            self._draining,
            Choosing(
                self.directory,
                self.sharing,
                self.presence,
                self.clock,
                self.admission,
                lambda engine: self._draining(engine) is not None,
                self.control.choices,
                lambda user, engine, kind: not self.strict or self.kinds.may(user, engine, kind),
            ),
            self._mistake,
            self.listener,
        )
        for seed, engine in enumerate((LAB, DEN)):
            self.directory.stores[engine] = MemoryStore(engine, limits(), self.clock, chance(seed), self._hears(engine))

    async def _mistake(self, user: str, engine: str, draft: JobDraft) -> FloworkError | None:
        if self.strict:
            return await self.fitness.mistake(user, engine, draft)
        try:
            self.fitness._served(engine, draft.kind)
        except FloworkError as error:
            return error
        return None

    async def _may_run(self, user: str, engine: str, kind: str) -> None:
        if self.strict:
            await self.fitness.may_run(user, engine, kind)

    def _user(self, who: str) -> UserRow:
        found = next((row for row in self.users if who in {row.id, row.name}), None)
        if found is None:
            raise UserUnknown
        return found

    def _directive(self, caller: EngineCaller, instance: str) -> Directive:
        return strictest([self.directive, self.drain.directive(caller, instance)])

    def _draining(self, engine: str) -> type[FloworkError] | None:
        return ServerDraining if self.directive is Directive.DRAIN else self.drain.draining(engine)

    def _stands(self, caller: EngineCaller) -> None:
        if caller.installation in self.thrown_out:
            raise EngineTokenRevoked

    async def _note(self, engine: str, reports: Iterable[tuple[str, FinishRequest]]) -> None:
        await note_refusals(self.book.audit, engine, reports)

    async def add_user(self, user: str, name: str) -> UserRow:
        """Somebody without a device."""
        row = UserRow(user, name, UserRole.MEMBER, len(self.users))
        await self.people.add_device(DeviceRow(f"d-{user}", user, "0x", f"t-{user}", "phone", 0), row)
        self.users.append(row)
        return row

    def _hears(self, engine: str) -> Callable[[Any], None]:
        return lambda committed: self.pulse.committed(engine, committed)

    async def submit(self, user: str = "ann", key: str | None = None, **changes: Any) -> Taken:
        return await self.submitting.one(user, key or self.keys(), self.draft(**changes), TRACE)

    async def job(self, user: str = "ann", **changes: Any) -> str:
        """Submit one; its id."""
        taken = await self.submit(user, **changes)
        return job_id_of(taken.engine, taken.job)

    @staticmethod
    def caller(engine: str = LAB, installation: str = "first") -> EngineCaller:
        """Somebody whose token was checked."""
        return EngineCaller(engine, installation, f"token of {installation}")

    @staticmethod
    def draft(**changes: Any) -> JobDraft:
        return JobDraft(**{"engine": "lab", "kind": "echo", **changes})

    def request(self, instance: int = 1, **changes: Any) -> ClaimRequest:
        kinds = changes.pop("kinds", ["echo"])
        values = {
            "instance": f"{instance:032x}",
            "attempt_id": self.attempt_ids(),
            "announce": Announce(version="1", slots=4, kinds=kinds),
            "max": 1,
            "wait_ms": 0,
            **changes,
        }
        return ClaimRequest(**values)

    async def claim(self, instance: int = 1, engine: str = LAB, **changes: Any) -> ClaimAnswer:
        """A claim that does not wait, unless told so."""
        answer = await self.claiming.claim(self.caller(engine), self.request(instance, **changes), asyncio.Event())
        assert answer is not None
        return answer

    async def waiters(self, count: int, engine: str = LAB) -> None:
        """Until so many long polls have looked and wait."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.wake._waiters.get(engine, ())) != count:
                await asyncio.sleep(0)
        for _ in range(20):  # they look before they wait; nothing here leaves the loop
            await asyncio.sleep(0)


@pytest.fixture
async def rooms(tmp_path, book: "Book") -> AsyncIterator[Rooms]:
    clock = ManualClock()
    async with open_control(tmp_path / "control.db") as (control, people):
        await control.add_engine(LAB, "lab", 1)
        await control.add_engine(DEN, "den", 2)
        sources = Sources(control)
        await sources.load()
        yield Rooms(
            clock, control, sources, MemoryDirectory(), Presence(clock), LocalWakeBus(), LocalFanout(), StartDelays(clock), people, book
        )


@pytest.fixture
async def tokens(rooms: Rooms, book: "Book") -> EngineTokens:
    return engine_tokens(rooms, book)


@pytest.fixture
def reopened(rooms: Rooms, book: "Book") -> Callable[[], Awaitable[EngineTokens]]:
    """The tokens as another process finds them in control.db."""

    async def opened() -> EngineTokens:
        again = engine_tokens(rooms, book)
        await again.load()
        return again

    return opened


def engine_tokens(rooms: Rooms, book: "Book") -> EngineTokens:
    return EngineTokens(rooms.control.installations, book.audit, rooms.clock, chance(5), MAX_AGE_S * SECOND, RETIRES_S * SECOND)


@dataclass
class Book:
    """A real audit log, and what stands in it."""

    audit: Audit
    care: AuditCare
    file: AuditFile
    clock: ManualClock
    vault: Vault

    def events(self) -> list[tuple[str, str, str]]:
        """Event, actor and target, oldest first."""
        bodies = [json.loads(entry.body) for entry in self.file.newest(2**62, 100)][::-1]
        return [(body["event"], body["actor"], body["target"]) for body in bodies]

    def break_it(self) -> None:
        """From now on nothing can be written."""
        self.file._connection.execute("PRAGMA query_only = ON")


@pytest.fixture
def book(tmp_path) -> Iterator[Book]:
    seal = audit_key(bytes(32))
    file = open_audit(tmp_path / "audit.db")
    clock, vault = ManualClock(), Vault(FolderSecrets(tmp_path / "secrets"))
    audit = Audit(file, seal, clock)
    yield Book(audit, AuditCare(audit, HeadsFile(tmp_path / "heads" / "audit-heads.log"), vault, 2**28), file, clock, vault)
    vault.close()
    file.close()


class _JumpingSelector(selectors.DefaultSelector):
    """Does not wait: the time that would be waited is passed on instead."""

    def __init__(self, waited: Callable[[float], None]) -> None:
        super().__init__()
        self._waited = waited

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise AssertionError("everything waits for something that never comes")
        if timeout > 0:
            self._waited(timeout)
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers and a manual clock move together, at once."""

    def __init__(self, clock: ManualClock) -> None:
        self._jumped = 0.0
        self._manual = clock
        self.waits: list[float] = []
        super().__init__(_JumpingSelector(self._jump))

    def time(self) -> float:
        return self._jumped

    def _jump(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._jumped += seconds
        self._manual.advance(seconds)


@pytest.fixture
def in_jumping_time() -> Callable[[Callable[[], Coroutine[Any, Any, Any]], ManualClock], JumpingLoop]:
    """Run a test's body where waiting takes no time; the loop tells what was waited."""

    def run(body: Callable[[], Coroutine[Any, Any, Any]], clock: ManualClock) -> JumpingLoop:
        loop = JumpingLoop(clock)
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(body())
        return loop

    return run


async def nothing() -> None:
    """Nobody minds."""


HERE = Heard("http://127.0.0.1:7717", "http://127.0.0.1:7717", "loopback", "127.0.0.1")


@dataclass
class Home:
    """The people of a gateway: real control.db and audit log, a clock that the test moves, devices with real keys."""

    people: People
    sessions: Sessions
    challenges: Challenges
    pairing: Pairing
    signin: SignIn
    approvals: Approvals
    ring: KeyRing
    clock: ManualClock
    secrets: MemorySecrets
    vault: Vault
    ended: list[frozenset[str]]
    told: list[StoredEvent]
    gateway_key: bytes
    heard: Heard = HERE

    def proof(self, keys: DeviceKeys) -> Proof:
        """What a request of this device was proved with."""
        return Proof(keys.session.thumbprint, "j", None)

    def signed(self, challenge: Challenge, keys: DeviceKeys, nonce: bytes | None = None) -> SignInRequest:
        message = build_message(challenge, address=keys.address)
        return SignInRequest(message=message, signature=keys.sign(message), client_nonce=nonce and encoded(nonce))

    async def sign_in(self, keys: DeviceKeys) -> Tokens:
        challenge = await self.signin.challenge(keys.address, self.proof(keys), self.heard)
        tokens = await self.signin.sign_in(self.signed(challenge, keys), self.proof(keys))
        assert isinstance(tokens, Tokens)
        return tokens

    async def claim(self, made: Made, keys: DeviceKeys, nonce: bytes = b"n" * 32, name: str = "phone") -> Challenge:
        asked = PairClaim(
            offer=made.offer.id,
            code=made.code,
            address=keys.address,
            device_name=name,
            client_commitment=encoded(hashlib.sha256(nonce).digest()),
        )
        return await self.pairing.claim(asked, self.proof(keys), self.heard)

    def digits(self, challenge: Challenge, keys: DeviceKeys, nonce: bytes = b"n" * 32) -> str:
        return six_digits(nonce, decoded(challenge.gateway_nonce), transcript(challenge, keys.address), self.gateway_key)

    async def pair(self, keys: DeviceKeys, name: str = "Ann", role: UserRole = UserRole.MEMBER, user: str | None = None) -> DeviceRow:
        """All the way through."""
        made = await self.pairing.offer("owner", user, name, role)
        challenge = await self.claim(made, keys)
        assert await self.signin.sign_in(self.signed(challenge, keys, b"n" * 32), self.proof(keys)) is PairingState.SIGNED
        return await self.pairing.approve(made.offer.id, self.digits(challenge, keys), "owner")

    def request(self, keys: DeviceKeys, tokens: Tokens, method: str = "GET", path: str = "/api/v1/jobs") -> Request:
        url = self.heard.own_origin + path
        return Request(method, url, keys.session.proof(method, url, tokens.access_token))

    def who(self, keys: DeviceKeys, tokens: Tokens) -> Principal:
        return self.sessions.authenticate(tokens.access_token, self.request(keys, tokens))[0]


@pytest.fixture
async def home(tmp_path, book: Book) -> AsyncIterator[Home]:
    clock, secrets = ManualClock(), MemorySecrets()
    vault, random_bytes = Vault(secrets), chance(77)
    async with open_control(tmp_path / "people.db") as (_control, people):
        identity = await held_key("identity", None, vault, random_bytes, functools.partial(people.remember_key, "identity"))
        keys = SigningKeys(lambda: clock.now().wall)
        ring = KeyRing(keys, people, vault, book.audit, clock, random_bytes)
        await ring.load()
        ended: list[frozenset[str]] = []
        told: list[StoredEvent] = []
        sessions = Sessions(
            people=people,
            tokens=AccessTokens(ACCESS, keys, "gate"),
            proofs=Proofs(clock.now().wall / SECOND - 1),
            ring=ring,
            audit=book.audit,
            clock=clock,
            random_bytes=random_bytes,
            gateway_id="gate",
            ended=ended.append,
            tell=told.append,
            users_changed=nothing,
        )
        challenges = Challenges(
            identity=identity,
            vault=vault,
            clock=clock,
            random_bytes=random_bytes,
            gateway_id="gate",
            recover=ethereum.recover_address,
            well_formed=ethereum.is_well_formed,
            is_paired=lambda address, thumbprint: sessions.paired(address, thumbprint) is not None,
        )
        pairing = Pairing(sessions, challenges, book.audit, clock, random_bytes)
        signin = SignIn(challenges, sessions, pairing, book.audit)
        approvals = Approvals(challenges, book.audit)
        yield Home(people, sessions, challenges, pairing, signin, approvals, ring, clock, secrets, vault, ended, told, identity.public)
    vault.close()


def keys_at(clock: ManualClock, number: int) -> DeviceKeys:
    """A device whose clock is the test's."""
    return DeviceKeys(number.to_bytes(32), (1000 + number).to_bytes(32), lambda: clock.now().wall / SECOND)
