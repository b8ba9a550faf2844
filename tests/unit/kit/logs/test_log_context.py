"""`kit.logs`: what is bound to a request is on its lines, and on no other's."""

import asyncio
import contextvars
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kit.logs import FIELDS, Log, around, bind, bound


@pytest.fixture
def said() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    heard: list[tuple[str, dict[str, Any]]] = []

    class Hears(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append((record.getMessage(), getattr(record, FIELDS)))

    handler, ours = Hears(), logging.getLogger("flowork.test")
    ours.addHandler(handler)
    yield heard
    ours.removeHandler(handler)


log = Log("test")


def say(name: str, step: str, **fields: Any) -> None:
    event = f"{name}.{step}"
    log.info(event, **fields)


async def test_two_requests_that_interleave_do_not_take_each_others_fields(said: list[tuple[str, dict[str, Any]]]):
    one_is_in, two_is_in = asyncio.Event(), asyncio.Event()

    async def request(name: str, mine: asyncio.Event, other: asyncio.Event) -> None:
        with bound(trace_id=name):
            say(name, "begins")
            mine.set()
            await other.wait()
            bind(user_id=f"user of {name}")
            say(name, "known")
            await asyncio.sleep(0)
            say(name, "ends", status=200)
        say(name, "after")

    await asyncio.gather(request("one", one_is_in, two_is_in), request("two", two_is_in, one_is_in))
    assert [event for event, _ in said[:2]] == ["one.begins", "two.begins"]  # they did interleave
    for event, fields in said:
        name, _, step = event.partition(".")
        known = {"user_id": f"user of {name}"} if step in {"known", "ends"} else {}
        assert fields == ({} if step == "after" else {"trace_id": name, **known, **({"status": 200} if step == "ends" else {})})


def test_leaving_forgets_what_callees_bound_and_brings_back_what_was_around():
    with bound(trace_id="outer"):
        with bound(trace_id="inner", ip=None):
            bind(job_id="j")
            assert around() == {"trace_id": "inner", "job_id": "j"}
        assert around() == {"trace_id": "outer"}
    assert around() == {}


async def test_tasks_begun_inside_inherit_and_what_they_bind_stays_theirs():
    async def child() -> dict[str, Any]:
        bind(job_id="child")
        return dict(around())

    with bound(trace_id="t"):
        assert await asyncio.create_task(child()) == {"trace_id": "t", "job_id": "child"}
        assert around() == {"trace_id": "t"}


def test_a_thread_sees_them_when_it_is_given_the_context():
    with ThreadPoolExecutor(1) as pool, bound(job_id="j"):
        assert pool.submit(contextvars.copy_context().run, around).result() == {"job_id": "j"}
        assert pool.submit(around).result() == {}


def test_a_field_of_the_line_wins_over_what_is_around(said: list[tuple[str, dict[str, Any]]]):
    with bound(engine_id="around"):
        log.info("said", engine_id="own")
    assert said == [("said", {"engine_id": "own"})]
