"""Whose a token is, how one becomes the next, and how it ends."""

import asyncio

import pytest

from contract import opaque_token
from contract.errors import (
    AuditUnavailable,
    EngineIdMismatch,
    EngineTokenInvalid,
    EngineTokenRevoked,
    EngineTokenSuperseded,
    InstallationUnknown,
)
from gateway.operations.engine_auth import OVERDUE_US, USE_KEPT_EVERY_US, EngineTokens
from gateway.rules.engine_tokens import EngineCaller
from kit.clock import SECOND, rfc3339
from tests.support.queue import chance

LAB, DEN = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"
RETIRES_S, MAX_AGE_S = 60, 30 * 24 * 3600


async def called(tokens: EngineTokens, text: str) -> EngineCaller:
    return await tokens.authenticate(LAB, text)


async def renewed(tokens: EngineTokens, text: str) -> str:
    return await tokens.renew(await called(tokens, text))


class TestWhose:
    async def test_a_token_opens_its_own_engine(self, tokens: EngineTokens):
        lab, den = await tokens.mint(LAB, "first"), await tokens.mint(DEN, "first")
        assert [(await tokens.authenticate(engine, text)).engine for engine, text in ((LAB, lab), (DEN, den))] == [LAB, DEN]

    @pytest.mark.parametrize("named", [DEN, "", None, "nobody"])
    async def test_a_token_opens_no_other_engine(self, tokens: EngineTokens, named: str | None):
        lab = await tokens.mint(LAB, "first")
        with pytest.raises(EngineIdMismatch):
            await tokens.authenticate(named, lab)

    @pytest.mark.parametrize("text", [None, "", "nonsense", "fwe1_", "é" * 62])
    async def test_garbage_is_no_token(self, tokens: EngineTokens, text: str | None):
        await tokens.mint(LAB, "first")
        with pytest.raises(EngineTokenInvalid):
            await tokens.authenticate(LAB, text)

    async def test_a_well_formed_token_of_somebody_else_is_refused(self, tokens: EngineTokens):
        await tokens.mint(LAB, "first")
        with pytest.raises(EngineTokenInvalid):
            await called(tokens, opaque_token.mint("e", chance(99)).text)

    async def test_the_id_of_a_live_token_with_another_secret_is_refused(self, tokens: EngineTokens):
        live = opaque_token.parse("e", await tokens.mint(LAB, "first"))
        assert live is not None
        drawn = chance(5)
        drawn(10)  # the installation's id
        answers = iter([drawn(8), bytes(32)])  # the same id bytes, another secret
        forged = opaque_token.mint("e", lambda _count: next(answers))
        assert forged.id == live.id
        with pytest.raises(EngineTokenInvalid):
            await called(tokens, forged.text)

    async def test_a_minted_token_voids_the_installations_old_one_and_no_others(self, tokens: EngineTokens):
        first, local = await tokens.mint(LAB, "first"), await tokens.mint(LAB, "local")
        again = await tokens.mint(LAB, "first")
        with pytest.raises(EngineTokenInvalid):
            await called(tokens, first)
        callers = [await called(tokens, text) for text in (local, again)]
        assert callers[0].installation != callers[1].installation

    async def test_tokens_survive_a_restart_and_their_text_is_kept_nowhere(self, tokens: EngineTokens, reopened, tmp_path):
        text = await tokens.mint(LAB, "first")
        assert await called(await reopened(), text) == await called(tokens, text)
        secret = text[16:].encode()
        assert not any(secret in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


class TestRotation:
    async def test_a_new_token_works_beside_the_old_one_until_it_is_used(self, tokens: EngineTokens, rooms):
        old = await tokens.mint(LAB, "first")
        new = await renewed(tokens, old)
        rooms.clock.advance(10 * RETIRES_S)
        await called(tokens, old)
        assert await called(tokens, new) != await called(tokens, old)

    async def test_the_use_of_the_new_one_ends_the_old_one_a_minute_later(self, tokens: EngineTokens, rooms):
        old = await tokens.mint(LAB, "first")
        await called(tokens, await renewed(tokens, old))
        rooms.clock.advance(RETIRES_S - 1)
        await called(tokens, old)
        rooms.clock.advance(1)
        with pytest.raises(EngineTokenInvalid):
            await called(tokens, old)

    async def test_repeating_replaces_the_unused_one(self, tokens: EngineTokens):
        old = await tokens.mint(LAB, "first")
        lost, new = await renewed(tokens, old), await renewed(tokens, old)
        with pytest.raises(EngineTokenInvalid):
            await called(tokens, lost)
        await called(tokens, new)

    async def test_a_retiring_token_makes_no_new_one_and_that_is_written_down(self, tokens: EngineTokens, book):
        old = await tokens.mint(LAB, "first")
        new = await renewed(tokens, old)
        await called(tokens, new)
        with pytest.raises(EngineTokenSuperseded):
            await renewed(tokens, old)
        assert ("engine.token_superseded", LAB, LAB) in book.events()
        await called(tokens, new)

    async def test_the_use_is_durable_before_the_call_goes_on(self, tokens: EngineTokens, reopened, rooms):
        old = await tokens.mint(LAB, "first")
        new = await renewed(tokens, old)
        await called(tokens, new)
        again = await reopened()
        with pytest.raises(EngineTokenSuperseded):
            await renewed(again, old)
        rooms.clock.advance(RETIRES_S)
        with pytest.raises(EngineTokenInvalid):
            await called(again, old)
        await called(again, new)

    async def test_an_unused_one_survives_a_restart(self, tokens: EngineTokens, reopened):
        old = await tokens.mint(LAB, "first")
        new = await renewed(tokens, old)
        again = await reopened()
        await called(again, old)
        await called(again, new)

    async def test_calls_with_a_new_token_at_once_are_all_let_in_and_it_is_proven_once(self, tokens: EngineTokens, book):
        new = await renewed(tokens, await tokens.mint(LAB, "first"))
        assert len({caller.token for caller in await asyncio.gather(*(called(tokens, new) for _ in range(20)))}) == 1
        assert [event for event, *_ in book.events()].count("engine.token_rotated") == 1

    async def test_of_two_who_rotate_at_once_one_ends_with_a_token_and_the_old_one_lives(self, tokens: EngineTokens):
        old = await tokens.mint(LAB, "first")
        caller = await called(tokens, old)
        new = await asyncio.gather(*(tokens.renew(caller) for _ in range(5)))
        works = []
        for text in new:
            try:
                await called(tokens, text)
                works.append(text)
            except EngineTokenInvalid:
                continue
        assert works == [new[-1]]
        await called(tokens, old)

    async def test_what_cannot_be_written_down_changes_nothing(self, tokens: EngineTokens, book, reopened):
        old = await tokens.mint(LAB, "first")
        new = await renewed(tokens, old)
        book.break_it()
        with pytest.raises(AuditUnavailable):
            await called(tokens, new)
        with pytest.raises(AuditUnavailable):
            await renewed(tokens, old)
        for known in (tokens, await reopened()):
            await called(known, old)
            assert known.views(LAB)[0].state == "rotating"

    async def test_each_step_is_written_down_and_no_secret_with_it(self, tokens: EngineTokens, book):
        old = await tokens.mint(LAB, "first")
        new = await renewed(tokens, old)
        await called(tokens, new)
        assert [event for event, *_ in book.events()] == ["engine.token_issued", "engine.token_rotated"]
        assert not any(text.encode() in entry.body for entry in book.file.newest(2**62, 100) for text in (old, new))

    async def test_what_has_retired_is_forgotten(self, tokens: EngineTokens, rooms):
        await called(tokens, await renewed(tokens, await tokens.mint(LAB, "first")))
        await tokens.tidy()
        assert len(await rooms.control.installations.tokens()) == 2
        rooms.clock.advance(RETIRES_S)
        await tokens.tidy()
        assert len(await rooms.control.installations.tokens()) == 1


class TestWhenToRotate:
    async def test_a_token_is_to_be_replaced_when_it_is_old(self, tokens: EngineTokens, rooms):
        caller = await called(tokens, await tokens.mint(LAB, "first"))
        rooms.clock.advance(MAX_AGE_S - 1)
        assert not tokens.told_to_rotate(caller)
        rooms.clock.advance(1)
        assert tokens.told_to_rotate(caller)

    async def test_a_token_is_to_be_replaced_when_the_owner_asks_until_it_was(self, tokens: EngineTokens, reopened):
        text = await tokens.mint(LAB, "first")
        caller = await called(tokens, text)
        assert await tokens.ask_rotation(LAB, "first", "owner") == ["first"]
        assert tokens.told_to_rotate(caller)
        assert (await reopened()).told_to_rotate(caller)
        new = await called(tokens, await renewed(tokens, text))
        assert not tokens.told_to_rotate(new)
        assert not (await reopened()).told_to_rotate(new)

    async def test_those_who_still_show_the_old_one_are_told_and_the_others_are_left_alone(self, tokens: EngineTokens, rooms):
        text = await tokens.mint(LAB, "first")
        old = await called(tokens, text)
        new = await called(tokens, await renewed(tokens, text))
        await tokens.ask_rotation(LAB, None, "owner")
        assert tokens.told_to_rotate(old)
        assert not tokens.told_to_rotate(new)
        rooms.clock.advance(RETIRES_S)
        assert tokens.told_to_rotate(new)

    async def test_only_the_installations_that_are_meant_are_asked(self, tokens: EngineTokens):
        first = await called(tokens, await tokens.mint(LAB, "first"))
        second = await called(tokens, await tokens.mint(LAB, "second"))
        await tokens.mint(DEN, "first")
        assert await tokens.ask_rotation(LAB, "second", "owner") == ["second"]
        assert (tokens.told_to_rotate(first), tokens.told_to_rotate(second)) == (False, True)
        with pytest.raises(InstallationUnknown):
            await tokens.ask_rotation(LAB, "third", "owner")
        assert await tokens.ask_rotation("cccccccccccccccc", None, "owner") == []

    async def test_F08_a_rotation_that_is_not_picked_up_is_told_once_and_the_old_token_keeps_working(
        self, tokens: EngineTokens, rooms, book
    ):
        text = await tokens.mint(LAB, "first")
        await tokens.ask_rotation(LAB, None, "owner")
        assert tokens.told_to_rotate(await called(tokens, text))
        rooms.clock.advance(OVERDUE_US / SECOND - 1)
        await tokens.tidy()
        assert tokens.views(LAB)[0].state == "live"
        rooms.clock.advance(1)
        await tokens.tidy()
        await tokens.tidy()
        assert [event for event, *_ in book.events()].count("engine.rotation_overdue") == 1
        assert tokens.views(LAB)[0].state == "overdue"
        await called(tokens, text)

    async def test_an_installation_that_is_switched_off_is_not_overdue(self, tokens: EngineTokens, rooms, book):
        await tokens.mint(LAB, "first")
        await tokens.ask_rotation(LAB, None, "owner")
        rooms.clock.advance(30 * 24 * 3600)
        await tokens.tidy()
        assert "engine.rotation_overdue" not in [event for event, *_ in book.events()]


class TestRevocation:
    async def test_a_revoked_token_is_told_so_at_its_next_call_and_after_a_restart(self, tokens: EngineTokens, reopened):
        text, other = await tokens.mint(LAB, "first"), await tokens.mint(LAB, "second")
        caller = await called(tokens, text)
        await tokens.revoke(LAB, "first", "owner", compromised=False)
        for known in (tokens, await reopened()):
            with pytest.raises(EngineTokenRevoked):
                await called(known, text)
            with pytest.raises(EngineTokenRevoked):
                known.stands(caller)
            await called(known, other)

    async def test_the_unused_and_the_retiring_one_go_too(self, tokens: EngineTokens):
        old = await tokens.mint(LAB, "first")
        new = await renewed(tokens, old)
        await called(tokens, new)
        newest = await renewed(tokens, new)
        await tokens.revoke(LAB, None, "owner", compromised=False)
        for text in (new, newest):
            with pytest.raises(EngineTokenRevoked):
                await called(tokens, text)
        with pytest.raises(EngineTokenInvalid):
            await called(tokens, old)

    async def test_a_token_with_a_wrong_secret_is_not_told_that_it_was_revoked(self, tokens: EngineTokens):
        text = await tokens.mint(LAB, "first")
        await tokens.revoke(LAB, None, "owner", compromised=False)
        with pytest.raises(EngineTokenInvalid) as refused:
            await called(tokens, opaque_token.mint("e", chance(99)).text)
        assert refused.type is EngineTokenInvalid
        assert text

    async def test_one_whose_time_to_renew_had_come_gets_no_new_one_any_more(self, tokens: EngineTokens):
        caller = await called(tokens, await tokens.mint(LAB, "first"))
        await tokens.revoke(LAB, None, "owner", compromised=False)
        with pytest.raises(EngineTokenRevoked):
            await tokens.renew(caller)

    async def test_it_is_written_down_before_and_what_cannot_be_does_not_happen(self, tokens: EngineTokens, book):
        text = await tokens.mint(LAB, "first")
        book.break_it()
        with pytest.raises(AuditUnavailable):
            await tokens.revoke(LAB, None, "owner", compromised=True)
        await called(tokens, text)

    async def test_a_compromised_token_is_written_down_as_such(self, tokens: EngineTokens, book):
        await tokens.mint(LAB, "first")
        await tokens.revoke(LAB, None, "owner", compromised=True)
        assert book.events() == [("engine.token_revoked", "owner", LAB), ("engine.token_compromised", "owner", LAB)]

    async def test_an_installation_that_is_gone_or_never_was_is_named(self, tokens: EngineTokens):
        await tokens.mint(LAB, "first")
        await tokens.revoke(LAB, "first", "owner", compromised=False)
        for name in ("first", "second"):
            with pytest.raises(InstallationUnknown):
                await tokens.revoke(LAB, name, "owner", compromised=False)


class TestTheList:
    async def test_it_shows_age_state_and_last_use_to_the_minute(self, tokens: EngineTokens, rooms):
        text = await tokens.mint(LAB, "first")
        (fresh,) = tokens.views(LAB)
        assert (fresh.name, fresh.state, fresh.token_age_s, fresh.last_used_at) == ("first", "live", 0, None)
        rooms.clock.advance(3601)
        await called(tokens, text)
        (used,) = tokens.views(LAB)
        assert (used.token_age_s, used.last_used_at) == (3601, rfc3339(rooms.clock.wall - SECOND))
        await tokens.renew(await called(tokens, text))
        assert tokens.views(LAB)[0].state == "rotating"
        await tokens.revoke(LAB, None, "owner", compromised=False)
        (gone,) = tokens.views(LAB)
        assert (gone.state, gone.token_age_s, gone.last_used_at) == ("revoked", None, used.last_used_at)
        assert tokens.views(DEN) == []

    async def test_last_use_is_written_rarely_and_at_the_end(self, tokens: EngineTokens, rooms, reopened):
        text = await tokens.mint(LAB, "first")
        await tokens.keep_use()
        await called(tokens, text)
        await tokens.tidy()
        assert (await reopened()).views(LAB)[0].last_used_at is None
        rooms.clock.advance(USE_KEPT_EVERY_US / SECOND)
        await tokens.tidy()
        assert (await reopened()).views(LAB)[0].last_used_at is not None
        await called(tokens, text)
        await tokens.keep_use()
        assert (await reopened()).views(LAB) == tokens.views(LAB)
