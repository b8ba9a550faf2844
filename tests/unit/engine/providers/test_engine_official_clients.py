"""The servers of `tests/support` are as real as the vendors' clients want them."""

import asyncio
import subprocess
import sys

import anthropic as anthropic_sdk
import openai as openai_sdk
import pytest

from tests.support.model_server import Act

TALK = [{"role": "user", "content": "hi"}]


async def test_openais_client_takes_all_of_it(openai):
    openai.then(Act(), Act(calls=[("c", "f", '{"a": 1}')]), Act(status=429, headers={"Retry-After": "1"}))
    async with openai_sdk.AsyncOpenAI(api_key="k", base_url=openai.base_url, max_retries=0) as client:
        chunks = [
            chunk
            async for chunk in await client.chat.completions.create(
                model="small", messages=TALK, stream=True, stream_options={"include_usage": True}
            )
        ]
        whole = await client.chat.completions.create(model="small", messages=TALK)
        with pytest.raises(openai_sdk.RateLimitError):
            await client.chat.completions.create(model="small", messages=TALK)
        vectors = await client.embeddings.create(model="v", input=["a"], encoding_format="float")
        models = [model.id async for model in client.models.list()]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello"
    assert chunks[-1].usage is not None
    assert whole.choices[0].message.tool_calls[0].function.arguments == '{"a": 1}'
    assert (vectors.data[0].embedding, models) == ([1.0, 0.5], ["small", "large"])


async def test_anthropics_client_takes_all_of_it(anthropic):
    anthropic.then(Act(thoughts=["hm"], calls=[("c", "f", '{"a": 1}')]), Act(), Act(status=529))
    async with anthropic_sdk.AsyncAnthropic(api_key="k", base_url=anthropic.base_url, max_retries=0) as client:
        async with client.messages.stream(model="small", max_tokens=9, messages=TALK) as stream:
            final = await stream.get_final_message()
        whole = await client.messages.create(model="small", max_tokens=9, messages=TALK)
        with pytest.raises(anthropic_sdk.APIStatusError):
            await client.messages.create(model="small", max_tokens=9, messages=TALK)
        models = [model.id async for model in client.models.list()]
    assert [block.type for block in final.content] == ["thinking", "text", "tool_use"]
    assert final.content[2].input == {"a": 1}
    assert (final.stop_reason, whole.content[0].text, models) == ("tool_use", "Hello", ["small", "large"])


async def test_a_client_that_hangs_up_is_seen(openai):
    openai.then(Act(hold_second=asyncio.Event()))
    async with openai_sdk.AsyncOpenAI(api_key="k", base_url=openai.base_url) as client:
        stream = await client.chat.completions.create(model="small", messages=TALK, stream=True)
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                break
        await stream.close()
        async with asyncio.timeout(10):
            await openai.chats[0].hung_up.wait()


def test_the_vendors_packages_are_not_loaded_before_a_job_needs_them():
    code = "import sys, engine.wiring, app.services.providers; sys.exit(bool({'openai', 'anthropic', 'httpx2'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
