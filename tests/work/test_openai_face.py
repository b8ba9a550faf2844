"""The OpenAI-compatible face, asked by the official client: a real gateway, a real engine, a model that is none."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI

from contract.api_keys import ApiKeyMake
from contract.offers import Offer, OfferedModel
from contract.words import JobState
from tests.support.chat import TOOL_CALL, Model
from tests.support.house import until
from tests.support.inside import add_engine, engine_for, wire_to
from tests.work.conftest import Kitchen, client_of

WHOLE = "Grüße aus der Küche"


def asking(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "fake/one", "messages": [{"role": "user", "content": text}], **more}


async def chunks_of(client: AsyncOpenAI, text: str, **more: Any) -> list[Any]:
    stream = await client.chat.completions.create(**asking(text, stream=True, **more))
    return [chunk async for chunk in stream]


class TestAnswers:
    async def test_an_answer_comes_whole_with_usage_and_is_an_ordinary_job(self, kitchen: Kitchen):
        answer = await kitchen.client.chat.completions.create(
            **asking("hello", temperature=0.5, max_completion_tokens=99, stop="END", user="x")
        )
        (choice,) = answer.choices
        assert (choice.message.content, choice.finish_reason, answer.model) == (WHOLE, "stop", "fake/one")
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (11, 5, 16)
        (asked,) = kitchen.model.asked
        assert (asked["temperature"], asked["max_tokens"], asked["stop"], asked["stream"]) == (0.5, 99, ["END"], False)
        job = await kitchen.only_job(JobState.SUCCEEDED)
        assert answer.id == f"chatcmpl-{job.id}"
        assert (job.kind, job.usage.input_tokens, job.usage.cost_micros) == ("chat", 11, 700)

    async def test_a_stream_has_its_role_first_each_word_once_and_its_end(self, kitchen: Kitchen):
        chunks = await chunks_of(kitchen.client, "hello", stream_options={"include_usage": True})
        assert chunks[0].choices[0].delta.role == "assistant"
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == WHOLE
        assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-2:] == [None, "stop"]
        assert (chunks[-1].choices, chunks[-1].usage.total_tokens) == ([], 16)
        assert len({chunk.id for chunk in chunks}) == 1
        assert (await kitchen.only_job(JobState.SUCCEEDED)).max_attempts == 1

    async def test_the_first_word_is_there_while_the_rest_is_still_being_made(self, kitchen: Kitchen):
        stream = await kitchen.client.chat.completions.create(**asking("wait", stream=True))
        words = (chunk.choices[0].delta.content async for chunk in stream if chunk.choices)
        async with asyncio.timeout(10):
            assert [await anext(words), await anext(words)] == ["", "Grü"]
        kitchen.model.go_on.set()
        assert "".join([word async for word in words if word]) == WHOLE.removeprefix("Grü")

    async def test_what_an_engine_did_not_stream_is_in_the_stream_all_the_same(self, kitchen: Kitchen):
        assert "".join(chunk.choices[0].delta.content or "" for chunk in await chunks_of(kitchen.client, "silent")) == WHOLE

    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    async def test_a_tool_call_reaches_the_client_and_its_answer_goes_back(self, kitchen: Kitchen, stream: bool):
        tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
        if stream:
            chunks = await chunks_of(kitchen.client, "tool", tools=tools)
            (call,) = next(chunk.choices[0].delta.tool_calls for chunk in chunks if chunk.choices[0].delta.tool_calls)
            assert chunks[-1].choices[0].finish_reason == "tool_calls"
        else:
            answer = await kitchen.client.chat.completions.create(**asking("tool", tools=tools))
            (call,) = answer.choices[0].message.tool_calls
            said = answer.choices[0].message.model_dump()
            messages = [{"role": "user", "content": "tool"}, said, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
            again = await kitchen.client.chat.completions.create(model="fake/one", messages=messages, tools=tools)
            assert again.choices[0].message.content == WHOLE
        assert (call.id, call.function.name, call.function.arguments) == ("call-1", "weather", TOOL_CALL["function"]["arguments"])

    async def test_embeddings_come_as_the_client_asks(self, kitchen: Kitchen):
        for encoding in ({}, {"encoding_format": "float"}):
            answer = await kitchen.client.embeddings.create(model="fake/embed", input=["a", "abc"], **encoding)
            assert [each.embedding for each in answer.data] == [[1.0, 0.5], [3.0, 0.5]]
            assert answer.usage.prompt_tokens == 3

    async def test_many_streams_at_once_keep_apart(self, kitchen: Kitchen):
        kitchen.model.words = [f"{number} " for number in range(200)]
        streams = await asyncio.gather(*(chunks_of(kitchen.client, "hello") for _ in range(8)))
        for chunks in streams:
            assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "".join(kitchen.model.words)


class TestModels:
    async def test_the_models_are_those_that_the_engine_offers(self, kitchen: Kitchen):
        assert [model.id async for model in kitchen.client.models.list()] == []
        await offered(kitchen)
        assert [model.id async for model in kitchen.client.models.list()] == ["fake/embed", "fake/one", "fast"]
        assert (
            await kitchen.client.models.retrieve("fast")
        ).owned_by == "flowork"  # the client spells a slash as %2F, which no path here may hold
        with pytest.raises(openai.NotFoundError):
            await kitchen.client.models.retrieve("slow")

    async def test_a_model_that_nobody_offers_is_not_found(self, kitchen: Kitchen):
        await offered(kitchen)
        with pytest.raises(openai.NotFoundError) as told:
            await kitchen.client.chat.completions.create(**asking("hello", model="fake/none") | {"model": "fake/none"})
        assert (told.value.code, told.value.param) == ("model_not_found", "model")
        assert "fake/one, fast" in str(told.value)
        assert await kitchen.jobs() == []


async def offered(kitchen: Kitchen) -> None:
    """The engine's instance offers models."""
    offer = Offer(
        models=[
            OfferedModel(name="fake/one", kinds=["chat"]),
            OfferedModel(name="fake/embed", kinds=["embed"]),
            OfferedModel(name="fast", kinds=["chat"], behind=["fake/one"]),
        ]
    )
    presence = kitchen.parts.operations.claiming.presence
    instance = presence.find(kitchen.added.id, kitchen.engine.instance)
    instance.announce = instance.announce.model_copy(update={"offer": offer.version})
    await kitchen.parts.operations.kinds.offers.put(kitchen.added.id, offer)


