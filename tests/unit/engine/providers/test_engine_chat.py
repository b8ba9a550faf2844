"""`engine.providers` against servers that speak the real wires."""

import asyncio
import json
import os
from typing import Any

import pytest

from kit.vault import VaultLocked
from tests.support.clock import ManualClock
from tests.support.model_server import Act
from tests.support.models import FakeJob, Tools, ask, fails, models

KEY = "sk-very-secret-0123456789"


def one(server: Any, **changes: Any) -> dict[str, Any]:
    """Provider `a`, quick to give up."""
    return {"a": {"api": server.api, "base_url": server.base_url, "models": ["small", "large"], "tries": 1, **changes}}


class TestAnswers:
    async def test_words_go_out_one_by_one_and_the_result_is_whole(self, server, job):
        async with models(one(server)) as made:
            found = await ask(made, job)
        assert job.output == ["Hel", "lo"]
        assert found["message"]["content"] == "Hello"
        assert (found["model"], found["finish_reason"]) == ("a/small", "stop")
        assert (job.usage.input_tokens, job.usage.output_tokens) == (7, 2)
        (call,) = job.usage.calls
        assert call.code is None
        assert call.first_token_ms is not None

    async def test_an_answer_that_is_not_streamed_is_the_same(self, server, job):
        async with models(one(server)) as made:
            found = await ask(made, job, stream=False)
        assert (found["message"]["content"], job.output) == ("Hello", ["Hello"])
        assert not server.chats[0].body.get("stream")

    async def test_thoughts_are_not_shown(self, server, job):
        server.then(Act(thoughts=["secretly", "plotting"], words=["fine"]))
        async with models(one(server)) as made:
            found = await ask(made, job)
        assert job.output == ["fine"]
        assert "plotting" not in json.dumps(found)

    @pytest.mark.parametrize(
        ("finish", "reason"),
        [
            ("length|max_tokens", "length"),
            ("content_filter|refusal", "content_filter"),
            ("stop|end_turn", "stop"),
            ("anything|new", "stop"),
        ],
    )
    async def test_why_it_ended_is_told_in_one_set_of_words(self, server, job, finish, reason):
        server.then(Act(finish=finish.split("|")[server.api == "anthropic"]))
        async with models(one(server)) as made:
            assert (await ask(made, job))["finish_reason"] == reason

    async def test_what_it_costs_is_counted_by_the_owners_prices(self, server, job):
        async with models(one(server, prices={"small": {"input": 3, "output": 15.5}})) as made:
            found = await ask(made, job)
        assert found["usage"]["cost_micros"] == job.usage.cost_micros == 7 * 3 + 31

    async def test_traces_are_continued(self, server, job):
        async with models(one(server)) as made:
            await ask(made, job)
        assert server.chats[0].headers["traceparent"] == job.traceparent
        assert [phase.name for phase in job.timeline.phases] == ["chat small"]


