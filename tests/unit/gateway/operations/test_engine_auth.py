"""Which engine a token belongs to, and that only its hash is kept."""

import pytest

from contract import opaque_token
from contract.errors import EngineIdMismatch, EngineTokenInvalid
from gateway.operations.engine_auth import EngineTokens
from tests.support.queue import chance

LAB, DEN = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"


@pytest.fixture
async def tokens(rooms) -> EngineTokens:
    return EngineTokens(rooms.control, rooms.clock, chance())


async def test_a_token_opens_its_own_engine(tokens: EngineTokens):
    lab, den = await tokens.mint(LAB, "first"), await tokens.mint(DEN, "first")
    assert (tokens.check(LAB, lab), tokens.check(DEN, den)) == (LAB, DEN)


@pytest.mark.parametrize("named", [DEN, "", None, "nobody"])
async def test_a_token_opens_no_other_engine(tokens: EngineTokens, named: str | None):
    lab = await tokens.mint(LAB, "first")
    with pytest.raises(EngineIdMismatch):
        tokens.check(named, lab)


@pytest.mark.parametrize("text", [None, "", "nonsense", "fwe1_", "é" * 62])
async def test_garbage_is_no_token(tokens: EngineTokens, text: str | None):
    await tokens.mint(LAB, "first")
    with pytest.raises(EngineTokenInvalid):
        tokens.check(LAB, text)


async def test_a_well_formed_token_of_somebody_else_is_refused(tokens: EngineTokens):
    await tokens.mint(LAB, "first")
    with pytest.raises(EngineTokenInvalid):
        tokens.check(LAB, opaque_token.mint("e", chance(99)).text)


async def test_the_id_of_a_live_token_with_another_secret_is_refused(tokens: EngineTokens):
    live = opaque_token.parse("e", await tokens.mint(LAB, "first"))
    answers = iter([chance()(8), bytes(32)])  # the same id bytes, another secret
    forged = opaque_token.mint("e", lambda _count: next(answers))
    assert forged.id == live.id
    with pytest.raises(EngineTokenInvalid):
        tokens.check(LAB, forged.text)


async def test_a_new_token_voids_the_installations_old_one_and_no_others(tokens: EngineTokens):
    first, local = await tokens.mint(LAB, "first"), await tokens.mint(LAB, "local")
    again = await tokens.mint(LAB, "first")
    with pytest.raises(EngineTokenInvalid):
        tokens.check(LAB, first)
    assert (tokens.check(LAB, local), tokens.check(LAB, again)) == (LAB, LAB)


async def test_tokens_survive_a_restart_and_their_text_is_kept_nowhere(tokens: EngineTokens, rooms, tmp_path):
    text = await tokens.mint(LAB, "first")
    again = EngineTokens(rooms.control, rooms.clock, chance())
    with pytest.raises(EngineTokenInvalid):
        again.check(LAB, text)
    await again.load()
    assert again.check(LAB, text) == LAB
    secret = text[16:].encode()
    assert not any(secret in file.read_bytes() for file in tmp_path.iterdir())