class TestRefusals:
    async def test_a_failed_job_is_an_error_with_its_code(self, kitchen: Kitchen):
        for more in ({}, {"stream": True}):
            with pytest.raises(openai.InternalServerError) as told:
                await kitchen.client.chat.completions.create(**asking("fail", **more))
            assert told.value.code == "provider.down"
            assert told.value.status_code == 502

    @pytest.mark.parametrize(
        ("more", "param"),
        [
            ({"n": 2}, "n"),
            ({"logprobs": True}, "logprobs"),
            ({"audio": {"voice": "a", "format": "wav"}}, "audio"),
            ({"temperature": 9}, "temperature"),
            ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages.0"),
        ],
        ids=["n", "logprobs", "audio", "temperature", "part"],
    )
    async def test_what_cannot_be_done_is_refused_by_name(self, kitchen: Kitchen, more: dict[str, Any], param: str):
        with pytest.raises(openai.BadRequestError) as told:
            await kitchen.client.chat.completions.create(**{**asking("hello"), **more})
        assert told.value.param.startswith(param)
        assert told.value.type == "invalid_request_error"

    async def test_a_wrong_or_revoked_key_opens_nothing(self, kitchen: Kitchen):
        async with client_of(kitchen.gateway, "fwk1_nonsense") as stranger:
            with pytest.raises(openai.AuthenticationError) as told:
                await stranger.models.list()
        assert told.value.code == "invalid_api_key"
        await kitchen.user.api.revoke_api_key("laptop")
        with pytest.raises(openai.AuthenticationError):
            await kitchen.client.chat.completions.create(**asking("hello"))

    async def test_a_key_is_no_credential_of_a_person(self, kitchen: Kitchen):
        headers = {"Authorization": f"Bearer {kitchen.key.key}"}
        async with aiohttp.request("GET", f"{kitchen.gateway.address}/api/v1/jobs", headers=headers) as answer:
            assert answer.status == 401

    async def test_a_key_does_only_what_it_was_made_for(self, kitchen: Kitchen):
        narrow = await kitchen.user.api.make_api_key(ApiKeyMake(name="narrow", engine="lab", kinds=["embed"]))
        async with client_of(kitchen.gateway, narrow.key) as client:
            with pytest.raises(openai.PermissionDeniedError):
                await client.chat.completions.create(**asking("hello"))
            await client.embeddings.create(model="fake/embed", input="a")

    async def test_a_key_ends_with_its_users_grant_and_their_last_device(self, kitchen: Kitchen):
        await kitchen.parts.operations.kinds.allow("lab", "chat", None, "owner")
        with pytest.raises(openai.PermissionDeniedError) as told:
            await kitchen.client.chat.completions.create(**asking("hello"))
        assert told.value.code == "job.kind_not_allowed"
        for device in (await kitchen.user.api.devices()).devices:
            await kitchen.parts.operations.sessions.revoke(device.id, "owner")
        with pytest.raises(openai.AuthenticationError):
            await kitchen.client.models.list()

    async def test_a_full_queue_says_when_to_come_back(self, kitchen: Kitchen):
        kitchen.parts.operations.drain.shut()
        with pytest.raises(openai.InternalServerError) as told:
            await kitchen.client.chat.completions.create(**asking("hello"))
        assert (told.value.status_code, told.value.code) == (503, "server.draining")
        assert int(told.value.response.headers["retry-after"]) > 0

    async def test_a_budget_that_is_used_up_ends_the_day(self, kitchen: Kitchen):
        operations = kitchen.parts.operations
        (user,) = await operations.household.users()
        await operations.household.budgets.put(user.id, None, 20, "owner")
        await kitchen.client.chat.completions.create(**asking("hello"))  # 16 tokens
        await kitchen.client.chat.completions.create(**asking("hello"))  # 32
        with pytest.raises(openai.RateLimitError) as told:
            await kitchen.client.chat.completions.create(**asking("hello"))
        assert told.value.code == "insufficient_quota"
        assert 0 < int(told.value.response.headers["retry-after"]) <= 86400
        (user,) = await operations.household.users()
        assert (user.spent.input_tokens, user.spent.output_tokens, user.spent.cost_micros) == (22, 10, 1400)


