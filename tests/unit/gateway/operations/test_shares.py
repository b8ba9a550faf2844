"""Jobs shared between canaries and others: exact over time, and no job waits while a claim waits that may take it."""

import asyncio
import random

import pytest

from contract.drain import DrainTarget
from contract.engine_link import Announce, FinishRequest, Lease
from contract.words import DrainState, Outcome
from gateway.operations.wake import Hint
from gateway.store.memory import MemoryStore
from gateway.store.seam import Claim, Claimed

LAB = "aaaaaaaaaaaaaaaa"
LONG_MS = 25_000
KINDS = ("echo", "http", "pay")


class SlowStore:
    """A queue whose answers take a few turns of the loop, as those of a file do."""

    def __init__(self, store: MemoryStore, chance: random.Random) -> None:
        self._store = store
        self._chance = chance

    def __getattr__(self, name: str):
        return getattr(self._store, name)

    async def claim(self, claim: Claim) -> Claimed:
        for _ in range(self._chance.randrange(4)):
            await asyncio.sleep(0)
        claimed = await self._store.claim(claim)
        for _ in range(self._chance.randrange(4)):
            await asyncio.sleep(0)
        return claimed


class Worker:
    """An instance whose claims wait, and that can hang up."""

    def __init__(self, rooms, number: int, *, canary: bool, kinds=("echo",), slots: int = 1) -> None:
        self.rooms, self.number, self.canary, self.kinds, self.slots = rooms, number, canary, kinds, slots
        self.gone = asyncio.Event()
        self.task: asyncio.Task | None = None
        self.given: list[Lease] = []

    def claim(self) -> None:
        self.gone = asyncio.Event()
        announce = Announce(version="1", canary=self.canary, slots=self.slots, kinds=list(self.kinds))
        request = self.rooms.request(self.number, max=self.slots, announce=announce, wait_ms=LONG_MS)
        self.task = asyncio.create_task(self.rooms.claiming.claim(self.rooms.caller(), request, self.gone))
        self.task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task) -> None:
        self.task = None
        answer = task.result()
        self.given += [] if answer is None else answer.leases

    @property
    def waits(self) -> bool:
        return self.task is not None


async def settled() -> None:
    for _ in range(200):  # nothing here leaves the loop
        await asyncio.sleep(0)


async def finish(rooms, lease: Lease) -> None:
    await rooms.reporting.finish(LAB, lease.job, FinishRequest(token=lease.token, outcome=Outcome.SUCCEEDED, result=1))


async def waiting_kinds(rooms) -> set[str]:
    store = rooms.directory.stores[LAB]
    return {job.kind for job in store._jobs.values() if job.state == "queued" and job.due_at is None}


@pytest.mark.parametrize("percent", [10, 25, 0, 100])
async def test_while_both_sides_wait_the_canary_gets_its_share_exactly(rooms, percent: int):
    rooms.rollouts.default_percent = percent
    workers = [Worker(rooms, number, canary=number == 1) for number in (1, 2, 3)]
    for done in range(1, 101):
        for worker in workers:
            if not worker.waits:
                worker.claim()
        await settled()
        await rooms.job()
        await settled()
        (worker,) = [worker for worker in workers if not worker.waits]
        await finish(rooms, worker.given[-1])
        ledger = rooms.shares.ledger(LAB)
        assert (ledger.counted, ledger.canaries) == (done, len(workers[0].given))
        assert abs(len(workers[0].given) - done * percent / 100) < 1
    for worker in workers:
        worker.gone.set()
    await settled()


@pytest.mark.parametrize("canary", [True, False])
async def test_when_one_side_waits_alone_it_takes_everything_uncounted(rooms, canary: bool):
    worker = Worker(rooms, 1, canary=canary)
    for _ in range(20):
        worker.claim()
        await settled()
        await rooms.job()
        await settled()
    assert (len(worker.given), rooms.shares.ledger(LAB).counted) == (20, 0)


async def test_what_only_one_side_can_do_does_not_count(rooms):
    rooms.rollouts.default_percent = 50
    canary, other = Worker(rooms, 1, canary=True, kinds=("pay",)), Worker(rooms, 2, canary=False, kinds=("echo", "pay"))
    for worker in (canary, other):
        worker.claim()
    await settled()
    for _ in range(3):
        await rooms.job(kind="echo")
        await settled()
        other.claim()
        await settled()
    assert (len(other.given), rooms.shares.ledger(LAB).counted) == (3, 0)
    for worker in (canary, other):
        worker.gone.set()
    await settled()


async def test_a_replayed_claim_counts_once(rooms):
    rooms.rollouts.default_percent = 100
    other = Worker(rooms, 2, canary=False)
    other.claim()
    await settled()
    announce = Announce(version="1", canary=True, slots=1, kinds=["echo"])
    request = rooms.request(1, announce=announce, wait_ms=LONG_MS)
    first = asyncio.create_task(rooms.claiming.claim(rooms.caller(), request, asyncio.Event()))
    await settled()
    await rooms.job()
    rooms.clock.advance(0.001)
    again = await rooms.claiming.claim(rooms.caller(), request, asyncio.Event())
    assert again.leases == (await first).leases or [lease.token for lease in again.leases] == [first.result().leases[0].token]
    assert rooms.shares.ledger(LAB).counted == 1
    other.gone.set()
    await settled()


