"""Who may use which engine: owners all, members what was shared with them, and nobody learns of the rest."""

import pytest

from contract.errors import AuditUnavailable, EngineRoleInsufficient, EngineUnknown, UserUnknown
from contract.jobs import JobDraft
from contract.words import Outcome, Role
from gateway.rules import access
from gateway.store.seam import Filter

LAB, DEN = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"


@pytest.fixture
async def sharing(rooms):
    """`ann` owns, `bob` and `cy` are members."""
    rooms.owners = {"ann"}
    for user in ("ann", "bob", "cy"):
        await rooms.add_user(user, user.title())
    await rooms.sharing.load()
    return rooms.sharing


async def may_run(sharing, user: str, engine: str = "lab") -> str:
    try:
        sharing.runs(user, engine)
    except EngineUnknown:
        return "unknown"
    except EngineRoleInsufficient:
        return "looks only"
    return "runs"


@pytest.mark.parametrize(
    ("owner", "member", "role"),
    [(True, None, Role.ADMIN), (True, Role.VIEWER, Role.ADMIN), (False, None, None), (False, Role.VIEWER, Role.VIEWER)],
)
def test_an_owner_manages_every_engine(owner: bool, member: Role | None, role: Role | None):
    assert access.role(owner, member) is role


@pytest.mark.parametrize(("asked", "ceiling", "got"), [(1, None, 1), (1, 3, 3), (3, 3, 3), (5, 3, 5)])
def test_a_ceiling_takes_urgency_away_and_never_adds_any(asked: int, ceiling: int | None, got: int):
    assert access.clamped(asked, ceiling) == got


class TestRoles:
    async def test_an_owner_needs_no_membership_and_a_member_does(self, sharing):
        assert (await may_run(sharing, "ann"), await may_run(sharing, "bob")) == ("runs", "unknown")

    @pytest.mark.parametrize(("role", "may"), [(Role.VIEWER, "looks only"), (Role.RUNNER, "runs"), (Role.ADMIN, "runs")])
    async def test_a_role_lets_do_what_it_says_on_that_engine_alone(self, sharing, role: Role, may: str):
        await sharing.share("lab", "bob", role, None, "owner")
        assert await may_run(sharing, "bob") == may
        assert await may_run(sharing, "bob", "den") == "unknown"
        assert await may_run(sharing, "cy") == "unknown"

    async def test_another_role_replaces_the_first_and_unsharing_ends_it(self, sharing):
        await sharing.share("lab", "bob", Role.RUNNER, None, "owner")
        await sharing.share("lab", "bob", Role.VIEWER, None, "owner")
        assert await may_run(sharing, "bob") == "looks only"
        await sharing.unshare("lab", "bob", "owner")
        assert await may_run(sharing, "bob") == "unknown"
        await sharing.unshare("lab", "bob", "owner")

    async def test_memberships_survive_a_restart(self, sharing):
        await sharing.share("lab", "bob", Role.RUNNER, 4, "owner")
        before = sharing.members(LAB)
        await sharing.load()
        assert sharing.members(LAB) == before
        assert (before[0].user, before[0].name, before[0].role, before[0].priority_ceiling) == ("bob", "Bob", Role.RUNNER, 4)

    @pytest.mark.parametrize("who", ["bob", "Bob"])
    async def test_users_are_found_by_id_and_name(self, sharing, who: str):
        assert (await sharing.share("lab", who, Role.RUNNER, None, "owner")).user == "bob"

    @pytest.mark.parametrize("who", ["", "nobody", "BOB"])
    async def test_nobody_is_no_user(self, sharing, who: str):
        with pytest.raises(UserUnknown):
            await sharing.share("lab", who, Role.RUNNER, None, "owner")

    async def test_what_cannot_be_written_down_does_not_happen(self, sharing, book):
        await sharing.share("lab", "bob", Role.RUNNER, None, "owner")
        book.break_it()
        with pytest.raises(AuditUnavailable):
            await sharing.share("lab", "cy", Role.RUNNER, None, "owner")
        with pytest.raises(AuditUnavailable):
            await sharing.unshare("lab", "bob", "owner")
        assert (await may_run(sharing, "bob"), await may_run(sharing, "cy")) == ("runs", "unknown")

    async def test_shares_are_written_down(self, sharing, book):
        await sharing.share("lab", "bob", Role.RUNNER, None, "owner")
        await sharing.unshare("lab", "bob", "owner")
        assert book.events() == [("engine.share", "owner", LAB), ("engine.unshare", "owner", LAB)]


