"""`Output`: what a job says reaches the gateway in order, once, and never after the lease is gone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from contract import limits
from contract.errors import GatewayUnreachable, QueueFull
from contract.words import AppendStatus, LogLevel
from engine.runtime.output import CHUNK_MAX, LOG_LINES_MAX, SENDS_PER_S, UNSENT_MAX, Output
from kit.backoff import Backoff
from tests.support.fake_link import INSTANCE, FakeLink, appended, lease

LEASE = lease(1)


@asynccontextmanager
async def speaking(link: FakeLink, may_act: Callable[[], bool] = lambda: True, uniform: float = 0.0) -> AsyncIterator[Output]:
    """An output whose sender runs for the length of the block."""
    output = Output(link, INSTANCE, LEASE, may_act, Backoff(0.2, 30.0), lambda: uniform)
    sender = asyncio.create_task(output.run())
    try:
        async with asyncio.timeout(20):
            yield output
    finally:
        sender.cancel()
        await asyncio.wait({sender})


def said(link: FakeLink) -> str:
    return link.said.get(LEASE.token, b"").decode()


async def turns(count: int = 20) -> None:
    """Let everything that is ready run."""
    loop = asyncio.get_running_loop()
    for _ in range(count):
        turn = asyncio.Event()
        loop.call_soon(turn.set)
        await turn.wait()


@pytest.mark.usefixtures("waits")
class TestText:
    async def test_output_arrives_whole_and_in_order(self, link: FakeLink):
        async with speaking(link) as output:
            for number in range(200):
                await output.write(f"{number},")
            await output.flush()
        assert said(link) == "".join(f"{number}," for number in range(200))

    async def test_every_item_names_its_job_token_and_instance(self, link: FakeLink):
        async with speaking(link) as output:
            await output.write("a")
            await output.flush()
        (request,) = link.appends.asked
        assert (request.instance, request.items[0].job, request.items[0].token) == (INSTANCE, LEASE.job, LEASE.token)

    async def test_the_first_word_goes_at_once(self, link: FakeLink, waits: list[float]):
        link.appends.then(asyncio.get_running_loop().create_future())
        async with speaking(link) as output:
            await output.write("a")
            await link.appends.arrived(1)
            assert waits == []

    async def test_later_words_go_at_most_twenty_times_a_second(self, link: FakeLink, waits: list[float]):
        async with speaking(link) as output:
            for word in ("a", "b", "c"):
                await output.write(word)
                await output.flush()
        assert waits[:2] == [1 / SENDS_PER_S] * 2
        assert len(link.appends.asked) == 3

    async def test_words_of_the_same_moment_travel_together(self, link: FakeLink):
        async with speaking(link) as output:
            for word in ("a", "b", "c"):
                await output.write(word)
            await output.flush()
        (request,) = link.appends.asked
        assert request.items[0].output is not None
        assert request.items[0].output.text == "abc"

    async def test_offsets_count_bytes_of_utf8(self, link: FakeLink):
        async with speaking(link) as output:
            for word in ("ä", "😀", "z"):
                await output.write(word)
                await output.flush()
        offsets = [request.items[0].output.offset for request in link.appends.asked if request.items[0].output]
        assert offsets == [0, 2, 6]
        assert said(link) == "ä😀z"

    async def test_nothing_is_sent_for_an_empty_word(self, link: FakeLink):
        async with speaking(link) as output:
            await output.write("")
            await output.flush()
            await turns()
        assert link.appends.asked == []

    async def test_a_long_text_goes_in_chunks_that_fit_a_request(self, link: FakeLink):
        text = "0123456789" * (CHUNK_MAX // 10 * 3)
        async with speaking(link) as output:
            await output.write(text)
            await output.flush()
        assert said(link) == text
        for request in link.appends.asked:
            assert len(request.model_dump_json()) <= limits.REPORT_BODY_MAX_BYTES
            assert request.items[0].output is None or len(request.items[0].output.text) <= CHUNK_MAX

    async def test_a_writer_waits_while_a_mebibyte_is_unsent(self, link: FakeLink):
        answer = asyncio.get_running_loop().create_future()
        link.appends.then(answer)
        async with speaking(link) as output:
            await output.write("x" * (UNSENT_MAX + 1))
            request = await link.appends.arrived(1)
            more = asyncio.create_task(output.write("y"))
            await turns()
            assert not more.done()
            answer.set_result(link.take(request))
            await more
            await output.flush()
        assert said(link) == "x" * (UNSENT_MAX + 1) + "y"

    async def test_text_that_is_not_utf8_does_not_silence_the_job(self, link: FakeLink):
        async with speaking(link) as output:
            await output.write("\udc80")  # what open(errors="surrogateescape") reads
            flushed = asyncio.create_task(output.flush())
            await turns(50)
            done = flushed.done()
            flushed.cancel()
        assert done


@pytest.mark.usefixtures("waits")
class TestRepeating:
    async def test_what_was_not_taken_is_sent_again_from_the_same_offset(self, link: FakeLink):
        link.appends.then(GatewayUnreachable())
        async with speaking(link) as output:
            await output.write("abc")
            await output.flush()
        assert [request.items[0].output.offset for request in link.appends.asked] == [0, 0]
        assert said(link) == "abc"

    async def test_a_lost_answer_repeats_from_the_offset_that_the_gateway_names(self, link: FakeLink):
        answer = asyncio.get_running_loop().create_future()
        link.appends.then(answer)
        async with speaking(link) as output:
            await output.write("ab")
            link.take(await link.appends.arrived(1))  # taken, but the answer is lost
            await output.write("cä")
            answer.set_exception(GatewayUnreachable())
            await output.flush()
        chunks = [(request.items[0].output.offset, request.items[0].output.text) for request in link.appends.asked]
        assert chunks == [(0, "ab"), (0, "abcä"), (2, "cä")]
        assert said(link) == "abcä"

    async def test_a_lost_answer_repeats_no_log_line(self, link: FakeLink):
        answer = asyncio.get_running_loop().create_future()
        link.appends.then(answer)
        async with speaking(link) as output:
            output.log(LogLevel.INFO, "one")
            link.take(await link.appends.arrived(1))
            output.log(LogLevel.INFO, "two")
            answer.set_exception(GatewayUnreachable())
            await output.flush()
        assert link.lines[LEASE.token] == ["one", "two"]
        assert [request.items[0].log.offset for request in link.appends.asked] == [0, 0, 1]

    async def test_an_offset_inside_a_character_never_sends_half_of_it(self, link: FakeLink):
        link.appends.then(appended(LEASE.job, AppendStatus.OFFSET, output_offset=1))
        async with speaking(link) as output:
            await output.write("äb")
            request = await link.appends.arrived(2)
            assert request.items[0].output is not None
            assert "\ufffd" not in request.items[0].output.text

    async def test_failures_wait_longer_each_time_and_success_resets(self, link: FakeLink, waits: list[float]):
        link.appends.then(GatewayUnreachable(), GatewayUnreachable(), GatewayUnreachable())
        async with speaking(link, uniform=1.0) as output:
            await output.write("a")
            await output.flush()
            link.appends.then(GatewayUnreachable())
            await output.write("b")
            await output.flush()
        assert [wait for wait in waits if wait != 1 / SENDS_PER_S] == [0.2, 0.4, 0.8, 0.2]

    async def test_a_gateway_that_asks_to_wait_is_waited_for(self, link: FakeLink, waits: list[float]):
        link.appends.then(QueueFull(retry_after_s=7))
        async with speaking(link) as output:
            await output.write("a")
            await output.flush()
        assert waits[0] == 7


@pytest.mark.usefixtures("waits")
class TestLogAndProgress:
    async def test_lines_keep_their_level_and_order(self, link: FakeLink):
        async with speaking(link) as output:
            output.log(LogLevel.INFO, "one")
            output.log(LogLevel.ERROR, "two")
            await output.flush()
        (request,) = link.appends.asked
        assert request.items[0].log is not None
        assert [(line.level, line.message) for line in request.items[0].log.lines] == [(LogLevel.INFO, "one"), (LogLevel.ERROR, "two")]

    async def test_a_flood_of_lines_arrives_whole(self, link: FakeLink):
        count = LOG_LINES_MAX * 2 + 1
        async with speaking(link) as output:
            for number in range(count):
                output.log(LogLevel.INFO, str(number))
            await output.flush()
        assert link.lines[LEASE.token] == [str(number) for number in range(count)]
        assert len(link.appends.asked) == 3

    async def test_an_endless_line_is_cut(self, link: FakeLink):
        async with speaking(link) as output:
            output.log(LogLevel.INFO, "x" * 10_000)
            await output.flush()
        assert link.lines[LEASE.token] == ["x" * 8192]

    @pytest.mark.parametrize(("share", "sent"), [(0.5, 0.5), (-1.0, 0.0), (7.0, 1.0), (float("nan"), 0.0), (0.0, 0.0)])
    async def test_progress_stays_between_none_and_all(self, link: FakeLink, share: float, sent: float):
        async with speaking(link) as output:
            output.progress(share)
            await output.flush()
        assert [request.items[0].progress for request in link.appends.asked] == [sent]

    async def test_only_the_latest_progress_is_sent(self, link: FakeLink):
        async with speaking(link) as output:
            for share in (0.1, 0.2, 0.3):
                output.progress(share)
            await output.flush()
        assert [request.items[0].progress for request in link.appends.asked] == [0.3]

    async def test_progress_made_during_a_request_is_sent_too(self, link: FakeLink):
        answer = asyncio.get_running_loop().create_future()
        link.appends.then(answer)
        async with speaking(link) as output:
            output.progress(0.1)
            await link.appends.arrived(1)
            output.progress(0.2)
            answer.set_result(appended(LEASE.job))
            await output.flush()
        assert [request.items[0].progress for request in link.appends.asked] == [0.1, 0.2]

    async def test_progress_is_not_lost_with_a_wrong_offset(self, link: FakeLink):
        link.appends.then(appended(LEASE.job, AppendStatus.OFFSET))
        async with speaking(link) as output:
            output.progress(0.4)
            await output.write("a")
            await output.flush()
        assert [request.items[0].progress for request in link.appends.asked] == [0.4, 0.4]


@pytest.mark.usefixtures("waits")
class TestTheEnd:
    async def test_flush_waits_for_the_answer(self, link: FakeLink):
        answer = asyncio.get_running_loop().create_future()
        link.appends.then(answer)
        async with speaking(link) as output:
            await output.write("a")
            flushed = asyncio.create_task(output.flush())
            await link.appends.arrived(1)
            await turns()
            assert not flushed.done()
            answer.set_result(appended(LEASE.job, output_offset=1))
            await flushed

    async def test_a_silent_job_has_nothing_to_wait_for(self, link: FakeLink):
        async with speaking(link) as output:
            await output.flush()
        assert link.appends.asked == []

    async def test_nothing_is_sent_once_the_lease_must_be_let_go(self, link: FakeLink):
        allowed = True
        async with speaking(link, lambda: allowed) as output:
            await output.write("a")
            await output.flush()
            allowed = False
            await output.write("b")
            await output.flush()
            await output.write("c")
            await turns()
        assert said(link) == "a"
        assert len(link.appends.asked) == 1

    async def test_nothing_is_sent_after_the_gateway_said_lost(self, link: FakeLink):
        link.appends.then(appended(LEASE.job, AppendStatus.LOST))
        async with speaking(link) as output:
            await output.write("a")
            await output.flush()
            await output.write("b")
            output.log(LogLevel.INFO, "c")
            output.progress(1.0)
            await output.flush()
            await turns()
        assert len(link.appends.asked) == 1

    async def test_a_writer_that_waits_for_room_goes_on_when_the_lease_is_lost(self, link: FakeLink):
        answer = asyncio.get_running_loop().create_future()
        link.appends.then(answer)
        async with speaking(link) as output:
            await output.write("x" * (UNSENT_MAX + 1))
            await link.appends.arrived(1)
            more = asyncio.create_task(output.write("y"))
            answer.set_result(appended(LEASE.job, AppendStatus.LOST))
            await more


async def test_the_gateway_takes_the_largest_request_that_a_job_can_make(link: FakeLink):
    async with speaking(link) as output:
        for _ in range(LOG_LINES_MAX):
            output.log(LogLevel.INFO, "漢" * 8192)
        request = await link.appends.arrived(1)
    assert len(request.model_dump_json().encode()) <= limits.REPORT_BODY_MAX_BYTES