class TestKeys:
    async def test_the_key_goes_to_its_provider_and_nothing_of_the_environment_does(self, server, job, monkeypatch):
        for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
            monkeypatch.setenv(name, "of-the-environment")
        for name in ("OPENAI_CUSTOM_HEADERS", "ANTHROPIC_CUSTOM_HEADERS"):
            monkeypatch.setenv(name, "X-Extra: of-the-environment\nAuthorization: of-the-environment\nX-Api-Key: of-the-environment")
        for name in ("HTTP_PROXY", "ALL_PROXY", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")

        async def secret(name: str) -> str | None:
            return {"provider.mine": KEY}.get(name)

        async with models(one(server, key="mine"), secret=secret) as made:
            await ask(made, job)
        headers = server.chats[0].headers
        assert headers["authorization" if server.api == "openai" else "x-api-key"] in {KEY, f"Bearer {KEY}"}
        assert "of-the-environment" not in json.dumps(headers)
        assert not [name for name in headers if "stainless" in name]
        assert os.environ["OPENAI_API_KEY"] not in json.dumps(headers)

    async def test_without_a_key_none_is_sent(self, server, job):
        async with models(one(server)) as made:
            await ask(made, job)
        assert not {"authorization", "x-api-key"} & server.chats[0].headers.keys()

    async def test_a_missing_key_says_how_to_set_it(self, server, job):
        async with models(one(server, key="mine")) as made:
            error = await fails(made, job)
        assert (error.code, error.retryable) == ("provider.key_invalid", False)
        assert "flowork providers key set mine" in error.message
        assert not server.asked

    async def test_a_locked_store_is_waited_for(self, server, job):
        async def secret(_name: str) -> str | None:
            raise VaultLocked

        async with models(one(server, key="mine"), secret=secret) as made:
            error = await fails(made, job)
        assert (error.code, error.retryable) == ("provider.key_invalid", True)

    async def test_a_refused_key_is_read_again_for_the_next_call(self, server, job):
        keys = iter(["old", "new"])

        async def secret(_name: str) -> str | None:
            return next(keys)

        server.then(Act(status=401))
        async with models(one(server, key="mine"), secret=secret) as made:
            assert (await fails(made, job)).code == "provider.key_invalid"
            await ask(made, job)
        assert "new" in str(server.chats[1].headers)

    async def test_a_redirect_is_not_followed(self, server, job):
        server.then(Act(status=307, headers={"Location": "http://127.0.0.1:1/elsewhere"}))
        async with models(one(server)) as made:
            assert (await fails(made, job)).code == "provider.failed"
        assert len(server.chats) == 1


class TestFailures:
    @pytest.mark.parametrize(
        ("act", "code", "retryable"),
        [
            (Act(status=400), "provider.input_invalid", False),
            (Act(status=401), "provider.key_invalid", False),
            (Act(status=404), "provider.model_unknown", False),
            (Act(status=429, headers={"Retry-After": "7"}), "provider.rate_limited", True),
            (Act(status=500), "provider.failed", True),
            (Act(status=529), "provider.overloaded", True),
            (Act(raw=b"{not json"), "provider.malformed|provider.unreachable", True),
            (Act(raw=b"[]"), "provider.malformed|provider.unreachable", True),
            (Act(hang_up_after=0), "provider.unreachable", True),
            (Act(end_early_after=0), "provider.unreachable", True),
            (Act(garble_after=0), "provider.malformed", True),
            (Act(fail_after=0), "provider.failed|provider.overloaded", True),
        ],
        ids=["400", "401", "404", "429", "500", "529", "no-json", "no-object", "hung-up", "ended-early", "garbled", "failed-within"],
    )
    async def test_what_goes_wrong_has_a_code_and_tells_no_words(self, server, job, act, code, retryable):
        server.then(act)
        async with models(one(server)) as made:
            error = await fails(made, job)
        assert error.code in code.split("|")
        assert error.retryable is retryable
        assert "SECRET WORDS" not in str(error)
        assert error.__cause__ is None
        assert job.codes == [error.code]
        if act.headers:
            assert error.retry_after_s == 7

    @pytest.mark.parametrize("act", [Act(hang_up_after=1), Act(garble_after=1), Act(fail_after=1), Act(end_early_after=1)])
    async def test_nothing_is_asked_again_once_words_have_gone_out(self, server, job, act):
        server.then(act)
        async with models(one(server, tries=3) | {"b": {**one(server)["a"]}}, fast=["a/small", "b/small"]) as made:
            error = await fails(made, job, model="fast")
        assert error.retryable
        assert (len(server.chats), job.output) == (1, ["Hel"])
        assert job.usage.output_tokens > 0  # what had come was paid for

    async def test_a_server_that_is_not_there_is_told_as_such(self, job):
        async with models({"a": {"base_url": "http://127.0.0.1:1/v1", "models": ["small"], "tries": 1}}) as made:
            assert (await fails(made, job)).code == "provider.unreachable"

    async def test_a_first_piece_that_does_not_come_ends_the_call_and_its_connection(self, server, job):
        server.then(Act(hold_first=asyncio.Event()))
        async with models(one(server, first_token_s=0.2)) as made:
            error = await fails(made, job)
            await asyncio.wait_for(server.chats[0].hung_up.wait(), 10)
        assert (error.code, error.retryable) == ("provider.timeout", True)

    async def test_a_gap_that_is_too_long_ends_the_call(self, server, job):
        server.then(Act(hold_second=asyncio.Event()))
        async with models(one(server, gap_s=0.2)) as made:
            error = await fails(made, job)
            await asyncio.wait_for(server.chats[0].hung_up.wait(), 10)
        assert (error.code, job.output) == ("provider.timeout", ["Hel"])

    async def test_an_answer_beyond_all_bounds_is_not_read_to_its_end(self, server, job):
        server.then(Act(words=["x" * 100_000] * 100))
        async with models(one(server, tries=3)) as made:
            error = await fails(made, job)
        assert (error.code, error.retryable, len(server.chats)) == ("provider.malformed", False, 1)

    @pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
    async def test_bytes_without_words_are_bounded_too(self, server, job, monkeypatch, stream):
        monkeypatch.setattr("engine.providers.wire.ANSWER_MAX_BYTES", 10_000)
        server.then(Act(thoughts=["x" * 20_000], words=["x" * 20_000]))
        async with models(one(server)) as made:
            assert (await fails(made, job, stream=stream)).code == "provider.malformed"

    async def test_a_packed_answer_is_not_unpacked(self, server, job):
        server.then(Act(raw=b"\x1f\x8b bomb", headers={"Content-Encoding": "gzip"}))
        async with models(one(server)) as made:
            assert (await fails(made, job, stream=False)).code == "provider.malformed"

    async def test_a_model_that_is_not_ticked_is_not_asked_for(self, server, job):
        async with models(one(server)) as made:
            error = await fails(made, job, model="a/secret-model")
        assert (error.code, error.retryable, server.asked) == ("provider.model_unknown", False, [])


class TestCancel:
    @pytest.mark.parametrize("held", ["hold_first", "hold_second"])
    async def test_a_cancelled_job_hangs_up_at_once(self, server, job, held):
        server.then(Act(**{held: asyncio.Event()}))
        async with models(one(server)) as made:
            asking = asyncio.create_task(ask(made, job))
            asked = await server.arrived(1)
            if held == "hold_second":
                await asyncio.wait_for(job.wrote.wait(), 10)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await asyncio.wait_for(asked.hung_up.wait(), 10)
        assert job.codes == ["job.cancelled"]
        assert (job.usage.output_tokens > 0) is (held == "hold_second")


class TestResilience:
    async def test_a_failure_is_tried_again(self, server, job):
        server.then(Act(status=500), Act(hang_up_after=0))
        async with models(one(server, tries=3)) as made:
            assert (await ask(made, job))["message"]["content"] == "Hello"
        assert job.codes == ["provider.unreachable" if code == "provider.unreachable" else code for code in job.codes]
        assert len(server.chats) == 3

    async def test_the_wait_is_never_shorter_than_was_asked_for(self, server, job, waits):
        server.then(Act(status=429, headers={"Retry-After": "3"}))
        async with models(one(server, tries=2)) as made:
            await ask(made, job)
        assert 3.0 in waits

    async def test_a_provider_that_asks_for_long_is_not_waited_for(self, server, job):
        server.then(Act(status=429, headers={"Retry-After": "3600"}))
        async with models(one(server, tries=3)) as made:
            error = await fails(made, job)
        assert (error.retry_after_s, len(server.chats)) == (3600, 1)

    async def test_the_second_of_an_alias_answers_when_the_first_is_down(self, server, job):
        down = {"base_url": "http://127.0.0.1:1/v1", "models": ["small"], "tries": 1}
        async with models({"down": down, **one(server)}, fast=["down/small", "a/large"]) as made:
            found = await ask(made, job, model="fast")
        assert found["model"] == "a/large"
        assert job.codes == ["provider.unreachable", None]

    async def test_what_was_asked_wrongly_is_not_asked_of_others(self, server, job):
        server.then(Act(status=400))
        async with models(one(server), fast=["a/small", "a/large"]) as made:
            assert (await fails(made, job, model="fast")).code == "provider.input_invalid"
        assert len(server.chats) == 1

    async def test_the_failure_that_may_be_mended_is_the_one_that_is_told(self, server, job):
        server.then(Act(status=529), Act(status=401))
        async with models(one(server), fast=["a/small", "a/large"]) as made:
            error = await fails(made, job, model="fast")
        assert (error.code, error.retryable) == ("provider.overloaded", True)

    async def test_the_breaker_opens_is_probed_once_and_closes(self, server, job):
        clock = ManualClock()
        server.then(*[Act(status=500)] * 2)
        async with models(one(server, breaker_failures=2, breaker_open_s=30), clock=clock) as made:
            for _ in range(2):
                assert (await fails(made, job)).code == "provider.failed"
            error = await fails(made, job)
            assert (error.code, error.retry_after_s, len(server.chats)) == ("provider.circuit_open", 30, 2)
            clock.advance(31)
            server.then(Act(status=500))
            assert (await fails(made, job)).code == "provider.failed"
            assert (await fails(made, job)).code == "provider.circuit_open"
            clock.advance(31)
            await ask(made, job)
            await ask(made, job)
        assert len(server.chats) == 5

    async def test_calls_beyond_the_limit_at_once_wait_for_their_turn(self, server):
        hold = asyncio.Event()
        server.then(Act(hold_first=hold))
        async with models(one(server, concurrency=1)) as made:
            first = asyncio.create_task(ask(made, FakeJob()))
            await server.arrived(1)
            second = asyncio.create_task(ask(made, FakeJob()))
            await asyncio.sleep(0)
            assert len(server.chats) == 1
            hold.set()
            await asyncio.gather(first, second)
        assert len(server.chats) == 2

    async def test_requests_of_a_minute_are_counted(self, server, waits, monkeypatch):
        clock = ManualClock()
        pause = asyncio.sleep

        async def sleep(seconds: float) -> None:
            clock.advance(seconds)
            await pause(0)

        monkeypatch.setattr(asyncio, "sleep", sleep)
        began = clock.steady
        async with models(one(server, requests_per_min=2), clock=clock) as made:
            for _ in range(3):
                await ask(made, FakeJob())
        assert clock.steady - began == 60_000_000


class TestTools:
    CALL = ("c1", "add", '{"a": 41}')

    async def test_a_tool_is_called_and_its_answer_read(self, server):
        job, tools = FakeJob("chat", "tool"), Tools()
        server.then(Act(words=["Let me see."], calls=[self.CALL]), Act(words=["It is ", "42."]))
        async with models(one(server)) as made:
            found = await ask(made, job, toolbox=tools, use_tools=["add"])
        assert tools.called == [("add", {"a": 41})]
        assert '"sum": 42' in json.dumps(server.chats[1].body).replace("\\", "")
        assert found["message"]["content"] == "It is 42."
        assert [(step["name"], step["failed"]) for step in found["steps"]] == [("add", False)]
        assert "".join(job.output) == "Let me see.\n\nIt is 42."
        assert found["usage"]["input_tokens"] == job.usage.input_tokens == 14

    async def test_a_user_without_the_grant_calls_nothing(self, server):
        tools = Tools()
        async with models(one(server)) as made:
            error = await fails(made, FakeJob("chat"), toolbox=tools, use_tools=["add"])
        assert (error.code, error.retryable, tools.called, server.asked) == ("tool.not_allowed", False, [], [])

    async def test_the_loop_is_bounded(self, server):
        server.otherwise = lambda _body: Act(words=[], calls=[self.CALL])
        async with models(one(server)) as made:
            found = await ask(made, FakeJob("tool"), toolbox=Tools(), use_tools=["add"], max_steps=3)
        assert len(server.chats) == 3
        assert (found["finish_reason"], len(found["steps"])) == ("tool_calls", 2)

    async def test_a_call_to_the_callers_own_function_ends_the_job(self, server):
        tools = Tools()
        function = {"name": "mine", "parameters": {"type": "object"}}
        server.then(Act(words=[], calls=[("c9", "mine", "{}")]))
        async with models(one(server)) as made:
            asked = {"use_tools": ["add"], "tools": [{"type": "function", "function": function}]}
            found = await ask(made, FakeJob("tool"), toolbox=tools, **asked)
        assert found["finish_reason"] == "tool_calls"
        assert found["message"]["tool_calls"][0]["function"] == {"name": "mine", "arguments": "{}"}
        assert not tools.called

    async def test_a_failed_tool_is_told_to_the_model(self, server):
        server.then(Act(words=[], calls=[("c1", "breaks", "{}")]))
        async with models(one(server)) as made:
            found = await ask(made, FakeJob("tool"), toolbox=Tools(), use_tools=["breaks"])
        assert "It broke." in json.dumps(server.chats[1].body)
        assert found["steps"][0]["failed"]

    async def test_what_a_tool_says_is_cut(self, server):
        server.then(Act(words=[], calls=[("c1", "shouts", "{}")]))
        async with models(one(server)) as made:
            await ask(made, FakeJob("tool"), toolbox=Tools(), use_tools=["shouts"])
        assert 32_000 < len(json.dumps(server.chats[1].body)) < 40_000


class TestLists:
    async def test_every_listed_model_is_offered_where_the_owner_says_so(self, server, job):
        changed = []
        async with models(one(server, models=["*"])) as made:
            assert (await fails(made, job)).code == "provider.model_unknown"
            await made.run(lambda: changed.append(True))
            assert [model.name for model in made.offered] == ["a/large", "a/small"]
            await ask(made, job)
        assert changed
