"""What the owner does with engines: codes, rotation, revocation with the jobs it frees, and the list."""

import asyncio

import pytest

from contract.engine_link import EnrolRequest
from contract.errors import AuditUnavailable, EngineNameTaken, EngineTokenRevoked, EngineUnknown, InstallationUnknown, LeaseLost
from contract.words import Directive, JobState, Outcome, Role
from gateway.operations.engines import Engines
from gateway.operations.enrol import Enrolment
from gateway.operations.owner import Owner
from gateway.store.memory import MemoryStore
from kit.clock import SECOND
from tests.support.queue import chance, limits

LAB, DEN = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"


@pytest.fixture
async def engines(rooms, book, tokens) -> Engines:
    owner = Owner(
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
        count_users=lambda: 0,
        describe=lambda: ("1", "gate", "key", "http://127.0.0.1:7717"),
        drain=rooms.drain,
        rollouts=rooms.rollouts,
    )
    enrolment = Enrolment(rooms.control.installations, tokens, rooms.sources, book.audit, rooms.clock, chance(7))
    return Engines(
        owner, tokens, enrolment, rooms.sharing, rooms.sources, rooms.presence, rooms.directory, rooms.wake, book.audit, rooms.clock
    )


async def installed(engines: Engines, rooms, name: str, engine: str = LAB):
    return await engines.tokens.authenticate(engine, await engines.tokens.mint(engine, name))


async def leased(rooms, caller, instance: int):
    request = rooms.request(instance)
    answer = await rooms.claiming.claim(caller, request, asyncio.Event())
    return answer.leases[0]


class TestAdding:
    async def test_a_remote_engine_begins_with_a_code_and_no_token(self, engines: Engines, rooms, monkeypatch):
        store = MemoryStore("x", limits(), rooms.clock, chance(), lambda _: None)
        monkeypatch.setattr(rooms.directory, "stores", _AnyStore(rooms.directory.stores, store))
        made = await engines.add_remote("attic")
        (view,) = [engine for engine in (await engines.listing()).engines if engine.name == "attic"]
        assert (view.id, view.installations, view.codes) == (made.engine_id, [], 1)
        told = await engines.enrolment.enrol(EnrolRequest(code=made.code, installation_name="box"))
        assert told.engine_name == "attic"
        with pytest.raises(EngineNameTaken):
            await engines.add_remote("attic")

    async def test_another_code_is_for_the_engine_that_is_named(self, engines: Engines):
        assert [(await engines.new_code(name)).engine_id for name in ("lab", DEN)] == [LAB, DEN]
        with pytest.raises(EngineUnknown):
            await engines.new_code("nowhere")


class _AnyStore(dict):
    def __init__(self, known, store) -> None:
        super().__init__(known)
        self.store = store

    def __contains__(self, engine: object) -> bool:
        return True

    def __missing__(self, engine: str) -> MemoryStore:
        return self.store


