"""`chat` through real processes: a served gateway, an engine, and servers that speak the providers' wires."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.client.api import ApiClient
from contract.events import Event
from contract.words import EventName, JobState
from tests.support.anthropic_server import anthropic_server
from tests.support.house import User, until
from tests.support.model_server import Act, config
from tests.support.modelled import HELLO, KEY, served
from tests.support.openai_server import openai_server


async def output(user: User, job: Any) -> list[str]:
    """The pieces that came live until the job ended."""
    pieces: list[str] = []
    while True:
        event = await user.next_event()
        if event.data.get("id", event.data.get("job")) != job.id:
            continue
        if event.name is EventName.JOB_OUTPUT:
            pieces.append(event.data["text"])
        if event.name is EventName.JOB_UPDATED and JobState(event.data["state"]).final:
            return pieces


@pytest.fixture(params=["openai", "anthropic"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    async with (openai_server if request.param == "openai" else anthropic_server)() as made:
        made.api = request.param
        yield made


async def test_an_answer_arrives_in_pieces_while_it_is_made_and_ends_up_whole(server, tmp_path):
    hold = asyncio.Event()
    server.then(Act(hold_second=hold))
    providers = {"a": {"api": server.api, "base_url": server.base_url, "models": ["small"], "key": "mine"}}
    talkative = {"OPENAI_LOG": "debug", "ANTHROPIC_LOG": "debug"}
    async with served(tmp_path, config({"fast": ["a/small"]}, **providers), **talkative) as (home, user):
        job = await user.submit(kind="chat", payload=HELLO)
        while (event := await user.next_event()).name is not EventName.JOB_OUTPUT:
            pass
        assert event.data["text"] == "Hel"  # the first word, while the second is not even said
        hold.set()
        assert await output(user, job) == ["lo"]
        done = await user.reaches(job, JobState.SUCCEEDED)
        assert done.result["message"]["content"] == "Hello"
        assert done.result["usage"] == {"input_tokens": 7, "output_tokens": 2, "calls": []}
    headers = server.chats[0].headers
    assert KEY in headers["authorization" if server.api == "openai" else "x-api-key"]
    logs = home.data.with_suffix(".gateway.log").read_text() + "".join(
        file.read_text() for file in (home.data / "logs").rglob("*") if file.is_file()
    )
    assert KEY not in logs
    assert "words of a person" not in logs


async def test_a_cancelled_chat_hangs_up_on_its_provider(server, tmp_path):
    server.then(Act(hold_second=asyncio.Event()))
    async with served(tmp_path, config({"fast": ["a/small"]}, a={"api": server.api, "base_url": server.base_url, "models": ["small"]})) as (
        _,
        user,
    ):
        job = await user.submit(kind="chat", payload=HELLO)
        asked = await server.arrived(1)
        await user.api.cancel(job.id)
        async with asyncio.timeout(20):
            await asked.hung_up.wait()
        await user.reaches(job, JobState.CANCELLED)


async def test_the_second_of_an_alias_answers_while_the_first_is_down(tmp_path):
    async with openai_server() as second:
        text = config(
            {"fast": ["down/small", "a/small"]},
            down={"base_url": "http://127.0.0.1:1/v1", "models": ["small"], "tries": 1},
            a={"base_url": second.base_url, "models": ["small"]},
        )
        async with served(tmp_path, text) as (_, user):
            job = await user.submit(kind="chat", payload=HELLO)
            done = await user.reaches(job, JobState.SUCCEEDED, JobState.DEAD)
        assert done.result["model"] == "a/small"


async def everything(api: ApiClient, job: str) -> list[Event]:
    """Every event of a job, from the beginning."""
    found: list[Event] = []
    cursor = "e30"
    while (page := await api.events(cursor, wait_ms=0)).events:
        found += [event for event in page.events if event.data.get("id", event.data.get("job")) == job]
        cursor = page.next
    return found


async def test_an_engine_killed_in_mid_stream_leaves_one_coherent_history(tmp_path):
    async with openai_server() as server:
        server.then(Act(words=["Once ", "lost"], hold_second=asyncio.Event()))
        server.otherwise = lambda _body: Act(words=["Hel", "lo"])
        async with served(tmp_path, config({"fast": ["a/small"]}, a={"base_url": server.base_url, "models": ["small"]}), apart=True) as (
            home,
            user,
        ):
            job = await user.submit(kind="chat", payload=HELLO)
            while (event := await user.next_event()).name is not EventName.JOB_OUTPUT:
                pass
            assert event.data["text"] == "Once "
            assert home.engine is not None
            home.engine.kill()
            await home.engine.ended()
            await home.restart_engine()
            done = await user.reaches(job, JobState.SUCCEEDED, JobState.DEAD)
            assert (done.result["message"]["content"], done.attempt) == ("Hello", 2)
            said: dict[Any, str] = {}
            for event in await everything(user.api, job.id):
                if event.name is EventName.JOB_OUTPUT:
                    assert event.data["offset"] == len(said.get(event.data["delivery"], "").encode())  # nothing twice, nothing missing
                    said[event.data["delivery"]] = said.get(event.data["delivery"], "") + event.data["text"]
            assert list(said.values()) == ["Once ", "Hello"]
            assert len(server.chats) == 2


async def test_models_of_a_server_are_offered_and_answered_for(tmp_path):
    async with openai_server() as server:
        async with served(tmp_path, config({}, a={"base_url": server.base_url, "models": ["*"]})) as (_, user):

            async def listed() -> bool:
                return any(one.path.endswith("/models") for one in server.asked)

            await until(listed)
            job = await user.submit(kind="chat", payload=HELLO | {"model": "a/large"}, max_attempts=5)
            done = await user.reaches(job, JobState.SUCCEEDED, JobState.DEAD)
        assert done.state is JobState.SUCCEEDED
