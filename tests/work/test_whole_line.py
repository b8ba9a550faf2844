"""Everything at once, as people run it: `flowork serve`, a provider, an MCP server, grants, an API key, the official client."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI

from app.client.admin import open_admin
from contract.api_keys import ApiKeyMake
from contract.errors import KindNotAllowed, PayloadInvalid
from contract.words import JobState, Role
from tests.support.house import House, User, until
from tests.support.mcp_server import ITSELF
from tests.support.model_server import Act, config
from tests.support.modelled import HELLO, served
from tests.support.openai_server import openai_server


def settings(base_url: str) -> str:
    """A model whose tokens cost one unit each, a server of tools, and a program."""
    providers = config({"fast": ["a/small"]}, a={"base_url": base_url, "models": ["small"]})
    prices = "[providers.a.prices]\nsmall = { input = 1000000.0 }"
    server = f"[mcp.my]\ncommand = {json.dumps(list(ITSELF))}"
    program = f"[commands.upper]\nargv = {json.dumps([sys.executable, '-c', 'import sys; print(sys.argv[1].upper())', '{text}'])}"
    arguments = '[commands.upper.arguments]\ntype = "object"\nrequired = ["text"]\nproperties.text = { type = "string" }'
    return f"{providers}\n{prices}\n{server}\n{program}\n{arguments}"


async def offered(user: User, tools: int) -> Any:
    """What the engine offers, once its tools are listed."""

    async def there() -> Any:
        engine = next(engine for engine in (await user.api.kinds()).engines if engine.engine == user.engine)
        return engine if len(engine.tools) >= tools else None

    return await until(there, f"{tools} tools are offered")


async def allow(home: House, kind: str) -> None:
    async with open_admin(home.data) as admin:
        await admin.allow_kind(home.engine_name, kind, Role.RUNNER)


@pytest.mark.parametrize("apart", [False, True], ids=["together", "apart"])
async def test_tools_are_offered_but_closed_until_the_owner_allows_them_and_then_a_chat_may_call_them(tmp_path: Path, apart: bool):
    async with openai_server() as server, served(tmp_path, settings(server.base_url), apart=apart) as (home, user):
        asked = {"name": "upper", "arguments": {"text": "loud"}}
        with pytest.raises(KindNotAllowed):
            await user.submit(kind="tool", payload=asked)
        server.then(Act(words=[], calls=[("1", "upper", '{"text": "a"}')]))
        refused = await user.submit(kind="chat", payload={**HELLO, "use_tools": ["upper"]}, max_attempts=1)
        ended = await user.reaches(refused, JobState.DEAD)
        assert ended.error.code == "tool.not_allowed"
        await allow(home, "tool")
        engine = await offered(user, 2)
        assert [model.name for model in engine.models] == ["a/small", "fast"]
        assert {"upper", "my__add"} <= {tool.name for tool in engine.tools}
        called = await user.reaches(await user.submit(kind="tool", payload=asked), JobState.SUCCEEDED)
        assert called.result["content"]["stdout"] == "LOUD\n"
        server.acts.clear()
        server.then(Act(words=[], calls=[("1", "my__add", '{"a": 2, "b": 3}')]), Act(words=["five"]))
        chat = await user.submit(kind="chat", payload={**HELLO, "use_tools": ["my__add"]})
        done = await user.reaches(chat, JobState.SUCCEEDED)
        assert done.result["message"]["content"] == "five"
        assert [(step["name"], step["failed"]) for step in done.result["steps"]] == [("my__add", False)]
        told = server.chats[-1].body["messages"][-1]
        assert (told["role"], "5" in json.dumps(told["content"])) == ("tool", True)
        assert {"tool my__add", "run"} <= {phase.name for phase in done.attempts[0].phases}


async def test_the_official_client_streams_from_a_provider_through_the_whole_house_and_its_cost_is_counted(tmp_path: Path):
    async with openai_server() as server, served(tmp_path, settings(server.base_url)) as (home, user):
        await offered(user, 0)
        key = await user.api.make_api_key(ApiKeyMake(name="laptop", engine=home.engine_name))
        async with AsyncOpenAI(base_url=f"{home.address}/v1", api_key=key.key, max_retries=0) as client:
            assert {model.id async for model in client.models.list()} == {"a/small", "fast"}
            hold = asyncio.Event()
            server.then(Act(hold_second=hold))
            stream = await client.chat.completions.create(model="fast", messages=[{"role": "user", "content": "hello"}], stream=True)
            words: list[str] = []
            async with asyncio.timeout(20):
                async for chunk in stream:
                    words += [choice.delta.content or "" for choice in chunk.choices]
                    if "Hel" in words:
                        hold.set()
            assert "".join(words) == "Hello"
        async with open_admin(home.data) as admin:

            async def counted() -> bool:
                (person,) = (await admin.users()).users
                return person.spent is not None and person.spent.cost_micros == 7_000_000 and person.spent.input_tokens == 7

            await until(counted, "seven tokens at one unit each were counted")


async def test_a_payload_that_fits_no_schema_is_refused_at_the_door(tmp_path: Path):
    async with openai_server() as server, served(tmp_path, settings(server.base_url)) as (_, user):
        with pytest.raises(PayloadInvalid) as refused:
            await user.submit(kind="chat", payload={"model": "fast", "messages": []})
        assert "messages" in refused.value.detail
        assert server.chats == []
