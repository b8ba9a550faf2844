"""`flowork submit`: what is wrong on the command line is said before anything is sent."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app.commands import submit
from app.commands.common import USAGE
from contract.errors import EngineUnknown, FloworkError, GatewayUnreachable, QueueDraining, QueueFull, StorageFull
from contract.jobs import JobDraft


@pytest.fixture(autouse=True)
def nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def sent(*_: object, **__: object) -> None:
        raise AssertionError("it went on to the gateway")

    monkeypatch.setattr(submit, "paired_api", sent)


def drawn(*arguments: str) -> JobDraft:
    return submit._draft(submit._parser().parse_args(["--kind", "echo", *arguments]))


def test_without_more_than_a_kind_the_defaults_of_the_contract_hold():
    assert drawn() == JobDraft(engine="home", kind="echo")


def test_every_option_reaches_the_draft():
    draft = drawn(
        *("--engine", "lab", "--payload", '{"a": [1, "ü"]}', "--priority", "1", "--run-at", "2030-01-01T00:00:00Z"),
        *("--expires-in", "60", "--max-attempts", "5", "--timeout", "9.5"),
    )
    assert draft == JobDraft(
        engine="lab",
        kind="echo",
        payload={"a": [1, "ü"]},
        priority=1,
        run_at="2030-01-01T00:00:00Z",
        expires_in=60,
        max_attempts=5,
        timeout_s=9.5,
    )


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_payload_can_come_from_a_file(tmp_path: Path):
    (tmp_path / "payload.json").write_text("[1, 2]")
    assert drawn("--payload-file", str(tmp_path / "payload.json")).payload == [1, 2]


@pytest.mark.parametrize("text", ["{", "", "hello", "{'a': 1}", "[1,]", "1 2"])
def test_a_payload_that_is_no_json_is_a_wrong_command_line(text: str, tmp_path: Path, capsys: pytest.CaptureFixture):
    assert submit.main(["--kind", "echo", "--payload", text, "--data", str(tmp_path)]) == USAGE
    assert capsys.readouterr().err.startswith("flowork: The payload is not JSON: ")
    assert list(tmp_path.iterdir()) == []  # not even a wallet was made


def test_a_payload_nested_without_end_is_a_wrong_command_line(tmp_path: Path, capsys: pytest.CaptureFixture):
    assert submit.main(["--kind", "echo", "--payload", "[" * 100_000, "--data", str(tmp_path)]) == USAGE


@pytest.mark.parametrize(
    "arguments",
    [
        ["--kind", "No Kind"],
        ["--engine", "No Name"],
        ["--run-at", "tomorrow"],
        ["--expires-in", "-1"],
        ["--max-attempts", "0"],
        ["--timeout", "0"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_value_that_no_job_can_have_is_a_wrong_command_line(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture):
    assert submit.main(["--kind", "echo", "--data", str(tmp_path), *arguments]) == USAGE
    assert capsys.readouterr().err.startswith("flowork: ")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--kind", "echo", "--priority", "6"],
        ["--kind", "echo", "--payload", "1", "--payload-file", "x"],
        ["--kind", "echo", "--payload-file", "/none"],
    ],
    ids=["no kind", "priority", "two payloads", "no such file"],
)
def test_what_argparse_refuses_ends_with_its_code(arguments: list[str], capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as ended:
        submit.main(arguments)
    assert ended.value.code == USAGE


class Moody:
    """A gateway that fails in the given ways before it takes the job."""

    def __init__(self, *moods: FloworkError) -> None:
        self.moods = list(moods)
        self.keys: list[str] = []
        self.traces: set[str] = set()

    async def submit(self, _draft: JobDraft, key: str, traceparent: str) -> Any:
        self.keys.append(key)
        self.traces.add(traceparent)
        if self.moods:
            raise self.moods.pop(0)
        return "taken"


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(submit.random, "random", lambda: 1.0)
    return waits


async def test_a_submit_whose_answer_was_lost_is_repeated_with_the_same_key(slept: list[float]):
    gateway = Moody(GatewayUnreachable(), GatewayUnreachable(), QueueDraining(retry_after_s=7), QueueFull(retry_after_s=3))
    assert await submit._surely(gateway, drawn(), "k") == "taken"
    assert gateway.keys == ["k"] * 5
    assert len(gateway.traces) == 1
    assert slept == [0.2, 0.4, 7, 3]


@pytest.mark.parametrize("refusal", [EngineUnknown(), StorageFull()], ids=lambda refusal: refusal.code)
async def test_a_refusal_that_waiting_does_not_change_is_not_repeated(slept: list[float], refusal: FloworkError):
    gateway = Moody(refusal)
    with pytest.raises(type(refusal)):
        await submit._surely(gateway, drawn(), "k")
    assert (gateway.keys, slept) == (["k"], [])


async def test_a_gateway_that_stays_away_is_given_up_in_the_end(slept: list[float]):
    gateway = Moody(*[GatewayUnreachable() for _ in range(20)])
    with pytest.raises(GatewayUnreachable):
        await submit._surely(gateway, drawn(), "k")
    assert len(gateway.keys) == submit.TRIES
