"""`flowork demo`: three real jobs through a gateway of its own, on a scratch folder that is removed afterwards."""

import asyncio
import contextlib
import json
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.client.admin import open_admin
from app.client.api import ApiClient, open_api
from app.client.live import live_events
from app.client.pairing import pair_here
from app.commands.common import DONE, FAILED, parser, run
from app.crypto.device_keys import DeviceKeys
from contract.errors import GatewayUnreachable
from contract.events import Event
from contract.jobs import JobDraft
from contract.people import OfferMake
from contract.words import EventName, JobState
from kit.frozen import frozen

DEADLINE_S = 30.0
STOP_S = 20.0
ENGINE = "home"


@dataclass(slots=True)
class Shown:
    """One job of the demo, and what was seen of it."""

    title: str
    payload: dict[str, Any]
    expected: Any
    output: str = ""
    """What it should stream."""
    attempts: int = 1
    id: str = ""
    sent: float = 0.0
    running_ms: float | None = None
    """Submit sent -> `running` at this program's socket."""
    done_ms: float | None = None
    """Submit sent -> final state at this program's socket."""
    state: JobState = JobState.QUEUED
    seen_output: str = ""
    problems: list[str] = field(default_factory=list)

    def since(self) -> float:
        """Milliseconds since the submit was sent."""
        return (time.perf_counter() - self.sent) * 1000


def jobs() -> list[Shown]:
    """Fresh ones."""
    words = ["Flowork ", "runs ", "this ", "on ", "your ", "machine."]
    return [
        Shown("streams its output", {"output": words, "output_gap_ms": 120, "reply": "streamed"}, "streamed", output="".join(words)),
        Shown(
            "fails once, is retried",
            {"fail": {"code": "demo.flaky", "message": "The first try fails.", "times": 1, "retry_after_s": 0.5}, "reply": "second try"},
            "second try",
            attempts=2,
        ),
        Shown("works for 400 ms", {"sleep_ms": 400, "progress": [0.5], "reply": {"answer": 42}}, {"answer": 42}),
    ]


def main(argv: Sequence[str]) -> int:
    """Exit code: 0 when every job ended as it should."""
    arguments = parser("demo", "Three real jobs through a gateway of its own; leaves nothing behind.").parse_args(argv)
    return run(_demo(arguments.json), arguments.json)


async def _demo(as_json: bool) -> int:
    def say(text: str) -> None:
        if not as_json:
            print(text, flush=True)

    shown = jobs()
    with tempfile.TemporaryDirectory(prefix="flowork-demo-") as scratch:
        data = Path(scratch)
        began = time.perf_counter()
        async with _gateway(data) as address:
            say(f"Gateway and engine are up at {address} ({_ms(began):.0f} ms, a scratch folder)")
            keys = await asyncio.to_thread(DeviceKeys, secrets.token_bytes(32), secrets.token_bytes(32))
            async with open_admin(data) as admin, open_api(address, keys, await admin.gateway_key()) as api:
                paired = await pair_here(admin, api, "Demo", OfferMake(name="demo"))
                say(f"Paired {keys.address} by an offer and six digits (user {paired.user})")
                await api.sign_out()
                await api.sign_in()
                say("Signed in with an EIP-4361 message; every request carries a DPoP proof\n")
                await _play(api, shown, say)
    failed = _judge(shown)
    if as_json:
        print(json.dumps({"ok": not failed, "jobs": [_summary(job) for job in shown]}))
    else:
        print(_table(shown), flush=True)
    for problem in failed:
        print(f"flowork demo: {problem}", file=sys.stderr)
    return FAILED if failed else DONE


@contextlib.asynccontextmanager
async def _gateway(data: Path) -> AsyncIterator[str]:
    """`flowork serve` as a process of its own; its address."""
    command = [*_myself(), "serve", "--data", str(data), "--port", "0", "--slots", "3", "--allow-echo", "--json"]
    command += ["--insecure-storage", "--audit-heads", str(data / "audit-heads.log")]
    with (data / "serve.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=log)
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), DEADLINE_S)
        if not line:
            raise GatewayUnreachable(f"The gateway did not start:\n{(data / 'serve.log').read_text()}")
        yield json.loads(line)["address"]
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()