class TestIdempotency:
    async def test_the_same_key_gives_the_same_answer_and_one_job(self, kitchen: Kitchen):
        asked = asking("hello", extra_headers={"Idempotency-Key": "same"})
        first, second = [await kitchen.client.chat.completions.create(**asked) for _ in range(2)]
        assert first == second
        await kitchen.only_job(JobState.SUCCEEDED)

    async def test_a_repeated_stream_is_told_whole(self, kitchen: Kitchen):
        for _ in range(2):
            chunks = await chunks_of(kitchen.client, "hello", extra_headers={"Idempotency-Key": "same"})
            assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == WHOLE
        await kitchen.only_job(JobState.SUCCEEDED)


class TestGoingAway:
    async def test_a_client_that_leaves_its_stream_cancels_the_job(self, kitchen: Kitchen):
        stream = await kitchen.client.chat.completions.create(**asking("wait", stream=True))
        await anext(aiter(stream))
        await stream.close()
        async with asyncio.timeout(10):
            await kitchen.model.stopped.wait()
        await kitchen.only_job(JobState.CANCELLED)

    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    async def test_a_revoked_key_ends_what_is_under_way(self, kitchen: Kitchen, stream: bool):
        async def ask() -> None:
            answer = await kitchen.client.chat.completions.create(**asking("wait", stream=stream))
            if stream:
                async for _ in answer:
                    pass

        waiting = asyncio.ensure_future(ask())
        async with asyncio.timeout(10):
            await kitchen.model.said.wait()
            await kitchen.user.api.revoke_api_key("laptop")
            with pytest.raises(openai.APIError) as told:
                await waiting
            assert told.value.code == "invalid_api_key"
            await kitchen.model.stopped.wait()

    async def test_a_client_that_gives_up_waiting_cancels_the_job(self, kitchen: Kitchen):
        waiting = asyncio.ensure_future(kitchen.client.chat.completions.create(**asking("wait")))
        async with asyncio.timeout(10):
            await kitchen.model.said.wait()
        waiting.cancel()
        await asyncio.wait([waiting])
        async with asyncio.timeout(10):
            await kitchen.model.stopped.wait()
        await kitchen.only_job(JobState.CANCELLED)

    async def test_a_lost_engine_ends_the_stream_with_an_error_and_the_job_is_not_run_again(self, kitchen: Kitchen):
        stream = await kitchen.client.chat.completions.create(**asking("wait", stream=True))
        chunks = aiter(stream)
        assert [(await anext(chunks)).choices[0].delta.content for _ in range(2)] == ["", "Grü"]
        # Nothing is renewed or reported any more, as after a crash; the lease runs out.
        async with kitchen.parts.shards.use(kitchen.added.id) as store:
            await store.take_back([kitchen.engine.instance])
        with pytest.raises(openai.APIError) as told:
            await anext(chunks)
        assert told.value.code == "job.engine_lost"
        job = await kitchen.only_job(JobState.CANCELLED, JobState.DEAD)
        assert job.output.text == "Grü"
        assert len(kitchen.model.asked) <= 2

    async def test_an_engine_that_dies_in_the_middle_ends_the_stream_and_no_other_one_begins_it_again(self, kitchen: Kitchen, tmp_path):
        second = Model()
        async with AsyncExitStack() as stack:
            wire = await stack.enter_async_context(wire_to(kitchen.gateway.address))
            dying, lab = Model(), await add_engine(kitchen.gateway, "den")
            await stack.enter_async_context(engine_for(wire.address, lab, tmp_path / "dying", served=dying.served))
            key = await kitchen.user.api.make_api_key(ApiKeyMake(name="den", engine="den"))
            client = await stack.enter_async_context(client_of(kitchen.gateway, key.key))
            stream = await client.chat.completions.create(**asking("wait", stream=True))
            chunks = aiter(stream)
            assert [(await anext(chunks)).choices[0].delta.content for _ in range(2)] == ["", "Grü"]
            await stack.enter_async_context(engine_for(kitchen.gateway.address, lab, tmp_path / "second", served=second.served))
            wire.cut = True
            with pytest.raises(openai.APIError) as told:
                async with asyncio.timeout(20):
                    await anext(chunks)
            assert told.value.code == "job.engine_lost"
            job = await kitchen.only_job(JobState.CANCELLED, JobState.DEAD)
            assert job.output.text.startswith("Grü")
            assert [attempt.outcome for attempt in job.attempts][:1] == ["lost"]

    async def test_a_gateway_that_stops_ends_its_streams_with_an_error(self, kitchen: Kitchen):
        stream = await kitchen.client.chat.completions.create(**asking("wait", stream=True))
        chunks = aiter(stream)
        await anext(chunks)
        await anext(chunks)
        kitchen.parts.following.close()
        with pytest.raises(openai.APIError) as told:
            await anext(chunks)
        assert told.value.code == "gateway.stopping"
        assert (await kitchen.only_job(JobState.RUNNING)).state is JobState.RUNNING
        kitchen.model.go_on.set()