class TestTheDoors:
    """Each answers for an engine that is not shared as for one that is not there."""

    async def test_a_submit_by_a_stranger_a_viewer_and_a_runner(self, sharing, rooms):
        with pytest.raises(EngineUnknown):
            await rooms.submit("bob")
        await sharing.share("lab", "bob", Role.VIEWER, None, "owner")
        with pytest.raises(EngineRoleInsufficient):
            await rooms.submit("bob")
        assert (await rooms.directory.stores[LAB].load()).queued == 0
        await sharing.share("lab", "bob", Role.RUNNER, None, "owner")
        assert (await rooms.submit("bob")).engine == LAB

    async def test_in_a_batch_only_the_items_for_foreign_engines_are_refused(self, sharing, rooms):
        await sharing.share("lab", "bob", Role.RUNNER, None, "owner")
        items = [(f"k{n}", JobDraft(engine=engine, kind="echo")) for n, engine in enumerate(("lab", "den", DEN, "nowhere"))]
        outcomes = await rooms.submitting.many("bob", items, "00-" + "1" * 32 + "-" + "2" * 16 + "-01")
        assert [type(outcome).__name__ for outcome in outcomes] == ["Taken", "EngineUnknown", "EngineUnknown", "EngineUnknown"]
        assert len({str(outcome) for outcome in outcomes[1:]}) == 1

    async def test_a_ceiling_holds_at_submit_and_a_replay_is_still_known(self, sharing, rooms):
        await sharing.share("lab", "bob", Role.RUNNER, 4, "owner")
        first = await rooms.submit("bob", "k", priority=1)
        assert first.job.priority == 4
        await sharing.share("lab", "bob", Role.RUNNER, None, "owner")
        again = await rooms.submit("bob", "k", priority=1)
        assert (again.replayed, again.job.uuid) == (True, first.job.uuid)

    async def test_filters_know_no_foreign_engine(self, sharing, rooms):
        for name in ("lab", LAB, "nowhere"):
            with pytest.raises(EngineUnknown):
                await rooms.watch.jobs("bob", name, None, 10, Filter())
            with pytest.raises(EngineUnknown):
                await rooms.change.purge("bob", name, ["succeeded"], None)
        await sharing.share("lab", "bob", Role.VIEWER, None, "owner")
        assert (await rooms.watch.jobs("bob", "lab", None, 10, Filter())).jobs == []

    async def test_ones_own_old_jobs_stay_to_be_read_and_removed_but_not_to_be_begun_again(self, sharing, rooms):
        await sharing.share("lab", "bob", Role.RUNNER, None, "owner")
        job = await rooms.job("bob")
        (lease,) = (await rooms.claim()).leases
        await rooms.reporting.finish(LAB, job, _refused(lease.token))
        await sharing.unshare("lab", "bob", "owner")
        assert (await rooms.watch.job("bob", job))[1].job.state == "dead"
        assert len((await rooms.watch.jobs("bob", "lab", None, 10, Filter())).jobs) == 1
        assert len((await rooms.watch.jobs("bob", None, None, 10, Filter())).jobs) == 1
        with pytest.raises(EngineUnknown):
            await rooms.change.redrive("bob", job)
        await rooms.change.delete("bob", job)


class TestTheWhitelist:
    async def test_it_has_owners_and_those_who_may_run(self, sharing):
        await sharing.share("lab", "bob", Role.VIEWER, None, "owner")
        assert (await sharing.whitelist(LAB)).users == ["ann"]
        await sharing.share("lab", "bob", Role.RUNNER, None, "owner")
        assert (await sharing.whitelist(LAB)).users == ["ann", "bob"]
        assert (await sharing.whitelist(DEN)).users == ["ann"]

    async def test_its_version_is_that_of_its_content(self, sharing):
        empty = sharing.whitelist_version(LAB)
        await sharing.share("lab", "bob", Role.RUNNER, None, "owner")
        shared = sharing.whitelist_version(LAB)
        assert shared not in {0, empty}
        assert (await sharing.whitelist(LAB)).version == shared
        assert sharing.whitelist_version(DEN) == empty
        await sharing.unshare("lab", "bob", "owner")
        assert sharing.whitelist_version(LAB) == empty

    async def test_only_the_engines_whose_list_changed_are_woken(self, sharing):
        woken: list[str | None] = []
        sharing.news = woken.append
        for engine in (LAB, DEN):
            sharing.whitelist_version(engine)
        await sharing.share("lab", "bob", Role.RUNNER, None, "owner")
        await sharing.share("lab", "bob", Role.ADMIN, None, "owner")
        await sharing.share("den", "cy", Role.VIEWER, None, "owner")
        assert woken == [LAB]

    async def test_a_list_that_is_asked_for_knows_users_whom_nobody_told_of(self, sharing, rooms):
        await sharing.whitelist(LAB)
        rooms.owners.add("dan")
        await rooms.add_user("dan", "Dan")
        assert (await sharing.whitelist(LAB)).users == ["ann", "dan"]


def _refused(token: str):
    from contract.engine_link import FinishRequest

    return FinishRequest(token=token, outcome=Outcome.REFUSED)
