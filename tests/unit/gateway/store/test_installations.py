"""Installations, tokens, codes and memberships in control.db: what the file itself refuses, whoever writes to it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator

import pytest

from contract.words import Role, UserRole
from gateway.rules.engine_tokens import EngineToken, TokenPair, TokenState, begun, issued, proven, revoked
from gateway.store.control import Control, open_control
from gateway.store.installations import CodeRow, InstallationRow
from gateway.store.memberships import Membership
from gateway.store.people import DeviceRow, UserRow

FIRST = InstallationRow("i1", "aaaa", "first")
ONE = begun("t1", b"1" * 32, 5)


@pytest.fixture
async def control(tmp_path) -> AsyncIterator[Control]:
    async with open_control(tmp_path / "control.db") as (opened, people):
        await opened.add_engine("aaaa", "lab", 1)
        await people.add_device(DeviceRow("d1", "u1", "0x", "t", "phone", 1), UserRow("u1", "Ann", UserRole.OWNER, 1))
        yield opened


class TestTokens:
    async def test_what_is_kept_is_read_back(self, control: Control):
        store = control.installations
        await store.install(FIRST, ONE, 1)
        pair = issued(ONE, "t1", "t2", b"2" * 32, 6)
        assert pair is not None
        await store.keep("i1", pair)
        settling = proven(pair, "t2", 7, 60)
        assert settling is not None
        for kept in (pair, settling):
            await store.keep("i1", kept)
            assert {token for _, token in await store.tokens()} == set(kept.usable())
        assert await store.installations() == [FIRST]

    async def test_the_file_refuses_a_third_token_and_a_second_live_one(self, control: Control):
        store = control.installations
        await store.install(FIRST, ONE, 1)
        with pytest.raises(sqlite3.IntegrityError):
            await store.keep("i1", TokenPair(ONE.live, EngineToken("t2", b"2" * 32, TokenState.LIVE, 6)))
        assert [token for _, token in await store.tokens()] == [ONE.live]
        insert = "INSERT INTO engine_tokens(id, installation, digest, state, added_at, ends_at) VALUES (?, 'i1', x'00', ?, 1, ?)"
        await control._database.write(insert, ("t2", "unproven", None))
        with pytest.raises(sqlite3.IntegrityError):
            await control._database.write(insert, ("t3", "retiring", 9))

    async def test_revoked_ones_stay_beside_a_new_one(self, control: Control):
        store = control.installations
        await store.install(FIRST, ONE, 1)
        await store.revoke([("i1", revoked(ONE))], None)
        await store.install(FIRST, begun("t2", b"2" * 32, 9), 9)
        assert {(token.id, token.state) for _, token in await store.tokens()} == {("t1", "revoked"), ("t2", "live")}
        assert await store.installations() == [FIRST]

    async def test_a_new_token_forgets_that_a_rotation_was_asked_for(self, control: Control):
        store = control.installations
        await store.install(FIRST, ONE, 1)
        await store.ask_rotation(["i1"])
        assert (await store.installations())[0].rotation_asked
        await store.keep("i1", ONE)
        assert (await store.installations())[0].rotation_asked
        await store.keep("i1", ONE, rotated=True)
        assert not (await store.installations())[0].rotation_asked

    async def test_an_installation_needs_its_engine_and_a_name_of_its_own(self, control: Control):
        with pytest.raises(sqlite3.IntegrityError):
            await control.installations.install(InstallationRow("i2", "bbbb", "first"), ONE, 1)
        await control.installations.install(FIRST, ONE, 1)
        with pytest.raises(sqlite3.IntegrityError):
            await control.installations.install(InstallationRow("i2", "aaaa", "first"), begun("t2", b"2" * 32, 1), 1)


class TestCodes:
    async def test_a_code_is_used_up_with_the_installation_it_makes_or_not_at_all(self, control: Control):
        store = control.installations
        code = CodeRow("ABCD", b"c" * 32, "aaaa", 100, 5)
        await store.add_code(code, 1)
        with pytest.raises(sqlite3.IntegrityError):
            await store.enrol(code, InstallationRow("i1", "bbbb", "first"), ONE, 2)
        assert await store.code_known("ABCD")
        assert await asyncio.gather(*(store.enrol(code, FIRST, ONE, 2) for _ in range(3))) == [True, False, False]
        assert not await store.code_known("ABCD")

    async def test_tries_are_counted_down_and_not_below_none(self, control: Control):
        store = control.installations
        await store.add_code(CodeRow("ABCD", b"c" * 32, "aaaa", 100, 2), 1)
        left = [await store.try_code("ABCD", 2) for _ in range(4)]
        assert [None if row is None else row.tries_left for row in left] == [1, 0, None, None]
        assert await store.try_code("ABCE", 2) is None

    async def test_a_code_that_is_over_is_not_tried_and_goes_with_the_next_one(self, control: Control):
        store = control.installations
        await store.add_code(CodeRow("ABCD", b"c" * 32, "aaaa", 100, 5), 1)
        assert await store.try_code("ABCD", 100) is None
        assert await store.codes_out(99) == {"aaaa": 1}
        assert await store.codes_out(100) == {}
        await store.add_code(CodeRow("ABCE", b"c" * 32, "aaaa", 200, 5), 100)
        assert not await store.code_known("ABCD")


class TestMemberships:
    async def test_a_membership_is_changed_in_place_and_goes_with_its_user(self, control: Control):
        store = control.memberships
        await store.put(Membership("u1", "aaaa", Role.VIEWER), 1)
        await store.put(Membership("u1", "aaaa", Role.RUNNER, 3), 2)
        assert await store.all() == [Membership("u1", "aaaa", Role.RUNNER, 3)]
        await control._database.write("DELETE FROM users WHERE id = 'u1'")
        assert await store.all() == []

    @pytest.mark.parametrize(("user", "engine"), [("nobody", "aaaa"), ("u1", "nowhere")])
    async def test_it_needs_its_user_and_its_engine(self, control: Control, user: str, engine: str):
        with pytest.raises(sqlite3.IntegrityError):
            await control.memberships.put(Membership(user, engine, Role.RUNNER), 1)

    async def test_ending_one_that_is_not_there_is_harmless(self, control: Control):
        await control.memberships.remove("u1", "aaaa")
