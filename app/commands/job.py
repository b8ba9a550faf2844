"""`flowork job ID`: one job and the timeline of its attempts."""

import contextlib
from collections.abc import Iterator, Sequence

from app.commands.common import DONE, paired_api, parser, run
from contract.errors import FloworkError
from contract.jobs import AttemptView, JobDetail


def main(argv: Sequence[str]) -> int:
    """Exit code."""
    made = parser("job", "One of your jobs: when each attempt waited, ran and ended, and what it spent its time on.")
    made.add_argument("id", metavar="ID", help="as flowork submit printed it")
    made.add_argument("--gateway", default=None, metavar="URL", help="default: where it was when this command line was paired with it")
    arguments = made.parse_args(argv)

    async def show() -> int:
        async with paired_api(arguments.data, arguments.gateway) as api:
            await api.sign_in()
            try:
                job = await api.job(arguments.id)
            finally:
                with contextlib.suppress(FloworkError):
                    await api.sign_out()
        print(job.model_dump_json() if arguments.json else render(job))
        return DONE

    return run(show(), arguments.json)


def render(job: JobDetail) -> str:
    """The page for a terminal."""
    error = "" if job.error is None else f"  ({job.error.code})"
    head = [f"{job.id}  {job.kind}  {job.state}{error}", f"  trace_id   {job.trace_id}", f"  submitted  {job.submitted_at}"]
    return "\n".join([*head, *(line for attempt in job.attempts for line in _attempt(attempt))])


def _attempt(attempt: AttemptView) -> Iterator[str]:
    ended = "runs" if attempt.outcome is None else f"{attempt.outcome} after {_ms(attempt.took_ms)}"
    code = "" if attempt.code is None else f" ({attempt.code})"
    yield f"\n  attempt {attempt.attempt}: {ended}{code}"
    yield f"    waited {_ms(attempt.waited_ms):>12}"
    by = "" if attempt.instance is None else f" by instance {attempt.instance[:8]}"
    yield f"    claimed   {attempt.claimed_at}{by}"
    for phase in attempt.phases:
        yield f"    {phase.name:<6} {_ms(phase.took_ms):>12}   from {_ms(phase.began_ms)} on"


def _ms(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:.1f} ms"
