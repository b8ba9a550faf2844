"""What the owner does at the machine: users, engines, and a status that tells the truth."""

import pytest

from contract.admin import EngineStatus
from contract.engine_link import InstanceStats, Scaling
from contract.errors import AuditUnavailable, EngineNameTaken
from gateway.operations.owner import Owner
from gateway.store.memory import MemoryStore
from kit.clock import SECOND, rfc3339
from tests.support.queue import chance, limits

LAB, DEN = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"


class Making(dict):
    """Queues that are made when they are first asked for."""

    def __init__(self, rooms) -> None:
        super().__init__(rooms.directory.stores)
        self._rooms = rooms

    def __contains__(self, engine: object) -> bool:
        assert isinstance(engine, str)
        self.setdefault(engine, MemoryStore(engine, limits(), self._rooms.clock, chance(), lambda _: None))
        return True


@pytest.fixture
async def owner(rooms, book, tokens) -> Owner:
    rooms.directory.stores = Making(rooms)
    return Owner(
        control=rooms.control,
        sources=rooms.sources,
        tokens=tokens,
        directory=rooms.directory,
        presence=rooms.presence,
        delays=rooms.delays,
        audit=book.audit,
        audit_care=book.care,
        vault=book.vault,
        clock=rooms.clock,
        random_bytes=chance(6),
        count_users=lambda: 2,
        describe=lambda: ("1.2.3", "gate", "key", "http://127.0.0.1:7717"),
        drain=rooms.drain,
        rollouts=rooms.rollouts,
    )


async def engine(owner: Owner, name: str = "lab") -> EngineStatus:
    return next(found for found in (await owner.status()).engines if found.name == name)


class TestEngines:
    async def test_a_new_engine_is_known_has_its_queue_and_a_token_that_opens_it(self, owner: Owner, rooms):
        added = await owner.add_engine("attic")
        assert rooms.sources.engine("attic").id == added.id
        assert dict.__contains__(rooms.directory.stores, added.id)
        assert (await owner.tokens.authenticate(added.id, added.token)).engine == added.id
        assert added.token not in repr(added)

    async def test_a_name_that_is_taken_is_refused_and_its_token_lives(self, owner: Owner):
        added = await owner.add_engine("attic")
        with pytest.raises(EngineNameTaken):
            await owner.add_engine("attic")
        assert (await owner.tokens.authenticate(added.id, added.token)).engine == added.id
        assert [found.name for found in (await owner.status()).engines] == ["lab", "den", "attic"]

    async def test_this_machines_engine_is_made_once_and_gets_a_fresh_token_each_time(self, owner: Owner):
        first, second = await owner.local_engine("home"), await owner.local_engine("home")
        assert first.id == second.id
        assert first.token != second.token
        assert (await owner.tokens.authenticate(second.id, second.token)).engine == second.id

    async def test_the_local_token_does_not_void_the_one_of_another_machine(self, owner: Owner):
        added = await owner.add_engine("home")
        local = await owner.local_engine("home")
        assert local.id == added.id
        assert (await owner.tokens.authenticate(added.id, added.token)).engine == added.id


class TestRecords:
    async def test_what_the_owner_changes_is_written_down_and_no_secret_with_it(self, owner: Owner, book):
        added = await owner.add_engine("attic")
        events = book.events()
        assert any(added.id in target or added.name in target for event, _, target in events if event.startswith("engine"))
        assert not any(added.token.encode() in entry.body for entry in book.file.newest(2**62, 100))

    async def test_what_cannot_be_written_down_does_not_happen(self, owner: Owner, book, rooms):
        book.break_it()
        with pytest.raises(AuditUnavailable):
            await owner.add_engine("attic")
        assert [row.name for row in await rooms.control.engines()] == ["lab", "den"]
        assert await rooms.control.installations.tokens() == []

    async def test_this_machines_engine_is_not_made_when_that_cannot_be_written_down(self, owner: Owner, book, rooms):
        book.break_it()
        with pytest.raises(AuditUnavailable):
            await owner.local_engine("home")
        assert [row.name for row in await rooms.control.engines()] == ["lab", "den"]


class TestStatus:
    async def test_an_idle_gateway_is_ready_and_its_engines_are_down(self, owner: Owner):
        status = await owner.status()
        assert (status.version, status.gateway_id, status.address, status.state) == ("1.2.3", "gate", "http://127.0.0.1:7717", "ready")
        assert status.users == 2
        assert [(found.name, found.state, found.reason, found.instances) for found in status.engines] == [
            ("lab", "down", None, []),
            ("den", "down", None, []),
        ]

    async def test_an_engine_is_up_while_an_instance_is_heard(self, owner: Owner, rooms):
        await rooms.claim(kinds=["echo", "http"])
        rooms.clock.advance(30)
        found = await engine(owner)
        assert (found.state, (await engine(owner, "den")).state) == ("up", "down")
        (instance,) = found.instances
        assert (instance.slots, instance.busy, instance.kinds, instance.seconds_since_seen) == (4, 0, ["echo", "http"], 30.0)
        rooms.clock.advance(1)
        found = await engine(owner)
        assert (found.state, [each.state for each in found.instances]) == ("down", ["silent"])
        rooms.clock.advance(300)
        assert (await engine(owner)).instances == []

    async def test_what_an_instance_tells_of_its_slots_is_shown(self, owner: Owner, rooms):
        await rooms.claim()
        assert (await engine(owner)).instances[0].scaling is None
        scaling = Scaling(automatic=True, least=1, most=16)
        rooms.presence.beat(LAB, f"{1:032x}", InstanceStats(slots=4, busy=0, scaling=scaling))
        assert (await engine(owner)).instances[0].scaling == scaling

    async def test_depths_and_delays_are_those_of_the_queue(self, owner: Owner, rooms):
        await rooms.job(run_at=rfc3339(rooms.clock.wall + 60 * SECOND))
        for _ in range(3):
            await rooms.job()
        rooms.clock.advance(0.5)
        await rooms.claim()
        found = await engine(owner)
        assert (found.scheduled, found.queued, found.running) == (1, 2, 1)
        assert (found.start_delay_ms.count, found.start_delay_ms.p50) == (1, 500.0)

    async def test_a_queue_that_cannot_be_opened_makes_it_degraded_and_says_why(self, owner: Owner, rooms):
        await rooms.claim()
        rooms.directory.refused[LAB] = "aaaaaaaaaaaaaaaa.db is damaged"
        assert (await owner.status()).state == "degraded"
        found = await engine(owner)
        assert (found.state, found.reason) == ("unavailable", "aaaaaaaaaaaaaaaa.db is damaged")
        assert (found.scheduled, found.queued, found.running) == (0, 0, 0)
        assert (await engine(owner, "den")).state == "down"

    async def test_a_draining_gateway_says_so_whatever_else_is_wrong(self, owner: Owner, rooms):
        rooms.directory.refused[LAB] = "damaged"
        rooms.drain.shut()
        assert (await owner.status()).state == "draining"
