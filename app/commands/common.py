"""What all verbs share: the data folder, JSON output, exit codes, errors that say what to do."""

import argparse
import asyncio
import getpass
import json
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from contract.errors import FloworkError, GatewayUnreachable
from kit.paths import data_folder

DONE, FAILED, USAGE, UNREACHABLE, REFUSED, JOB_FAILED = range(6)
CONFIG = 78
"""EX_CONFIG of sysexits.h: this machine must be set up first; service managers need not try again."""


def parser(verb: str, description: str) -> argparse.ArgumentParser:
    """A parser with the options that every verb has."""
    made = argparse.ArgumentParser(prog=f"flowork {verb}", description=description, allow_abbrev=False)
    add_common(made)
    return made


def add_common(made: argparse.ArgumentParser) -> None:
    """`--data` and `--json`."""
    made.add_argument("--data", type=Path, default=data_folder("flowork"), metavar="DIR", help="data folder (default: %(default)s)")
    made.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(work: Coroutine[Any, Any, int], as_json: bool) -> int:
    """Run a verb's work; failures are printed, not thrown."""
    try:
        return asyncio.run(work)
    except FloworkError as error:
        return tell(error, as_json)
    except KeyboardInterrupt:
        return FAILED


def tell(error: FloworkError, as_json: bool) -> int:
    """Say what happened and what to do; the exit code that goes with it."""
    if as_json:
        print(json.dumps({"error": error.problem()}))
    else:
        print(f"flowork: {error.title}.\n  {error.detail}", file=sys.stderr)
    if isinstance(error, GatewayUnreachable):
        return UNREACHABLE
    return REFUSED if error.status in {401, 403} else FAILED


def terminal() -> Callable[[str], str] | None:
    """Asks at the terminal without showing what is typed; None when nobody sits there."""
    return getpass.getpass if sys.stdin.isatty() and sys.stderr.isatty() else None


def complain(message: str, mistakes: Sequence[str] = ()) -> int:
    """A mistake in what the person gave."""
    print(f"flowork: {message}", file=sys.stderr)
    for mistake in mistakes:
        print(f"  {mistake}", file=sys.stderr)
    return USAGE
