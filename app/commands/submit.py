"""`flowork submit`: sign in, queue a job, watch it to its end."""

import argparse
import asyncio
import contextlib
import json
import random
import secrets
import sys
from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.client.api import ApiClient
from app.commands.common import DONE, JOB_FAILED, complain, paired_api, parser, run
from contract.errors import FloworkError, GatewayUnreachable
from contract.events import Event
from contract.jobs import JobAnswer, JobDraft, JobError
from contract.words import EventName, JobState
from kit import trace_context
from kit.backoff import Backoff

OPTIONS = {"timeout_s": "timeout"}
TAKES = {
    "engine": "an engine's name or id: lower-case letters, digits and hyphens",
    "kind": "a word of lower-case letters, digits, dots, underscores and hyphens, such as http",
    "run_at": "a time with an offset, such as 2030-01-31T08:00:00Z",
}
TRIES = 6
BACKOFF = Backoff(0.2, 5.0)


def main(argv: Sequence[str]) -> int:
    """Exit code: 0 succeeded (or queued, with --no-wait), 5 when the job ended otherwise."""
    arguments = _parser().parse_args(argv)
    try:
        draft = _draft(arguments)
    except ValidationError as error:
        return complain("the job is not right.", [f"--{_option(mistake)}" for mistake in error.errors()])
    except (ValueError, OSError) as error:
        return complain(str(error))
    return run(_submit(arguments, draft), arguments.json)


def _option(mistake: ErrorDetails) -> str:
    """The option that is wrong, and what it takes."""
    field = str(mistake["loc"][0])
    return f"{OPTIONS.get(field, field.replace('_', '-'))}: {TAKES.get(field, mistake['msg'])}"


def _parser() -> argparse.ArgumentParser:
    made = parser("submit", "Sign in, submit a job, and watch it to its end.")
    made.add_argument("--engine", default="home", metavar="NAME", help="engine id or name, or any (default: %(default)s)")
    made.add_argument("--kind", required=True, help="what to do, such as http")
    body = made.add_mutually_exclusive_group()
    body.add_argument("--payload", default="null", metavar="JSON", help="the payload as JSON (default: null)")
    body.add_argument("--payload-file", type=argparse.FileType("r"), metavar="FILE", help="file with the payload; - for standard input")
    made.add_argument("--key", default=None, metavar="KEY", help="idempotency key: repeat it to repeat a submit without a second job")
    made.add_argument("--priority", type=int, default=3, choices=range(1, 6), help="1 is most urgent (default: 3)")
    made.add_argument("--run-at", default=None, metavar="TIME", help="not before this time (RFC 3339)")
    made.add_argument("--expires-in", type=float, default=None, metavar="SECONDS", help="give up if nobody claimed it by then")
    made.add_argument("--max-attempts", type=int, default=3, metavar="N", help="how often it is tried before it is dead (default: 3)")
    made.add_argument("--timeout", type=float, default=300.0, metavar="SECONDS", help="longest run of one attempt")
    made.add_argument("--no-wait", action="store_true", help="do not watch the job")
    made.add_argument("--gateway", default=None, metavar="URL", help="default: where it was when this command line was paired with it")
    return made


def _draft(arguments: argparse.Namespace) -> JobDraft:
    text = arguments.payload_file.read() if arguments.payload_file else arguments.payload
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The payload is not JSON: {error}") from error
    return JobDraft(
        engine=arguments.engine,
        kind=arguments.kind,
        payload=payload,
        priority=arguments.priority,
        run_at=arguments.run_at,
        expires_in=arguments.expires_in,
        max_attempts=arguments.max_attempts,
        timeout_s=arguments.timeout,
    )


async def _submit(arguments: argparse.Namespace, draft: JobDraft) -> int:
    async with paired_api(arguments.data, arguments.gateway) as api:
        await api.sign_in()
        try:
            return await _run(arguments, draft, api)
        finally:
            with contextlib.suppress(FloworkError):
                await api.sign_out()


async def _run(arguments: argparse.Namespace, draft: JobDraft, api: ApiClient) -> int:
    cursor = (await api.events("latest")).next
    taken = await _surely(api, draft, arguments.key or secrets.token_hex(16))
    if arguments.json:
        print(taken.model_dump_json(), flush=True)
    else:
        print(f"{taken.job.id}  {taken.job.state}", flush=True)
        if taken.notice:
            print(f"  {taken.notice}", file=sys.stderr)
        print(f"  trace_id {taken.job.trace_id}", file=sys.stderr)
    if arguments.no_wait:
        return DONE
    state = taken.job.state
    if not state.final:
        state = await watch(api, taken.job.id, cursor, arguments.json)
    return await _end(api, taken.job.id, state, arguments.json)


async def _surely(api: ApiClient, draft: JobDraft, key: str) -> JobAnswer:
    """Submit with the same key until an answer came: a lost answer never makes a second job."""
    trace = str(trace_context.begin(secrets.token_bytes))  # sampled: somebody asked for this one job by hand
    for attempt in range(1, TRIES):
        try:
            return await api.submit(draft, key, trace)
        except GatewayUnreachable:
            await asyncio.sleep(BACKOFF.wait_s(attempt, random.random))
        except FloworkError as error:
            if error.retry_after_s is None or error.status not in {429, 503}:
                raise
            await asyncio.sleep(error.retry_after_s)
    return await api.submit(draft, key, trace)


async def watch(api: ApiClient, job: str, cursor: str, as_json: bool) -> JobState:
    """Print what happens to a job until it ends."""
    while True:
        page = await api.events(cursor)
        cursor = page.next
        for event in page.events:
            if event.data.get("id") != job:
                continue
            _show(event, as_json)
            state = event.data.get("state")
            if event.name is EventName.JOB_UPDATED and state is not None and JobState(state).final:
                return JobState(state)


def _show(event: Event, as_json: bool) -> None:
    if as_json:
        print(event.model_dump_json(), flush=True)
    elif event.name is EventName.JOB_OUTPUT:
        print(event.data["text"], end="", flush=True)
    elif event.name is EventName.JOB_LOG:
        for line in event.data["lines"]:
            print(f"  [{line['level']}] {line['message']}", flush=True)
    elif event.data.get("state") == JobState.QUEUED and event.data["attempt"]:
        failed: dict[str, str] = event.data.get("error") or {}
        print(f"  attempt {event.data['attempt']} failed: {failed.get('message', '')} Trying again.", flush=True)


async def _end(api: ApiClient, job_id: str, state: JobState, as_json: bool) -> int:
    job = await api.job(job_id)
    if as_json:
        print(job.model_dump_json(), flush=True)
    elif state is JobState.SUCCEEDED:
        print(json.dumps(job.result, indent=2, ensure_ascii=False))
    else:
        error = job.error or JobError(code="", message="")
        print(f"flowork: the job is {state}. {error.message} {f'({error.code})' if error.code else ''}".rstrip(), file=sys.stderr)
    return DONE if state is JobState.SUCCEEDED else JOB_FAILED
