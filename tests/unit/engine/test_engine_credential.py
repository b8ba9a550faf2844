"""`Credential`: the token in use, and what is done in which order when it rotates."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Sequence

import pytest

from contract.engine_link import TokenIssued
from contract.errors import AuditUnavailable, EngineTokenInvalid, EngineTokenSuperseded, GatewayUnreachable
from engine.runtime.credential import Credential
from engine.store.tokens import MemoryTokens, RotatesElsewhere, TokenRefused
from tests.support.fake_link import FakeLink


class Keeper(MemoryTokens):
    """Tokens that another process of the installation may change, with a history."""

    def __init__(self, *tokens: str) -> None:
        super().__init__(tokens[0])
        self._tokens = tokens
        self.history: list[tuple[str, ...]] = []
        self.busy = False
        self.refuses = False
        self.unreadable = False

    async def read(self) -> tuple[str, ...]:
        if self.unreadable:
            raise TokenRefused("cannot be read")
        return await super().read()

    async def keep(self, tokens: Sequence[str]) -> None:
        if self.refuses:
            raise TokenRefused("cannot be written")
        self.history.append(tuple(tokens))
        await super().keep(tokens)

    def alone(self) -> contextlib.AbstractContextManager[None]:
        if self.busy:
            raise RotatesElsewhere
        return super().alone()


@pytest.fixture
def keeper() -> Keeper:
    return Keeper("old")


@pytest.fixture
async def credential(keeper: Keeper) -> Credential:
    return Credential(keeper, await keeper.read())


@contextlib.asynccontextmanager
async def running(credential: Credential, link: FakeLink):
    task = asyncio.create_task(credential.run(link))
    try:
        async with asyncio.timeout(10):
            yield
    finally:
        task.cancel()
        await asyncio.wait({task})
    assert task.cancelled(), task.exception()


async def settled(rounds: int = 50) -> None:
    for _ in range(rounds):
        await asyncio.sleep(0)


class TestRotating:
    async def test_a_new_token_is_kept_beside_the_old_one_then_proven_then_used(self, credential, keeper, link: FakeLink):
        seen = []
        link.renewals.then(lambda _: seen.append(("renewed", credential.text, keeper._tokens)) or TokenIssued(token="new"))
        link.proofs.then(lambda token: seen.append((f"proven {token}", credential.text, keeper._tokens)))
        async with running(credential, link):
            credential.rotate("old")
            await settled()
        assert seen == [("renewed", "old", ("old",)), ("proven new", "old", ("new", "old"))]
        assert (credential.text, keeper._tokens) == ("new", ("new",))

    async def test_a_place_that_cannot_be_written_is_found_out_before_a_new_one_is_asked_for(self, credential, keeper, link, caplog):
        keeper.refuses = True
        async with running(credential, link):
            for _ in range(3):
                credential.rotate("old")
                await settled()
        assert link.history == []
        assert credential.text == "old"
        assert [record.levelno for record in caplog.records if record.message == "engine.token_trouble"] == [logging.ERROR]

    async def test_one_answer_that_was_on_its_way_does_not_rotate_again(self, credential, link):
        async with running(credential, link):
            credential.rotate("old")
            await settled()
            credential.rotate("old")
            await settled()
        assert link.history == ["renew_token", "prove"]

    async def test_one_that_is_told_so_while_it_rotates_does_not_rotate_again(self, credential, link):
        link.proofs.then(lambda _: credential.rotate("old"))
        async with running(credential, link):
            credential.rotate("old")
            await settled()
        assert link.history == ["renew_token", "prove"]

    async def test_another_thread_may_ask(self, credential, link):
        async with running(credential, link):
            thread = threading.Thread(target=credential.rotate, args=("old",))
            thread.start()
            await link.proofs.arrived(1)
            thread.join()
            await settled()
        assert credential.text == "new"

    @pytest.mark.parametrize("error", [GatewayUnreachable(), AuditUnavailable(), EngineTokenSuperseded()])
    async def test_an_exchange_that_fails_changes_nothing_and_is_tried_when_asked_again(self, credential, keeper, link, error):
        link.renewals.then(error)
        async with running(credential, link):
            credential.rotate("old")
            await settled()
            assert (credential.text, keeper._tokens) == ("old", ("old",))
            credential.rotate("old")
            await settled()
        assert credential.text == "new"

    async def test_a_proof_whose_answer_was_lost_is_made_again_with_the_same_token(self, credential, keeper, link):
        link.proofs.then(GatewayUnreachable())
        async with running(credential, link):
            credential.rotate("old")
            await settled()
            assert (credential.text, keeper._tokens) == ("old", ("new", "old"))
            credential.rotate("old")
            await settled()
        assert link.history == ["renew_token", "prove", "prove"]
        assert (credential.text, keeper._tokens) == ("new", ("new",))

    async def test_a_token_that_another_process_kept_is_used_instead_of_a_third(self, credential, keeper, link):
        await MemoryTokens.keep(keeper, ("theirs", "old"))
        async with running(credential, link):
            credential.rotate("old")
            await settled()
        assert (link.history, link.proofs.asked, credential.text) == (["prove"], ["theirs"], "theirs")

    async def test_a_kept_token_that_was_replaced_unused_is_replaced_here_too(self, credential, keeper, link):
        await MemoryTokens.keep(keeper, ("void", "old"))
        link.proofs.then(EngineTokenInvalid())
        async with running(credential, link):
            credential.rotate("old")
            await settled()
        assert link.proofs.asked == ["void", "new"]
        assert keeper.history == [("void", "old"), ("new", "old"), ("new",)]

    async def test_a_rotation_that_a_former_process_began_is_ended_at_the_start(self, keeper, link):
        await MemoryTokens.keep(keeper, ("new", "old"))
        credential = Credential(keeper, await keeper.read())
        async with running(credential, link):
            await settled()
        assert (link.history, link.proofs.asked) == (["prove"], ["new"])
        assert (credential.text, keeper.history) == ("new", [("new",)])

    async def test_while_another_process_rotates_this_one_waits(self, credential, keeper, link):
        keeper.busy = True
        async with running(credential, link):
            credential.rotate("old")
            await settled()
            assert link.history == []
            keeper.busy = False
            credential.rotate("old")
            await settled()
        assert credential.text == "new"


class TestRefused:
    async def test_the_token_that_another_process_kept_is_taken_up(self, credential, keeper):
        await keeper.keep(("theirs",))
        assert await credential.turn(["old"])
        assert credential.text == "theirs"

    async def test_the_older_one_is_tried_when_the_newer_is_void(self, keeper):
        await keeper.keep(("void", "old"))
        credential = Credential(keeper, await keeper.read())
        assert await credential.turn(["void"])
        assert credential.text == "old"

    async def test_a_rotation_whose_end_was_not_heard_is_ended_then(self, credential, keeper, link):
        async with running(credential, link):
            await MemoryTokens.keep(keeper, ("new", "old"))
            assert await credential.turn(["old"])
            await settled()
        assert (link.proofs.asked, keeper.history, credential.text) == (["new"], [("new",)], "new")

    async def test_one_that_was_changed_meanwhile_is_tried_first(self, credential, keeper):
        keeper.unreadable = True
        assert await credential.turn(["something shown before"])
        assert credential.text == "old"

    async def test_what_was_read_at_the_start_serves_when_the_store_is_shut_now(self, keeper):
        await keeper.keep(("void", "old"))
        credential = Credential(keeper, await keeper.read())
        keeper.unreadable = True
        assert await credential.turn(["void"])
        assert credential.text == "old"

    async def test_when_there_is_none_the_owner_is_told_once_what_to_do(self, credential, caplog):
        for _ in range(3):
            assert not await credential.turn(["old"])
        (record,) = [record for record in caplog.records if record.message == "engine.token_trouble"]
        assert "--enrol" in str(record.__dict__)
        assert credential.text == "old"
