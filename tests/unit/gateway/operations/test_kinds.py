"""Offers, grants, fitness and budgets, in rooms where all of them count."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from contract.engine_link import Announce
from contract.errors import (
    BudgetExhausted,
    EngineUnknown,
    IdempotencyKeyReused,
    KindNotAllowed,
    KindUnserved,
    ModelUnknown,
    OfferInvalid,
    PayloadInvalid,
)
from contract.kinds import KINDS, Usage
from contract.offers import Offer, OfferedKind, OfferedModel, OfferedTool
from contract.words import Outcome, Role, UserRole
from gateway.operations.kinds import models_of
from gateway.operations.submit import Taken as Submitted
from gateway.rules.spending import Taken
from gateway.rules.views import job_id_of
from gateway.store.memberships import Membership
from gateway.store.people import UserRow
from gateway.store.seam import Claim
from tests.support.queue import TRACE, failed, report

PAINT = "com.example.paint"
SCHEMA = {"type": "object", "required": ["size"], "properties": {"size": {"type": "integer"}}}
CHAT = {"model": "a/b", "messages": [{"role": "user", "content": "hi"}]}
LAB = "aaaaaaaaaaaaaaaa"


def offer(**changes: Any) -> Offer:
    values: dict[str, Any] = {
        "kinds": [OfferedKind(name=PAINT, title="Paint", payload=SCHEMA)],
        "models": [OfferedModel(name="a/b", kinds=["chat"]), OfferedModel(name="fast", kinds=["chat", "embed"], behind=["a/b", "c/d"])],
        "tools": [OfferedTool(name="web", arguments={}, source="mcp")],
    }
    return Offer(**{**values, **changes})


def announce(offered: Offer | None, *kinds: str) -> Announce:
    return Announce(version="1", slots=4, kinds=list(kinds), offer=None if offered is None else offered.version)


@pytest.fixture
async def strict(rooms):
    """Rooms with Ann, a runner of lab, where everything counts."""
    ann = UserRow("ann", "Ann", UserRole.MEMBER, 1)
    await rooms.people._database.write("INSERT INTO users(id, name, role, added_at) VALUES ('ann', 'Ann', 'member', 1)")
    rooms.users, rooms.owners, rooms.strict = [ann], set(), True
    await rooms.control.memberships.put(Membership("ann", LAB, Role.RUNNER), 1)
    await rooms.sharing.load()
    return rooms


async def heard(rooms, offered: Offer | None = None, *kinds: str, instance: int = 1, put: bool = True):
    """An instance that announces kinds and an offer, which it has sent."""
    served = kinds or ("chat", "embed", "echo", "tool", PAINT)
    answer = await rooms.claim(instance, announce=announce(offered, *served), max=0)
    if offered is not None and put:
        await rooms.offers.put(LAB, offered)
    return answer


async def mistake(rooms, kind: str, payload: Any = None, user: str = "ann") -> type[BaseException] | None:
    (outcome,) = await rooms.submitting.many(user, [(rooms.keys(), rooms.draft(kind=kind, payload=payload))], TRACE)
    return None if isinstance(outcome, Submitted) else type(outcome)


class TestOffers:
    async def test_an_unknown_offer_is_asked_for_at_once_and_only_once_at_once(self, strict):
        async with asyncio.timeout(10):  # not after the 25 s that it would wait
            first = await strict.claim(1, announce=announce(offer(), "chat"), wait_ms=25_000, max=0)
        assert first.offer_wanted
        # Not sent: the next claim waits its time, and still says so.
        again = strict.request(1, announce=announce(offer(), "chat"), wait_ms=0, max=0)
        assert (await strict.claiming.claim(strict.caller(LAB), again, asyncio.Event())).offer_wanted
        await strict.offers.put(LAB, offer())
        assert not (await strict.claim(1, announce=announce(offer(), "chat"), max=0)).offer_wanted

    async def test_an_engine_that_offers_nothing_more_is_not_asked(self, strict):
        assert not (await heard(strict, None, "chat")).offer_wanted

    async def test_a_lost_answer_does_not_lose_the_question(self, strict):
        asked = strict.request(1, announce=announce(offer(), "chat"), wait_ms=25_000, max=0)
        for _ in range(2):
            async with asyncio.timeout(10):
                answer = await strict.claiming.claim(strict.caller(LAB), asked, asyncio.Event())
            assert answer.offer_wanted

    async def test_offers_that_nobody_announces_are_forgotten(self, strict):
        await heard(strict, offer())
        other = offer(models=[])
        await heard(strict, other)
        await strict.offers.put(LAB, other)
        assert set(strict.offers._known[LAB]) == {other.version}

    async def test_an_offer_with_a_bad_schema_is_refused(self, strict):
        with pytest.raises(OfferInvalid):
            await strict.offers.put(LAB, offer(kinds=[OfferedKind(name=PAINT, payload={"$ref": "http://x"})]))

    async def test_the_provider_of_a_model_is_a_word_of_the_offers(self, strict):
        await heard(strict, offer())
        assert [strict.offers.provider(LAB, model) for model in ("a/x", "c/d", "z/x", "fast", "a")] == ["a", "c", "other", "other", "other"]


class TestFitness:
    @pytest.mark.parametrize(
        ("kind", "payload", "expected"),
        [
            ("chat", CHAT, None),
            ("chat", {**CHAT, "model": "fast"}, None),
            ("chat", {**CHAT, "model": "a/none"}, ModelUnknown),
            ("chat", {**CHAT, "messages": 1}, PayloadInvalid),
            ("embed", {"model": "a/b", "input": ["x"]}, ModelUnknown),
            ("embed", {"model": "fast", "input": ["x"]}, None),
            ("echo", None, None),
            ("tool", {"name": "web"}, KindNotAllowed),
            (PAINT, {"size": 1}, KindNotAllowed),
            ("ecko", None, KindUnserved),
        ],
    )
    async def test_a_draft_is_judged_by_kind_grant_payload_and_model(self, strict, kind, payload, expected):
        await heard(strict, offer())
        assert await mistake(strict, kind, payload) is expected

    async def test_a_foreign_kind_that_is_allowed_is_held_against_its_schema(self, strict):
        await heard(strict, offer())
        await strict.kinds.allow("lab", PAINT, Role.RUNNER, "owner")
        assert await mistake(strict, PAINT, {"size": 1}) is None
        assert await mistake(strict, PAINT, {"size": "big"}) is PayloadInvalid

    @pytest.mark.parametrize("told", [None, False], ids=["nothing-offered", "not-sent-yet"])
    async def test_models_are_not_judged_by_what_is_not_known(self, strict, told):
        await heard(strict, None if told is None else offer(), put=False)
        assert await mistake(strict, "chat", {**CHAT, "model": "a/none"}) is None

    async def test_models_are_not_judged_while_one_of_two_instances_has_not_told(self, strict):
        await heard(strict, offer())
        await heard(strict, offer(models=[]), instance=2, put=False)
        assert await mistake(strict, "chat", {**CHAT, "model": "a/none"}) is None
        assert await mistake(strict, "embed", {"model": "a/none", "input": ["x"]}) is None

    async def test_a_known_key_is_answered_whatever_holds_now(self, strict):
        await heard(strict, offer())
        draft = strict.draft(kind="chat", payload=CHAT)
        first = await strict.submitting.one("ann", "k", draft, TRACE)
        await strict.kinds.allow("lab", "chat", None, "owner")
        assert await mistake(strict, "chat", CHAT) is KindNotAllowed
        again = await strict.submitting.one("ann", "k", draft, TRACE)
        assert (again.job.uuid, again.replayed) == (first.job.uuid, True)
        with pytest.raises(IdempotencyKeyReused):
            await strict.submitting.one("ann", "k", strict.draft(kind="chat", payload={**CHAT, "messages": 1}), TRACE)

    async def test_each_draft_of_a_batch_has_its_own_verdict(self, strict):
        await heard(strict, offer())
        items = [(f"k{n}", strict.draft(kind="chat", payload={**CHAT, "model": model})) for n, model in enumerate(("a/b", "x/y", "fast"))]
        outcomes = await strict.submitting.many("ann", items, TRACE)
        assert [type(outcome) for outcome in outcomes] == [Submitted, ModelUnknown, Submitted]
        assert "a/b, fast" in outcomes[1].detail

    async def test_a_dead_job_of_a_kind_that_is_off_now_is_not_begun_anew(self, strict):
        await heard(strict, offer())
        taken = await strict.submitting.one("ann", "k", strict.draft(kind="chat", payload=CHAT, max_attempts=1), TRACE)

        store = strict.directory.stores[LAB]

        claimed = await store.claim(Claim("i" * 32, "a" * 32, ("chat",), 1, 0))
        await store.finish(failed(claimed.leases[0], retryable=False))
        await strict.kinds.allow("lab", "chat", None, "owner")
        with pytest.raises(KindNotAllowed):
            await strict.change.redrive("ann", job_id_of(LAB, taken.job))


class TestGrants:
    async def test_a_grant_is_kept_and_written_down(self, strict):
        await strict.kinds.allow("lab", "http", Role.ADMIN, "owner")
        await strict.kinds.load()
        assert strict.kinds._grants == {LAB: {"http": Role.ADMIN}}
        assert ("engine.allow_kind", "owner", LAB) in strict.book.events()
        with pytest.raises(EngineUnknown):
            await strict.kinds.allow("nowhere", "http", None, "owner")

    async def test_a_lease_tells_what_its_user_may_use(self, strict):
        await heard(strict, offer())
        await strict.submitting.one("ann", "k", strict.draft(kind="chat", payload=CHAT), TRACE)
        await strict.kinds.allow("lab", "tool", Role.RUNNER, "owner")
        answer = await strict.claim(1, announce=announce(offer(), "chat"))
        assert "tool" in answer.leases[0].grants
        assert "http" not in answer.leases[0].grants

    async def test_the_listing_has_what_is_served_and_what_was_said(self, strict):
        await heard(strict, offer(), "chat", PAINT)
        await strict.kinds.allow("lab", "http", Role.ADMIN, "owner")
        listing = {grant.kind: grant.role for grant in strict.kinds.listing("lab").grants}
        assert listing == {"chat": Role.RUNNER, PAINT: None, "http": Role.ADMIN}


class TestPublished:
    async def test_a_user_sees_what_they_may_submit_with_schemas_models_and_no_tools(self, strict):
        await heard(strict, offer())
        told = strict.kinds.published("ann")
        assert [kind.name for kind in told.kinds] == ["chat", "echo", "embed"]
        assert told.kinds[0].payload == KINDS["chat"].schema
        (engine,) = told.engines
        assert (engine.engine, engine.kinds, engine.tools) == ("lab", ["chat", "echo", "embed"], [])
        assert [(model.name, model.kinds, model.behind) for model in engine.models] == [
            ("a/b", ["chat"], []),
            ("fast", ["chat", "embed"], ["a/b", "c/d"]),
        ]

    async def test_what_the_owner_allows_is_published(self, strict):
        await heard(strict, offer())
        for kind in ("tool", PAINT):
            await strict.kinds.allow("lab", kind, Role.RUNNER, "owner")
        await strict.kinds.allow("lab", "chat", None, "owner")
        told = strict.kinds.published("ann")
        assert {kind.name: kind.payload for kind in told.kinds}[PAINT] == SCHEMA
        (engine,) = told.engines
        assert [tool.name for tool in engine.tools] == ["web"]
        assert [model.name for model in engine.models] == ["fast"]
        assert models_of(strict.kinds, LAB, frozenset({"embed"})) == ["fast"]

    async def test_a_stranger_sees_nothing(self, strict):
        await heard(strict, offer())
        assert strict.kinds.published("eve").engines == []


class TestBudgets:
    async def taken(self, rooms, usage: Usage, user: str = "ann") -> None:
        """A job of the user that took so much."""

        await rooms.submitting.one(user, rooms.keys(), rooms.draft(kind="chat", payload=CHAT), TRACE)
        store = rooms.directory.stores[LAB]
        claimed = await store.claim(Claim("i" * 32, rooms.attempt_ids(), ("chat",), 1, 0))
        await store.finish(replace(report(claimed.leases[0], Outcome.SUCCEEDED), usage=usage))

    async def test_a_used_up_budget_refuses_until_midnight_and_only_what_costs(self, strict):
        await heard(strict)
        await strict.budgets.put("Ann", 1000, None, "owner")
        await self.taken(strict, Usage(input_tokens=5, output_tokens=5, cost_micros=999))
        assert await mistake(strict, "chat", CHAT) is None
        await self.taken(strict, Usage(cost_micros=1))
        (outcome,) = await strict.submitting.many("ann", [("k", strict.draft(kind="chat", payload=CHAT))], TRACE)
        assert isinstance(outcome, BudgetExhausted)
        assert await mistake(strict, "echo") is None
        strict.clock.advance(outcome.retry_after_s)
        assert await mistake(strict, "chat", CHAT) is None

    async def test_what_was_taken_is_summed_over_engines_and_survives_a_restart_of_the_room(self, strict):
        await self.taken(strict, Usage(input_tokens=5, output_tokens=6, cost_micros=7))
        await self.taken(strict, Usage(input_tokens=1))
        assert await strict.budgets.taken_today("ann") == Taken(6, 6, 7)
        await strict.budgets.put("ann", None, 12, "owner")
        strict.budgets._limits = {}
        await strict.budgets.load()
        with pytest.raises(BudgetExhausted):
            await strict.budgets.check("ann", "embed")

    async def test_a_budget_can_be_taken_away(self, strict):
        await strict.budgets.put("ann", 0, None, "owner")
        with pytest.raises(BudgetExhausted):
            await strict.budgets.check("ann", "chat")
        await strict.budgets.put("ann", None, None, "owner")
        await strict.budgets.check("ann", "chat")
        assert await strict.control.budgets.all() == {}
        assert [event for event, *_ in strict.book.events()] == ["user.budget", "user.budget"]

    async def test_a_queue_that_cannot_be_opened_is_passed_over(self, strict):
        await self.taken(strict, Usage(input_tokens=5))
        strict.directory.refused[LAB] = "damaged"
        assert await strict.budgets.taken_today("ann") == Taken()


async def test_what_providers_took_is_told_once(strict):
    told: list[tuple[object, ...]] = []
    strict.listener.provider_used = lambda *facts: told.append(("used", *facts))
    strict.listener.provider_called = lambda *facts: told.append(("called", *facts))
    await heard(strict, offer())
    usage = Usage(
        input_tokens=5,
        output_tokens=6,
        cost_micros=1_500_000,
        calls=[
            {"model": "c/d", "took_ms": 20, "code": "provider.down"},
            {"model": "a/b", "took_ms": 100, "first_token_ms": 10},
        ],
    )
    await TestBudgets().taken(strict, usage)
    assert told == [
        ("called", LAB, "c", 0.02, None, "provider.down"),
        ("called", LAB, "a", 0.1, 0.01, None),
        ("used", LAB, "a", 5, 6, 1.5),
    ]
