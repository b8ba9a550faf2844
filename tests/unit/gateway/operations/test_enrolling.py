"""One-time codes: they serve once, for a quarter of an hour, and five wrong tries end them."""

import asyncio

import pytest

from contract.engine_link import EnrolRequest
from contract.errors import AuditUnavailable, EngineTokenInvalid, EngineTokenRevoked, EnrolmentCodeInvalid
from gateway.operations.enrol import ID_CHARS, Enrolment
from kit import crockford
from kit.clock import SECOND, rfc3339
from tests.support.queue import chance

LAB = "aaaaaaaaaaaaaaaa"
TTL_S = 15 * 60


@pytest.fixture
async def enrolment(rooms, book, tokens) -> Enrolment:
    return Enrolment(rooms.control.installations, tokens, rooms.sources, book.audit, rooms.clock, chance(7))


async def code(enrolment: Enrolment) -> str:
    return (await enrolment.new_code(enrolment.sources.engine("lab"), "owner")).code


async def enrolled(enrolment: Enrolment, text: str, name: str = "attic"):
    return await enrolment.enrol(EnrolRequest(code=text, installation_name=name))


def wrong(text: str) -> str:
    """The same code, with another last character."""
    return text[:-1] + ("0" if text[-1] != "0" else "1")


async def test_a_code_becomes_an_installation_whose_token_works(enrolment: Enrolment, rooms):
    made = await enrolment.new_code(enrolment.sources.engine("lab"), "owner")
    assert (made.engine_id, made.engine_name, made.expires_at) == (LAB, "lab", rfc3339(rooms.clock.wall + TTL_S * SECOND))
    assert len(crockford.normal(made.code)) == 30
    told = await enrolled(enrolment, made.code)
    assert (told.engine_id, told.engine_name, told.installation) == (LAB, "lab", "attic")
    assert (await enrolment.tokens.authenticate(LAB, told.token)).engine == LAB
    assert [view.name for view in enrolment.tokens.views(LAB)] == ["attic"]


async def test_a_code_is_read_as_people_type_it(enrolment: Enrolment):
    text = (await code(enrolment)).lower().replace("-", " ")
    await enrolled(enrolment, f"  {text}  ")


async def test_a_code_serves_once(enrolment: Enrolment):
    text = await code(enrolment)
    await enrolled(enrolment, text)
    with pytest.raises(EnrolmentCodeInvalid):
        await enrolled(enrolment, text)


async def test_of_many_who_show_it_at_once_one_gets_in(enrolment: Enrolment):
    text = await code(enrolment)
    answers = await asyncio.gather(*(enrolled(enrolment, text) for _ in range(5)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Enrolled"] + ["EnrolmentCodeInvalid"] * 4
    assert len(enrolment.tokens.views(LAB)) == 1


async def test_a_code_ends_after_a_quarter_of_an_hour(enrolment: Enrolment, rooms):
    first = await code(enrolment)
    rooms.clock.advance(TTL_S - 1)
    second = await code(enrolment)
    await enrolled(enrolment, first)
    rooms.clock.advance(TTL_S)
    with pytest.raises(EnrolmentCodeInvalid):
        await enrolled(enrolment, second)


async def test_four_wrong_tries_leave_it_and_the_fifth_ends_it(enrolment: Enrolment):
    for tries, works in ((4, True), (5, False)):
        text = await code(enrolment)
        for _ in range(tries):
            with pytest.raises(EnrolmentCodeInvalid):
                await enrolled(enrolment, wrong(text))
        if works:
            await enrolled(enrolment, text)
        else:
            with pytest.raises(EnrolmentCodeInvalid):
                await enrolled(enrolment, text)


async def test_tries_at_once_do_not_get_more(enrolment: Enrolment):
    text = await code(enrolment)
    await asyncio.gather(*(enrolled(enrolment, wrong(text)) for _ in range(20)), return_exceptions=True)
    with pytest.raises(EnrolmentCodeInvalid):
        await enrolled(enrolment, text)


async def test_wrong_tries_at_one_code_do_not_harm_another(enrolment: Enrolment):
    one, other = await code(enrolment), await code(enrolment)
    for _ in range(9):
        with pytest.raises(EnrolmentCodeInvalid):
            await enrolled(enrolment, wrong(one))
    await enrolled(enrolment, other)


@pytest.mark.parametrize("text", ["", "-", "nonsense", "🐝" * 30, "\x00" * 30, "0" * 64])
async def test_anything_else_is_refused_alike(enrolment: Enrolment, text: str):
    await code(enrolment)
    with pytest.raises(EnrolmentCodeInvalid):
        await enrolled(enrolment, text)
    assert enrolment.tokens.views(LAB) == []


async def test_codes_are_kept_as_hashes_and_written_down_without_their_text(enrolment: Enrolment, book, tmp_path):
    text = crockford.normal(await code(enrolment))
    told = await enrolled(enrolment, await code(enrolment))
    secrets = [text[ID_CHARS:], told.token[16:]]
    assert not any(secret.encode() in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file() for secret in secrets)
    assert [event for event, *_ in book.events()] == ["engine.code", "engine.code", "engine.enrol"]


async def test_what_cannot_be_written_down_makes_neither_code_nor_installation(enrolment: Enrolment, book, rooms):
    text = await code(enrolment)
    book.break_it()
    with pytest.raises(AuditUnavailable):
        await code(enrolment)
    with pytest.raises(AuditUnavailable):
        await enrolled(enrolment, text)
    assert enrolment.tokens.views(LAB) == []
    assert await rooms.control.installations.codes_out(rooms.clock.wall) == {LAB: 1}


async def test_two_machines_of_one_name_are_told_apart(enrolment: Enrolment):
    names = [(await enrolled(enrolment, await code(enrolment), "attic")).installation for _ in range(3)]
    long = [(await enrolled(enrolment, await code(enrolment), "x" * 63)).installation for _ in range(2)]
    assert names == ["attic", "attic-2", "attic-3"]
    assert long == ["x" * 63, "x" * 58 + "-2"]


async def test_a_revoked_machine_comes_back_under_its_name_and_its_old_token_stays_revoked(enrolment: Enrolment, reopened):
    old = (await enrolled(enrolment, await code(enrolment))).token
    await enrolment.tokens.revoke(LAB, "attic", "owner", compromised=False)
    again = await enrolled(enrolment, await code(enrolment))
    assert again.installation == "attic"
    for tokens in (enrolment.tokens, await reopened()):
        await tokens.authenticate(LAB, again.token)
        with pytest.raises(EngineTokenRevoked):
            await tokens.authenticate(LAB, old)


async def test_revoking_a_whole_engine_voids_its_codes_and_no_others(enrolment: Enrolment):
    lab, den = await code(enrolment), (await enrolment.new_code(enrolment.sources.engine("den"), "owner")).code
    await enrolment.tokens.mint(LAB, "first")
    await enrolment.tokens.revoke(LAB, None, "owner", compromised=False)
    with pytest.raises(EnrolmentCodeInvalid):
        await enrolled(enrolment, lab)
    await enrolled(enrolment, den)


async def test_an_enrolment_code_is_no_token(enrolment: Enrolment):
    text = await code(enrolment)
    with pytest.raises(EngineTokenInvalid):
        await enrolment.tokens.authenticate(LAB, text)
