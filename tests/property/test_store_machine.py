"""The store against a small model of its own: every answer and every state must agree, across crashes and reopening.

The model knows nothing of `gateway/rules`: it is a second telling of protocol §4 and §5, short enough to check by eye.
"""

import asyncio
import itertools
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from contract.words import FinishStatus, Outcome
from gateway.rules.admission import Admit, Load, Reject
from gateway.rules.life import Failure
from gateway.store.seam import Accepted, Claim, Claimed, Filter, HeldLease, KeyReused, Replayed, Report
from gateway.store.shard import SqliteShard
from kit.clock import SECOND
from tests.support.clock import ManualClock
from tests.support.queue import draft, limits, reopen

USERS = ("ann", "bob", "cy")
INSTANCES = ("i-1", "i-2")
CAP = 6
LEASE_S, GRACE_S = 30, 12
NUMBERS = st.integers(0, 99)
SELDOM = st.sampled_from([False, False, False, True])
OUTCOMES = st.sampled_from([Outcome.SUCCEEDED, Outcome.FAILED, Outcome.GIVEN_BACK, Outcome.GIVEN_BACK, Outcome.REFUSED])
LIMITS = limits(keep_final_us=3600 * SECOND)


@dataclass
class Model:
    """What one job should be."""

    user: str
    priority: int
    order: int
    key: str
    fingerprint: bytes
    state: str
    due: int | None
    expires: int | None
    attempt: int = 0
    leased: int = 0
    max_attempts: int = 2
    token: bytes | None = None
    old_token: bytes | None = None
    instance: str | None = None
    lease_end: int = 0
    cancel: bool = False
    ended: int | None = None
    moves: int = 1
    """Events it should have caused."""


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="flowork-machine-"))
        self.runner = asyncio.Runner()
        self.clock = ManualClock()
        self.model: dict[bytes, Model] = {}
        self.granted: list[tuple[bytes, bytes]] = []
        self.receipts: dict[bytes, Report] = {}
        self.turn = dict.fromkeys(USERS, 0)
        self.turns = itertools.count(1)
        self.order = itertools.count()
        self.attempts = itertools.count()
        self.files = itertools.count()
        self.reap_from = 0
        self.store = self.open(self.folder / "shard.db", create=True)

    def run(self, work):
        return self.runner.run(work)

    def open(self, path: Path, create: bool = False) -> SqliteShard:
        self.path = path
        self.reap_from = self.clock.steady + GRACE_S * SECOND
        return self.run(_open(path, self.clock, next(self.files), create))

    def teardown(self) -> None:
        self.run(self.store.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    # --- what users do

    @initialize(users=st.lists(st.sampled_from(USERS), min_size=2, max_size=4))
    def some_jobs(self, users):
        for number, user in enumerate(users):
            self.send_draft(user, f"first-{number}", b"f", 3, None, None)

    @rule(
        user=st.sampled_from(USERS),
        key=st.integers(1, 30).map("k{}".format),
        fingerprint=st.sampled_from([b"f", b"f", b"f", b"g"]),
        priority=st.integers(1, 5),
        later=st.sampled_from([None, None, None, 5]),
        expires=st.sampled_from([None, None, None, 20]),
    )
    def submit(self, user, key, fingerprint, priority, later, expires):
        self.send_draft(user, key, fingerprint, priority, later, expires)

    def send_draft(self, user, key, fingerprint, priority, later, expires):
        run_at = None if later is None else self.clock.wall + later * SECOND
        asked = draft(
            key,
            fingerprint=fingerprint,
            priority=priority,
            run_at=run_at,
            expires_in_us=None if expires is None else expires * SECOND,
            max_attempts=2,
        )
        (outcome,) = self.run(self.store.submit(user, [asked], _capped))
        known = next((job for job in self.model.values() if (job.user, job.key) == (user, key)), None)
        if known is not None:
            assert isinstance(outcome, Replayed if known.fingerprint == fingerprint else KeyReused)
            return
        waiting = sum(job.state in {"scheduled", "queued"} for job in self.model.values())
        if waiting >= CAP:
            assert outcome == Reject("full", 1.0)
            return
        assert isinstance(outcome, Accepted)
        self.model[outcome.job.uuid] = Model(
            user=user,
            priority=priority,
            order=next(self.order),
            key=key,
            fingerprint=fingerprint,
            state="queued" if run_at is None else "scheduled",
            due=run_at,
            expires=None if expires is None else self.clock.wall + expires * SECOND,
        )

    def pick(self, number: int, *states: str) -> bytes | None:
        """One job, of these states if there is one."""
        fitting = [uuid for uuid, job in self.model.items() if job.state in states]
        return fitting[number % len(fitting)] if fitting else None

    @rule(number=NUMBERS, states=st.sampled_from([("running",), ("queued", "scheduled"), ("succeeded", "dead", "cancelled")]))
    def cancel(self, number, states):
        uuid = self.pick(number, *states)
        if uuid is None:
            return
        job = self.model[uuid]
        assert self.run(self.store.cancel(job.user, uuid)) is not None
        if job.ended is not None or job.cancel:
            return
        job.cancel = True
        job.moves += 1
        if job.state != "running":
            self.end(job, "cancelled", told=True)

    @rule(number=NUMBERS)
    def redrive(self, number):
        uuid = self.pick(number, "dead")
        if uuid is None:
            return
        job = self.model[uuid]
        assert self.run(self.store.redrive(job.user, uuid)) is not None
        job.state, job.attempt, job.ended, job.expires = "queued", 0, None, None
        job.moves += 1

    # --- what engines do

    @rule(instance=st.sampled_from(INSTANCES), most=st.sampled_from([1, 2, 3, 0]))
    def claims(self, instance, most):
        self.claim(instance, most)

    def claim(self, instance, most):
        attempt = f"a-{next(self.attempts)}"
        claimed = self.ask(instance, attempt, most)
        again = self.ask(instance, attempt, most)
        granted = [(lease.job.uuid, lease.job.token) for lease in claimed.leases]
        assert [(lease.job.uuid, lease.job.token) for lease in again.leases] == granted
        expected = self.expected_grants(most)
        assert [uuid for uuid, _ in granted] == expected
        for uuid, token in granted:
            job = self.model[uuid]
            job.state, job.token, job.old_token, job.instance = "running", token, None, instance
            job.lease_end = self.clock.steady + LEASE_S * SECOND
            job.attempt += 1
            job.leased += 1
            job.moves += 1
            self.granted.append((uuid, token))

    def any_lease(self, number: int, stale: bool) -> tuple[bytes, bytes]:
        """A lease that was granted once; one that still holds where possible, unless `stale` asks for any."""
        if not stale and not self.still_held():
            self.claim(INSTANCES[0], 2)
        among = self.granted if stale else self.still_held() or self.granted
        return among[number % len(among)]

    def still_held(self) -> list[tuple[bytes, bytes]]:
        return [lease for lease in self.granted if self.standing(*lease) != "lost"]

    def ask(self, instance: str, attempt: str, most: int) -> Claimed:
        # Without reconciliation: what an instance does not name is the conformance suite's subject.
        return self.run(self.store.claim(Claim(instance, attempt, ("echo",), most, self.clock.steady, reconcile=False)))

    def expected_grants(self, most: int) -> list[bytes]:
        ready = {uuid: job for uuid, job in self.model.items() if job.state == "queued" and job.due is None}
        granted = []
        while ready and len(granted) < most:
            user = min({job.user for job in ready.values()}, key=lambda name: (self.turn[name], name))
            uuid = min((uuid for uuid in ready if ready[uuid].user == user), key=lambda uuid: (ready[uuid].priority, ready[uuid].order))
            self.turn[user] = next(self.turns)
            granted.append(uuid)
            del ready[uuid]
        return granted

    def standing(self, uuid: bytes, token: bytes) -> str:
        job = self.model[uuid]
        if job.token == token:
            return "held"
        return "lapsed" if job.state == "queued" and job.old_token == token else "lost"

    @precondition(lambda self: self.granted)
    @rule(number=NUMBERS, stale=SELDOM)
    def renew(self, number, stale):
        uuid, token = self.any_lease(number, stale)
        renewed = self.run(self.store.renew("i-1", [HeldLease(uuid, token)]))
        standing, job = self.standing(uuid, token), self.model[uuid]
        assert renewed.lost == ((uuid,) if standing == "lost" else ())
        assert renewed.extended == (() if standing == "lost" else (uuid,))
        assert renewed.cancel == ((uuid,) if standing != "lost" and job.cancel else ())
        if standing == "lapsed":
            job.state, job.token, job.old_token = "running", token, None
            job.moves += 1
        if standing != "lost":
            job.lease_end = max(job.lease_end, self.clock.steady + LEASE_S * SECOND)

    @precondition(lambda self: self.granted)
    @rule(number=NUMBERS, stale=SELDOM, outcome=OUTCOMES, retryable=st.booleans())
    def finish(self, number, stale, outcome, retryable):
        self.send(self.any_lease(number, stale), outcome, retryable)

    @precondition(lambda self: self.granted)
    @rule(number=NUMBERS, outcome=OUTCOMES)
    def finish_twice_and_altered(self, number, outcome):
        lease = self.any_lease(number, stale=False)
        self.send(lease, outcome, retryable=True)
        self.send(lease, outcome, retryable=True)
        self.send(lease, Outcome.SUCCEEDED if outcome is not Outcome.SUCCEEDED else Outcome.GIVEN_BACK, retryable=True)

    def send(self, lease, outcome: Outcome, retryable: bool) -> None:
        uuid, token = lease
        said = Report(
            uuid,
            token,
            outcome,
            b'"r"' if outcome is Outcome.SUCCEEDED else None,
            Failure("x", "x", retryable) if outcome in {Outcome.FAILED, Outcome.REFUSED} else None,
        )
        status = self.run(self.store.finish(said))
        if token in self.receipts:
            assert status is (FinishStatus.OK if self.receipts[token] == said else FinishStatus.CONFLICT)
            return
        if self.standing(uuid, token) == "lost":
            assert status is FinishStatus.LOST
            return
        assert status is FinishStatus.OK
        self.receipts[token] = said
        job = self.model[uuid]
        job.moves += 1
        if outcome is Outcome.SUCCEEDED:
            self.end(job, "succeeded", told=True)
        elif job.cancel:
            self.end(job, "cancelled", told=True)
        elif outcome is Outcome.GIVEN_BACK:
            self.release(job)
            job.attempt -= 1
        elif outcome is Outcome.REFUSED or not retryable or job.attempt >= job.max_attempts:
            self.end(job, "dead", told=True)
        else:
            self.release(job)
            job.due = self.clock.wall + 2 ** (job.attempt - 1) * SECOND  # chance always draws the ceiling here

    def release(self, job: Model) -> None:
        job.state, job.token, job.old_token, job.instance = "queued", None, None, None

    def end(self, job: Model, state: str, told: bool) -> None:
        self.release(job)
        job.state, job.due, job.ended = state, None, self.clock.wall
        job.moves += 0 if told else 1

    # --- what time does

    @rule(seconds=st.sampled_from([0.5, 1, 2, 6, 20, 31]))
    def time_passes(self, seconds):
        self.clock.advance(seconds)

    @rule(seconds=st.sampled_from([0, 0, 2, 31]))
    def reap(self, seconds):
        self.clock.advance(seconds)
        self.run(self.store.reap())
        for job in self.model.values():
            if job.due is not None and job.due <= self.clock.wall:
                job.state, job.due = "queued", None
                job.moves += 1
            if job.expires is not None and job.leased == 0 and job.ended is None and job.expires <= self.clock.wall:
                self.end(job, "expired", told=False)
            if job.state == "running" and job.lease_end <= self.clock.steady and self.clock.steady >= self.reap_from:
                self.lose(job)

    def lose(self, job: Model) -> None:
        job.moves += 1
        if job.cancel:
            self.end(job, "cancelled", told=True)
        elif job.attempt >= job.max_attempts + 3:
            self.end(job, "dead", told=True)
        else:
            token = job.token
            self.release(job)
            job.old_token = token

    # --- what accidents do

    @rule()
    def reopen(self):
        self.run(self.store.close())
        self.store = self.open(self.path)
        self.regrant()

    @rule()
    def crash(self):
        """Go on from what lay on the disk at this moment, as after a power cut; the old process never closed its file."""
        copy = self.folder / f"crash-{next(self.files)}.db"
        for suffix in ("", "-wal"):
            source = self.path.with_name(self.path.name + suffix)
            if source.exists():
                shutil.copyfile(source, copy.with_name(copy.name + suffix))
        self.run(self.store.close())
        self.store = self.open(copy)
        self.regrant()

    def regrant(self) -> None:
        for job in self.model.values():
            if job.state == "running":
                least, most = self.clock.steady + GRACE_S * SECOND, self.clock.steady + LEASE_S * SECOND
                job.lease_end = min(max(job.lease_end, least), most)

    # --- what must always hold

    @invariant()
    def everything_is_as_the_model_says(self):
        """States, totals, and one event for every move, numbered without gaps."""
        found, loads, seqs = self.run(_look(self.store))
        for user in USERS:
            own = {uuid: job for uuid, job in self.model.items() if job.user == user}
            assert found[user] == {uuid: (job.state, job.attempt, job.due, job.token, job.cancel) for uuid, job in own.items()}
            assert seqs[user] == list(range(1, sum(job.moves for job in own.values()) + 1))
        states = [job.state for job in self.model.values()]
        ready = [job.user for job in self.model.values() if job.state == "queued" and job.due is None]
        totals = Load(states.count("scheduled"), states.count("queued"), states.count("running"), len(ready), len(set(ready)))
        for user, load in loads.items():
            waiting = sum(job.user == user and job.state in {"scheduled", "queued"} for job in self.model.values())
            assert load == replace(totals, own_waiting=waiting, own_ready=ready.count(user))


async def _look(store: SqliteShard):
    found, seqs = {}, {}
    for user in USERS:
        rows = await store.jobs(user, None, 1000, Filter())
        found[user] = {row.uuid: (str(row.state), row.attempt, row.due_at, row.token, row.cancel_at is not None) for row in rows}
        seqs[user] = [event.seq for event in await store.events(user, 0, 100_000)]
    return found, {user: await store.load(user) for user in (*USERS, None)}, seqs


def _capped(load: Load) -> Admit | Reject:
    return Admit() if load.scheduled + load.queued < CAP else Reject("full", 1.0)


async def _open(path: Path, clock: ManualClock, seed: int, create: bool) -> SqliteShard:
    return await reopen(path, clock, [], LIMITS, seed=seed + 100, create=create)


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(
    max_examples=100, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
