"""`flowork logs`: what Flowork wrote down, for people."""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence

from app.commands.common import DONE, FAILED, parser
from app.services.log_files import Line, Tail, Wanted, newest
from contract.log_events import LEVELS
from kit.logs.pretty import Pretty

LOOK_EVERY_S = 0.25
NOTHING = "There are no such lines in {folder}. flowork serve and flowork engine write there, unless [logs] file is false."


def main(argv: Sequence[str]) -> int:
    """Exit code."""
    arguments = _parser().parse_args(argv)
    folder = arguments.data / "logs"
    wanted = choice(arguments.level, arguments.job)
    pretty = Pretty(colours=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
    tail = Tail(folder)
    found = newest(folder, arguments.lines, wanted) if arguments.lines else []
    if not found and not arguments.follow:
        print(f"flowork logs: {NOTHING.format(folder=folder)}", file=sys.stderr)
        return FAILED
    try:
        _print(found, pretty, arguments.json)
        while arguments.follow:
            more = [line for line in tail.more(wanted) if line not in found]  # the first looks overlap, or a line could be missed
            found = []
            _print(more, pretty, arguments.json)
            time.sleep(LOOK_EVERY_S)
    except KeyboardInterrupt:
        return DONE
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def choice(level: str, job: str | None) -> Wanted:
    """Which lines: of this level and above, and about a job whose id ends so."""
    loud = LEVELS[LEVELS.index(level) :]

    def wanted(line: Line) -> bool:
        return line["level"] in loud and (job is None or _about(line, job))

    return wanted


def _about(line: Line, job: str) -> bool:
    ids = [line.get("job_id"), *(line["jobs"] if isinstance(line.get("jobs"), list) else [])]
    return any(isinstance(one, str) and one.endswith(job) for one in ids)


def _print(lines: list[Line], pretty: Pretty, as_json: bool) -> None:
    for line in lines:
        print(json.dumps(line) if as_json else pretty(line))
    if lines:
        sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    made = parser("logs", "What gateway and engines of this machine wrote down, newest last. Times are local; --json has UTC.")
    made.add_argument("--lines", type=_count, default=50, metavar="N", help="how many (default: 50)")
    made.add_argument("--follow", action="store_true", help="go on with what is written from now on, until Ctrl+C")
    made.add_argument("--level", choices=LEVELS, default="debug", help="only lines of this level and above")
    made.add_argument("--job", metavar="ID", help="only lines about this job; the end of its id is enough")
    return made


def _count(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 100_000:
        raise argparse.ArgumentTypeError("from 0 to 100000")
    return number