async def test_a_page_of_another_origin_is_refused_and_a_listed_one_may_read(kitchen: Kitchen):
    for origin, status in (("https://evil.example", 403), (kitchen.gateway.address, 200)):
        headers = {"Authorization": f"Bearer {kitchen.key.key}", "Origin": origin}
        async with aiohttp.request("GET", f"{kitchen.gateway.address}/v1/models", headers=headers) as answer:
            assert answer.status == status
            told = await answer.json()
            assert ("error" in told) is (status == 403)


async def test_a_lease_says_what_its_user_may_use(kitchen: Kitchen):
    await kitchen.client.chat.completions.create(**asking("hello"))
    await kitchen.parts.operations.kinds.allow("lab", "tool", "runner", "owner")
    await kitchen.client.chat.completions.create(**asking("hello"))
    before, after = kitchen.model.grants
    assert after - before == {"tool"}
    assert {"chat", "embed", "echo"} <= before


async def test_what_providers_took_is_in_the_metrics_and_in_the_users_day(kitchen: Kitchen):
    await offered(kitchen)
    await kitchen.client.chat.completions.create(**asking("hello"))

    async def counted() -> bool:
        page, _ = await kitchen.parts.sight.page("text/plain")
        return b'flowork_provider_tokens_total{direction="input",engine="lab",provider="fake"} 11.0' in page

    await until(counted)