class TestRevoking:
    async def test_running_jobs_of_that_installation_go_back_and_another_finishes_them(self, engines: Engines, rooms):
        thief, other = await installed(engines, rooms, "thief"), await installed(engines, rooms, "other")
        job, kept = await rooms.job(), await rooms.job()
        stolen, held = await leased(rooms, thief, 1), await leased(rooms, other, 2)
        assert (stolen.job, held.job) == (job, kept)
        told = await engines.revoke("lab", "thief", compromised=False)
        assert [(each.installation, each.jobs_returned, each.instances) for each in told.revoked] == [("thief", 1, [f"{1:032x}"])]
        again = await leased(rooms, other, 2)
        assert (again.job, again.attempt) == (job, 2)
        with pytest.raises(LeaseLost):
            await rooms.reporting.finish(LAB, job, _done(stolen.token))
        await rooms.reporting.finish(LAB, job, _done(again.token))
        assert (await rooms.watch.job("ann", job))[1].job.state is JobState.SUCCEEDED

    async def test_a_claim_that_waits_is_sent_away_at_once(self, engines: Engines, rooms):
        caller = await installed(engines, rooms, "thief")
        rooms.claiming.stands = engines.tokens.stands
        poll = asyncio.create_task(rooms.claiming.claim(caller, rooms.request(1, wait_ms=25_000), asyncio.Event()))
        await rooms.waiters(1)
        await engines.revoke("lab", None, compromised=False)
        with pytest.raises(EngineTokenRevoked):
            await poll

    async def test_a_queue_that_cannot_be_opened_does_not_keep_a_token_alive(self, engines: Engines, rooms):
        text = await engines.tokens.mint(LAB, "thief")
        rooms.directory.refused[LAB] = "damaged"
        told = await engines.revoke("lab", "thief", compromised=False)
        assert [each.jobs_returned for each in told.revoked] == [0]
        with pytest.raises(EngineTokenRevoked):
            await engines.tokens.authenticate(LAB, text)

    async def test_what_is_known_of_a_compromised_token_is_told_and_of_no_other(self, engines: Engines, rooms):
        await installed(engines, rooms, "other")
        text = await engines.tokens.mint(LAB, "thief")
        caller = await engines.tokens.authenticate(LAB, text)
        await engines.tokens.authenticate(LAB, await engines.tokens.renew(caller))
        told = await engines.revoke("lab", "thief", compromised=True)
        assert [record.event for record in told.records] == [
            "engine.token_issued",
            "engine.token_rotated",
            "engine.token_revoked",
            "engine.token_compromised",
        ]
        assert {record.detail["installation"] for record in told.records} == {"thief"}
        assert (await engines.revoke("lab", "other", compromised=False)).records == []

    async def test_what_cannot_be_written_down_does_not_happen(self, engines: Engines, rooms, book):
        caller = await installed(engines, rooms, "thief")
        job = await rooms.job()
        lease = await leased(rooms, caller, 1)
        book.break_it()
        with pytest.raises(AuditUnavailable):
            await engines.revoke("lab", None, compromised=True)
        await rooms.reporting.finish(LAB, job, _done(lease.token))

    async def test_engines_and_installations_that_are_not_there_are_named(self, engines: Engines):
        with pytest.raises(EngineUnknown):
            await engines.revoke("nowhere", None, compromised=False)
        with pytest.raises(InstallationUnknown):
            await engines.revoke("lab", "nowhere", compromised=False)
        assert (await engines.revoke("lab", None, compromised=False)).revoked == []


async def test_a_rotation_is_heard_by_those_who_wait(engines: Engines, rooms):
    caller = await installed(engines, rooms, "first")
    rooms.claiming.directive = lambda who, _: Directive.ROTATE if engines.tokens.told_to_rotate(who) else Directive.RUN
    poll = asyncio.create_task(rooms.claiming.claim(caller, rooms.request(1, wait_ms=25_000), asyncio.Event()))
    await rooms.waiters(1)
    assert await engines.rotate("lab", None) == ["first"]
    assert (await poll).directive is Directive.ROTATE


async def test_the_list_has_engines_with_machines_codes_and_members(engines: Engines, rooms):
    await rooms.add_user("bob", "Bob")
    await rooms.sharing.users_changed()
    await engines.sharing.share("lab", "bob", Role.RUNNER, None, "owner")
    await installed(engines, rooms, "first")
    await engines.new_code("den")
    lab, den = (await engines.listing()).engines
    assert ([each.name for each in lab.installations], [each.user for each in lab.members], lab.codes) == (["first"], ["bob"], 0)
    assert (den.installations, den.members, den.codes) == ([], [], 1)
    rooms.clock.advance(15 * 60 * SECOND / SECOND)
    assert (await engines.listing()).engines[1].codes == 0


def _done(token: str):
    from contract.engine_link import FinishRequest

    return FinishRequest(token=token, outcome=Outcome.SUCCEEDED, result="done")
