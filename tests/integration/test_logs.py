"""Log lines of real programs: who asked and which job are on them, in one trace, also on threads and in another process."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from contract.words import JobState
from tests.support.house import House, User, house, signed_in, start, until

Line = dict[str, Any]


def lines(data: Path, name: str) -> list[Line]:
    path = data / "logs" / f"{name}.log"
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]] if path.exists() else []


def of_gateway(home: House) -> list[Line]:
    return lines(home.data, "flowork")


def of_engine(home: House) -> list[Line]:
    return lines(home.data.with_suffix(".engine"), "engine") if home.apart else of_gateway(home)


@pytest.mark.parametrize("kind", ["echo", "echo-thread"])
async def test_one_trace_leads_from_the_submit_to_what_went_wrong_in_the_job(home: House, user: User, kind: str):
    job = await user.submit(kind=kind, payload={"crash": "boom"}, max_attempts=1)
    await user.reaches(job, JobState.DEAD)

    async def told() -> tuple[Line, Line, Line] | None:
        submits = [line for line in of_gateway(home) if line.get("job_id") == job.id and line.get("route") == "/api/v1/jobs"]
        finishes = [line for line in of_gateway(home) if line.get("job_id") == job.id and line.get("engine_id") == home.engine_id]
        finishes = [line for line in finishes if line["event"] == "http.request"]
        crashes = [line for line in of_engine(home) if line.get("job_id") == job.id and line["event"] == "job.exception"]
        # A report that rides on a claim names no job in its access line.
        return (submits[0], crashes[0], (finishes or [{}])[0]) if submits and crashes else None

    submit, crash, _ = await until(told)
    assert submit["trace_id"] == crash["trace_id"] == job.trace_id
    assert (submit["method"], submit["status"], submit["level"], submit["ip"]) == ("POST", 201, "info", "127.0.0.1")
    assert submit["user_id"]
    assert submit["latency_ms"] > 0
    assert (crash["engine_id"], crash["kind"], crash["level"]) == (home.engine_id, kind, "error")
    assert "RuntimeError: boom" in crash["exception"]


async def test_the_files_are_their_owners_alone_and_engines_calls_are_only_told_when_asked_for(tmp_path: Path):
    async with house(tmp_path, apart=True, FLOWORK_LOG_LEVEL="info") as home:
        async with signed_in(home, home.engine_name) as user:
            await user.sees(await user.submit(), JobState.SUCCEEDED)

        async def written() -> bool:
            return bool(of_engine(home)) and any(line.get("route") == "/api/v1/jobs" for line in of_gateway(home))

        await until(written)
        assert not [line for line in of_gateway(home) if "engine_id" in line and line["event"] == "http.request"]
        for data, name in ((home.data, "flowork"), (home.data.with_suffix(".engine"), "engine")):
            assert stat.S_IMODE((data / "logs").stat().st_mode) == 0o700
            assert stat.S_IMODE((data / "logs" / f"{name}.log").stat().st_mode) == 0o600


async def test_the_last_word_of_a_stopped_program_is_in_its_file(home: House):
    program = home.engine
    assert program is not None
    ready = "engine.connected" if home.apart else "gateway.ready"

    async def listens() -> bool:
        return any(line["event"] == ready for line in of_engine(home))

    await until(listens)  # before that, it does not hear signals yet
    program.terminate()
    assert await program.ended() == 0
    assert of_engine(home)[-1]["event"] == ("engine.drained" if home.apart else "host.stopped")


async def test_wrong_log_settings_are_told_like_the_others(tmp_path: Path):
    for verb, more in (("serve", ()), ("engine", ("--gateway", "http://127.0.0.1:1"))):
        environment = {"FLOWORK_LOG_LEVEL": "loud", "FLOWORK_LOGS_FILES": "0"}
        program = await start(tmp_path / f"{verb}.log", verb, "--data", str(tmp_path / "data"), *more, environment=environment)
        assert await program.ended() == 2
        words = program.log.read_text()
        assert "FLOWORK_LOG_LEVEL" in words
        assert "FLOWORK_LOGS_FILES" in words
        assert "Traceback" not in words


async def test_a_log_file_that_cannot_be_written_is_told_once_and_jobs_go_on(tmp_path: Path):
    (tmp_path / "data" / "logs" / "flowork.log").mkdir(parents=True, mode=0o700)
    async with house(tmp_path, apart=False) as home:
        async with signed_in(home, home.engine_name) as user:
            for _ in range(5):
                await user.sees(await user.submit(), JobState.SUCCEEDED)
        assert home.gateway is not None
        assert home.gateway.log.read_text().count("logs.not_written") == 1
