"""Personal API keys: what opens, what does not, and who ends them."""

import zlib

import pytest

from contract.api_keys import ApiKeyMake
from contract.errors import ApiKeyInvalid, ApiKeyKindNotAllowed, ApiKeyTaken, ApiKeyUnknown, EngineRoleInsufficient, EngineUnknown
from contract.opaque_token import _base62, mint, parse
from contract.words import Role, UserRole
from gateway.operations.api_keys import ApiKeys
from gateway.operations.sessions import Principal
from gateway.store.memberships import Membership
from gateway.store.people import DeviceRow, UserRow
from tests.support.queue import chance

LAB = "aaaaaaaaaaaaaaaa"


class Sessions:
    """The people that keys ask for."""

    def __init__(self, users: list[UserRow]) -> None:
        self._users = users
        self.locked_out: set[str] = set()

    def users(self) -> list[UserRow]:
        return self._users

    def devices(self, user: str) -> list[DeviceRow]:
        return [] if user in self.locked_out else [DeviceRow("d", user, "0x", "t", "phone", 1)]


def who(user: str, role: UserRole = UserRole.MEMBER) -> Principal:
    return Principal(user, "d", "s", "0x", role, "t", 0)


@pytest.fixture
async def keys(rooms) -> ApiKeys:
    rooms.users = [UserRow("ann", "Ann", UserRole.MEMBER, 1), UserRow("bob", "Bob", UserRole.MEMBER, 2)]
    rooms.owners = set()
    for row in rooms.users:
        statement = "INSERT INTO users(id, name, role, added_at) VALUES (?,?,?,?)"
        await rooms.people._database.write(statement, (row.id, row.name, row.role, row.added_at))
    await rooms.control.memberships.put(Membership("ann", LAB, Role.RUNNER), 1)
    await rooms.control.memberships.put(Membership("bob", LAB, Role.VIEWER), 1)
    await rooms.sharing.load()
    return ApiKeys(rooms.control.api_keys, Sessions(rooms.users), rooms.sharing, rooms.book.audit, rooms.clock, chance(9), lambda: None)  # type: ignore[arg-type]


async def test_a_key_opens_for_its_user_engine_and_kinds(keys: ApiKeys, rooms):
    made = await keys.make(ApiKeyMake(name="editor", engine="lab", kinds=["chat"]), who("ann"))
    caller = await keys.authenticate(f"Bearer {made.key}")
    assert (caller.user, caller.engine, caller.kinds) == ("ann", LAB, {"chat"})
    caller.check_kind("chat")
    with pytest.raises(ApiKeyKindNotAllowed):
        caller.check_kind("embed")
    assert rooms.book.events() == [("api_key.make", "ann", made.id)]


async def test_only_its_digest_is_kept_and_it_is_not_shown(keys: ApiKeys, rooms):
    made = await keys.make(ApiKeyMake(name="editor", engine="lab"), who("ann"))
    assert made.key not in repr(made)
    rows = await rooms.people._database.rows("SELECT * FROM api_keys")
    assert made.key not in repr(rows)


async def test_garbage_other_tokens_and_guesses_open_nothing(keys: ApiKeys):
    made = await keys.make(ApiKeyMake(name="editor", engine="lab"), who("ann"))
    guess = mint("k", chance(3)).text
    body = f"fwk1_{made.id}_{'0' * 43}"
    same_id = body + _base62(zlib.crc32(body.encode()), 6)
    assert parse("k", same_id)
    for wrong in (None, "", made.key, f"Basic {made.key}", "Bearer ", f"Bearer {guess}", f"Bearer {same_id}", f"Bearer {made.key}x"):
        with pytest.raises(ApiKeyInvalid):
            await keys.authenticate(wrong)


async def test_use_is_noted_to_the_minute_and_survives_a_restart(keys: ApiKeys, rooms):
    made = await keys.make(ApiKeyMake(name="editor", engine="lab"), who("ann"))
    assert keys.keys_for(who("ann"))[0].used_at is None
    await keys.authenticate(f"Bearer {made.key}")
    rooms.clock.advance(61)
    await keys.authenticate(f"bearer {made.key}")
    used = keys.keys_for(who("ann"))[0].used_at
    assert used.endswith(":00.000000Z")
    await keys.load()
    assert keys.keys_for(who("ann"))[0].used_at == used


async def test_a_revoked_key_opens_nothing_also_after_a_restart(keys: ApiKeys):
    made = await keys.make(ApiKeyMake(name="editor", engine="lab"), who("ann"))
    await keys.revoke("editor", who("ann"))
    for _ in range(2):
        with pytest.raises(ApiKeyInvalid):
            await keys.authenticate(f"Bearer {made.key}")
        await keys.load()


async def test_nobody_ends_or_sees_anothers_key_but_the_owner(keys: ApiKeys):
    made = await keys.make(ApiKeyMake(name="editor", engine="lab"), who("ann"))
    for named in (made.id, "editor"):
        with pytest.raises(ApiKeyUnknown):
            await keys.revoke(named, who("bob"))
    assert keys.keys_for(who("bob")) == []
    assert [key.id for key in keys.keys_for(who("owner", UserRole.OWNER))] == [made.id]
    await keys.revoke(made.id, who("owner", UserRole.OWNER))


async def test_a_key_can_not_do_more_than_its_user(keys: ApiKeys):
    with pytest.raises(EngineRoleInsufficient):
        await keys.make(ApiKeyMake(name="editor", engine="lab"), who("bob"))
    with pytest.raises(EngineUnknown):
        await keys.make(ApiKeyMake(name="editor", engine="den"), who("ann"))


async def test_two_keys_of_one_user_have_two_names(keys: ApiKeys):
    await keys.make(ApiKeyMake(name="editor", engine="lab"), who("ann"))
    with pytest.raises(ApiKeyTaken):
        await keys.make(ApiKeyMake(name="editor", engine="lab"), who("ann"))


async def test_a_user_who_is_gone_or_locked_out_takes_their_keys_along(keys: ApiKeys, rooms):
    made = await keys.make(ApiKeyMake(name="editor", engine="lab"), who("ann"))
    keys.sessions.locked_out.add("ann")
    with pytest.raises(ApiKeyInvalid):
        await keys.authenticate(f"Bearer {made.key}")
    keys.sessions.locked_out.clear()
    rooms.users.pop(0)
    with pytest.raises(ApiKeyInvalid):
        await keys.authenticate(f"Bearer {made.key}")
    await rooms.people.remove_user("ann")
    assert await rooms.control.api_keys.all() == []
