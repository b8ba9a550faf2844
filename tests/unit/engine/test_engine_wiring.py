"""`engine.wiring.running`: the rooms together, from the first claim to the end of a drain."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from contract.engine_link import ClaimAnswer
from contract.errors import GatewayUnreachable
from contract.version import VERSION
from contract.words import Directive, Outcome
from engine import wiring
from engine.rules.kinds import Kind, Runs
from engine.settings import EngineSettings
from engine.store.spool import SpoolInUse, open_spool
from engine.store.tokens import MemoryTokens
from engine.wiring import Engine, Randomness, running
from tests.support.clock import ManualClock
from tests.support.fake_link import FakeLink, job_id, lease, report

CHANCE = Randomness(token_bytes=random.Random(7).randbytes, uniform=lambda: 0.0)
Opened = Callable[..., AbstractAsyncContextManager[Engine]]


@pytest.fixture
def settings(tmp_path: Path) -> EngineSettings:
    return EngineSettings(gateway="http://127.0.0.1:9", engine_id="abcd", data=tmp_path, slots=2, drain_deadline_s=10)


@pytest.fixture
def engine(settings: EngineSettings, link: FakeLink, clock: ManualClock) -> Opened:
    @asynccontextmanager
    async def opened(served: dict[str, Kind] | None = None, **changes: Any) -> AsyncIterator[Engine]:
        loop, heart_began = asyncio.get_running_loop(), asyncio.Event()

        @asynccontextmanager
        async def opener() -> AsyncIterator[FakeLink]:
            if asyncio.get_running_loop() is not loop:
                loop.call_soon_threadsafe(heart_began.set)
            yield link

        chosen = settings.model_copy(update=changes)
        claims = len(link.claims.asked)
        async with asyncio.timeout(30):
            async with running(chosen, MemoryTokens("token"), clock=clock, chance=CHANCE, served=served, link_opener=opener) as made:
                await heart_began.wait()  # left earlier it may hang, see test_engine_heart
                await link.claims.arrived(claims + 1)
                yield made

    return opened


def blocking(began: asyncio.Event) -> dict[str, Kind]:
    async def block(job, payload):
        began.set()
        await asyncio.get_running_loop().create_future()

    return {"work": Kind("work", block)}


async def spooled(settings: EngineSettings) -> list[str]:
    async with open_spool(settings.data / "engine" / "abcd") as spool:
        return [kept.job for kept in spool.all()]


class TestStart:
    async def test_spooled_reports_of_a_former_process_come_before_the_first_claim(self, engine: Opened, link: FakeLink, settings):
        async with open_spool(settings.data / "engine" / "abcd") as spool:
            for number in (2, 1):
                await spool.put(report(number))
        link.finishes.then(GatewayUnreachable())
        async with engine():
            pass
        assert link.history[:5] == ["finish", "finish", "finish", "whitelist", "claim"]
        assert [sent.job for sent in link.finishes.asked] == [job_id(2), job_id(2), job_id(1)]
        assert await spooled(settings) == []

    async def test_a_second_process_of_the_engine_on_the_same_folder_is_refused(self, engine: Opened, link: FakeLink):
        async with engine():
            with pytest.raises(SpoolInUse):
                async with engine():
                    pass
        assert len({request.instance for request in link.claims.asked}) == 1

    async def test_the_kinds_are_those_that_the_owner_switched_on(self, engine: Opened, link: FakeLink):
        async with engine(echo=True, slots=3) as made:
            request = await link.claims.arrived(1)
        assert request.announce.kinds == ["echo", "echo-process", "echo-thread"]
        assert (request.instance, request.max, made.slots) == (made.instance, 3, 3)

    @pytest.mark.parametrize("canary", [False, True])
    async def test_a_canary_says_so_with_every_claim(self, engine: Opened, link: FakeLink, canary: bool):
        async with engine(canary=canary):
            request = await link.claims.arrived(1)
        assert (request.announce.canary, request.announce.version) == (canary, VERSION)

    async def test_each_process_is_another_instance(self, engine: Opened):
        async with engine() as first:
            pass
        async with engine() as second:
            pass
        assert first.instance != second.instance

    async def test_it_is_connected_once_a_claim_was_answered(self, engine: Opened, link: FakeLink):
        link.claims.then(ClaimAnswer())
        async with engine() as made:
            await made.connected()

    async def test_it_ends_when_the_gateway_says_stop(self, engine: Opened, link: FakeLink):
        link.claims.then(ClaimAnswer(directive=Directive.STOP))
        async with engine() as made:
            await made.ended()


class TestDrain:
    async def test_an_idle_engine_drains_at_once(self, engine: Opened):
        async with engine() as made:
            drained = await made.drained(10)
        assert (drained.given_back, drained.spooled) == (0, 0)

    async def test_a_job_that_was_on_its_way_when_the_drain_began_is_finished_too(self, engine: Opened, link: FakeLink):
        async def work(job, payload):
            return "late"

        async with engine({"work": Kind("work", work)}) as made:
            assert (await link.claims.arrived(2)).max > 0  # outstanding; the gateway grants to it, and that answer is lost
            link.claims.then(ClaimAnswer(leases=[lease(1)]))
            drained = await made.drained(10)
        assert (drained.given_back, drained.spooled) == (0, 0)
        assert [(sent.outcome, sent.result) for sent in link.finishes.asked] == [(Outcome.SUCCEEDED, "late")]

    async def test_a_running_job_may_finish(self, engine: Opened, link: FakeLink):
        gate, began = asyncio.Event(), asyncio.Event()

        async def work(job, payload):
            began.set()
            await gate.wait()
            return "done"

        link.claims.then(ClaimAnswer(leases=[lease(1)]))
        async with engine({"work": Kind("work", work)}) as made:
            await began.wait()
            assert (await link.claims.arrived(2)).max == 1
            draining = asyncio.create_task(made.drained(10))
            assert (await link.claims.arrived(3)).max == 0
            gate.set()
            drained = await draining
        assert (drained.given_back, drained.spooled) == (0, 0)
        assert [(sent.outcome, sent.result) for sent in link.finishes.asked] == [(Outcome.SUCCEEDED, "done")]

    async def test_what_does_not_finish_in_time_is_given_back_and_said_so(self, engine: Opened, link: FakeLink, settings):
        began = asyncio.Event()
        link.claims.then(ClaimAnswer(leases=[lease(1)]))
        async with engine(blocking(began)) as made:
            await began.wait()
            drained = await made.drained(0)
        assert (drained.given_back, drained.spooled) == (1, 0)
        assert [sent.outcome for sent in link.finishes.asked] == [Outcome.GIVEN_BACK]
        assert await spooled(settings) == []

    async def test_a_second_signal_ends_the_waiting(self, engine: Opened, link: FakeLink):
        began = asyncio.Event()
        link.claims.then(ClaimAnswer(leases=[lease(1)]))
        async with engine(blocking(began)) as made:
            await began.wait()
            made.hurry()
            assert (await made.drained(1000)).given_back == 1

    async def test_what_the_gateway_did_not_acknowledge_is_kept_for_the_next_process(self, engine: Opened, link, settings, monkeypatch):
        monkeypatch.setattr(wiring, "SETTLE_S", 0.05)
        began = asyncio.Event()
        link.claims.then(ClaimAnswer(leases=[lease(1)]))
        link.finishes.then(asyncio.get_running_loop().create_future())
        async with engine(blocking(began)) as made:
            await began.wait()
            drained = await made.drained(0)
        assert (drained.given_back, drained.spooled) == (1, 1)
        assert await spooled(settings) == [job_id(1)]

    async def test_no_job_is_taken_while_draining(self, engine: Opened, link: FakeLink):
        async with engine() as made:
            assert (await link.claims.arrived(2)).max > 0
            await made.drained(0)
            assert (await link.claims.arrived(3)).max == 0


class TestLeaving:
    async def test_a_block_left_without_a_drain_reports_nothing(self, engine: Opened, link: FakeLink, settings):
        began = asyncio.Event()
        link.claims.then(ClaimAnswer(leases=[lease(1)]))
        async with engine(blocking(began)):
            await began.wait()
        assert link.finishes.asked == []
        assert await spooled(settings) == []

    async def test_a_block_left_without_a_drain_reports_nothing_of_a_process_either(self, engine: Opened, link, settings):
        rang = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            rang.set()
            await reader.read()
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            payload = f"__import__('socket').create_connection(('127.0.0.1', {port})).recv(1)"
            link.claims.then(ClaimAnswer(leases=[lease(1, payload=payload)]))
            async with engine({"work": Kind("work", eval, Runs.PROCESS)}):
                await rang.wait()
        assert [sent.error.code for sent in link.finishes.asked] + await spooled(settings) == []

    async def test_a_gateway_that_is_away_does_not_keep_it_from_ending(self, engine: Opened, link: FakeLink):
        link.claims.then(*[GatewayUnreachable()] * 1000)
        async with engine():
            pass
