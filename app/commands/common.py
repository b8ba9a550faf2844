"""What all verbs share: the data folder, JSON output, exit codes, errors that say what to do."""

import argparse
import asyncio
import contextlib
import getpass
import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.services.secrets import cli_secrets
from contract.errors import FloworkError, GatewayUnreachable, NotPaired
from kit.paths import data_folder
from kit.vault import VaultLocked, VaultUnavailable

if TYPE_CHECKING:
    from app.client.api import ApiClient

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
    except VaultLocked:
        return complain("the secrets are locked. Unlock your keyring, then try again.")
    except VaultUnavailable as error:
        return complain(str(error))
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


@contextlib.asynccontextmanager
async def paired_api(data: Path, gateway: str | None = None) -> AsyncIterator["ApiClient"]:
    """A client of the gateway that this command line is paired with, at another address if one is given; not yet signed in.

    Raises:
        NotPaired. GatewayUnreachable: that is no address.
    """
    from app.client.api import open_api
    from app.client.paired import read_paired
    from app.crypto.device_keys import open_device_keys

    paired = read_paired(data)
    keys = await asyncio.to_thread(lambda: open_device_keys(cli_secrets(data), make=False))
    if keys is None:
        raise NotPaired
    async with open_api(gateway or paired.gateway, keys, paired.pinned) as api:
        yield api