def _myself() -> list[str]:
    """How to start another Flowork: a frozen program is itself the command."""
    return [sys.executable] if frozen() else [sys.executable, "-m", "app"]


async def _play(api: ApiClient, shown: Sequence[Shown], say: Callable[[str], None]) -> None:
    async with live_events(api) as arrived:
        began = time.perf_counter()
        for job in shown:
            job.sent = time.perf_counter()
            taken = await api.submit(JobDraft(engine=ENGINE, kind="echo", payload=job.payload), secrets.token_hex(16))
            job.id = taken.job.id
        by_id = {job.id: job for job in shown}
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not all(job.state.final for job in shown):
                    event = await arrived.get()
                    seen = by_id.get(event.data.get("id", ""))
                    if seen is not None:
                        _see(seen, event, lambda text: say(f"  {_ms(began):7.1f} ms  {text}"))
        except TimeoutError:
            say(f"Gave up after {DEADLINE_S:.0f} s")
    for job in shown:
        detail = await api.job(job.id)
        if detail.result != job.expected:
            job.problems.append(f"answered {detail.result!r} instead of {job.expected!r}")
        if detail.attempt != job.attempts:
            job.problems.append(f"took {detail.attempt} attempts instead of {job.attempts}")
        if job.seen_output != job.output:
            job.problems.append(f"streamed {job.seen_output!r} instead of {job.output!r}")


def _see(job: Shown, event: Event, say: Callable[[str], None]) -> None:
    at = f"{job.title:<24}"
    if event.name is EventName.JOB_OUTPUT:
        job.seen_output += event.data["text"]
        say(f"{at} {event.data['text'].strip()}")
        return
    if event.name is not EventName.JOB_UPDATED:
        return
    state = JobState(event.data["state"])
    note = ""
    if state is JobState.RUNNING:
        if job.state is JobState.RUNNING:
            note = f" {event.data['progress']:.0%}" if event.data.get("progress") is not None else ""
        elif event.data["attempt"] > 1:
            note = f" (attempt {event.data['attempt']})"
        job.running_ms = job.running_ms or job.since()
    elif state is JobState.QUEUED and job.state is JobState.RUNNING:
        note = f" again. {event.data['error']['message']}"
    elif state is JobState.QUEUED and event.data["attempt"]:
        note = " and due"
    if state.final:
        job.done_ms = job.since()
    job.state = state
    say(f"{at} {state}{note}")


def _judge(shown: Sequence[Shown]) -> list[str]:
    return [
        f"the job that {job.title}: {problem}"
        for job in shown
        for problem in ([] if job.state is JobState.SUCCEEDED else [f"ended as {job.state}"]) + job.problems
    ]


def _summary(job: Shown) -> dict[str, Any]:
    return {
        "id": job.id,
        "title": job.title,
        "state": job.state,
        "attempts": job.attempts,
        "submit_to_running_ms": job.running_ms,
        "submit_to_done_ms": job.done_ms,
    }


def _table(shown: Sequence[Shown]) -> str:
    rows = [f"\n{'JOB':<24} {'STATE':<10} {'ATTEMPTS':>8} {'TO RUNNING':>12} {'TO DONE':>12}  ANSWER"]
    for job in shown:
        answer = json.dumps(job.expected) if not job.problems else "; ".join(job.problems)
        rows.append(f"{job.title:<24} {job.state:<10} {job.attempts:>8} {_figure(job.running_ms):>12} {_figure(job.done_ms):>12}  {answer}")
    rows.append("\nIn the table, times run from each job's submit to the event at this program's socket.")
    return "\n".join(rows)


def _figure(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:.1f} ms"


def _ms(since: float) -> float:
    return (time.perf_counter() - since) * 1000