async def test_a_claim_of_an_instance_that_drains_keeps_no_job_from_others(rooms):
    """It looks like a waiting canary whose turn it is, but takes nothing."""
    rooms.rollouts.default_percent = 100
    canary, other = Worker(rooms, 1, canary=True), Worker(rooms, 2, canary=False)
    canary.claim()
    await settled()
    await rooms.drain.change(DrainTarget(instance=f"{1:032x}"), DrainState.DRAIN, "owner")
    await settled()
    canary.claim()
    other.claim()
    await settled()
    await rooms.job()
    await settled()
    assert len(other.given) == 1
    canary.gone.set()
    await settled()


async def test_a_claim_that_drains_passes_on_the_job_that_woke_it(rooms):
    first, second = Worker(rooms, 1, canary=False), Worker(rooms, 2, canary=False)
    for worker in (first, second):
        worker.claim()
    await settled()
    await rooms.job()
    rooms.drain._instances[f"{1:032x}"] = DrainState.DRAIN  # the very moment between its wake and its look
    await settled()
    assert (len(first.given), len(second.given)) == (0, 1)


async def test_what_is_left_after_a_run_goes_to_a_waiting_claim_of_the_other_side(rooms):
    """Two jobs come at once and one claim with two slots is woken for both; only one is its side's."""
    rooms.rollouts.default_percent = 50
    other, canary = Worker(rooms, 1, canary=False, slots=2), Worker(rooms, 2, canary=True)
    other.claim()
    await settled()
    rooms.fanout.listen(lambda *_: None)
    canary.claim()
    await settled()
    rooms.wake._waiters[LAB] = dict.fromkeys(sorted(rooms.wake._waiters[LAB], key=lambda waiter: waiter.canary))
    store = rooms.directory.stores[LAB]
    hears, store._on_commit = store._on_commit, lambda _: None
    await rooms.job()
    store._on_commit = hears
    await rooms.job()  # one hint for two jobs
    await settled()
    assert (len(other.given), len(canary.given)) == (1, 1)


async def test_a_job_that_is_handed_to_a_claim_which_leaves_comes_back(rooms):
    rooms.rollouts.default_percent = 100
    other, canary = Worker(rooms, 1, canary=False), Worker(rooms, 2, canary=True)
    for worker in (other, canary):
        worker.claim()
    await settled()
    waiting = {waiter.canary: waiter for waiter in rooms.wake._waiters[LAB]}
    waiting[True].wake(Hint.NEWS)  # it is woken already, for something else ...
    await rooms.job()
    canary.gone.set()  # ... and leaves, before it looks
    rooms.wake.pass_on(LAB, "echo", canary=True)
    await settled()
    assert (len(other.given), len(canary.given)) == (1, 0)


async def test_looks_of_both_sides_at_once_do_not_share_one_turn(rooms):
    rooms.directory.stores[LAB] = SlowStore(rooms.directory.stores[LAB], random.Random(3))
    rooms.rollouts.default_percent = 20
    workers = [Worker(rooms, n, canary=n < 4) for n in range(1, 9)]
    for _ in range(40):
        for worker in workers:
            if not worker.waits:
                worker.claim()
        await settled()
        for _ in range(3):
            await rooms.job()
        await settled()
        assert not await waiting_kinds(rooms)
    ledger = rooms.shares.ledger(LAB)
    assert sum(len(worker.given) for worker in workers if worker.canary) == ledger.canaries == ledger.counted // 5 == 24
    for worker in workers:
        worker.gone.set()
    await settled()


@pytest.mark.parametrize("seed", range(40))
async def test_no_job_waits_while_a_claim_waits_that_may_take_it(rooms, seed: int):
    """Claims come, hang up, drain and change sides; jobs come alone and in bunches; stores answer late."""
    chance = random.Random(seed)
    rooms.directory.stores[LAB] = SlowStore(rooms.directory.stores[LAB], chance)
    rooms.rollouts.default_percent = chance.choice([0, 10, 50, 90, 100])
    workers = [
        Worker(rooms, n, canary=chance.random() < 0.5, kinds=chance.sample(KINDS, chance.randint(1, 3)), slots=chance.randint(1, 4))
        for n in range(1, 7)
    ]
    rooms.submitting.admission.hard_cap = 10**6
    drained: set[int] = set()
    await rooms.claim(9, kinds=list(KINDS), max=0)  # every kind is known to be served
    for _ in range(120):
        for _ in range(chance.randint(1, 4)):
            worker = chance.choice(workers)
            match chance.randrange(12):
                case 0 | 1 | 2 | 3 | 4:
                    if not worker.waits:
                        worker.claim()
                case 5:
                    worker.gone.set()
                case 6 if rooms.presence.find(LAB, f"{worker.number:032x}"):
                    drained ^= {worker.number}
                    state = DrainState.DRAIN if worker.number in drained else DrainState.RUN
                    await rooms.drain.change(DrainTarget(instance=f"{worker.number:032x}"), state, "owner")
                case 7:
                    for lease in worker.given:
                        await finish(rooms, lease)
                    worker.given = []
                case _:
                    for _ in range(chance.randint(1, 2)):
                        await rooms.job(kind=chance.choice(KINDS))
            if chance.random() < 0.5:
                await asyncio.sleep(0)
        if chance.random() < 0.5:
            await settled()
            free = {kind for worker in workers if worker.waits and worker.number not in drained for kind in worker.kinds}
            assert not (await waiting_kinds(rooms) & free)
    for worker in workers:
        worker.gone.set()
    await settled()
