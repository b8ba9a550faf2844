"""`flowork engine`: an engine on its own, for a gateway here or elsewhere."""

import argparse
import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from contract.engine_link import EnrolRequest
from contract.errors import FloworkError
from engine.link.client import enrol
from engine.runtime.seam import TokenKeeper
from engine.settings import EngineSettings
from engine.store.spool import SpoolInUse
from engine.store.tokens import (
    Enrolment,
    FileTokens,
    GivenToken,
    TokenRefused,
    VaultTokens,
    keep_enrolment,
    read_enrolment,
    read_file,
)
from engine.wiring import Engine, open_vault, running
from kit import config
from kit.logs import Log, to_stream
from kit.ownership import NotOurs, make_ours
from kit.paths import data_folder
from kit.tasks import crew, first_of
from kit.vault import Vault

log = Log("engine")
FAILED, USAGE_ERROR, REFUSED, SETUP_ERROR = 1, 2, 4, 78


def parser() -> argparse.ArgumentParser:
    """The command line. There is no option for a token or a code itself: arguments are visible to every user of a machine."""
    parser = argparse.ArgumentParser(
        prog="flowork engine",
        description="Pull jobs from a gateway and run them. A machine that was enrolled needs no options.",
        allow_abbrev=False,
    )
    parser.add_argument("--gateway", metavar="URL", help="where the gateway listens, such as http://127.0.0.1:7717")
    parser.add_argument(
        "--enrol", action="store_true", help="read the one-time code of 'flowork engines code' from standard input, keep the token, run"
    )
    parser.add_argument("--name", metavar="NAME", help="with --enrol: what to call this machine (default: its host name)")
    parser.add_argument("--engine-id", metavar="ID", help="without enrolment: the id that 'flowork engines add' printed")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="its token (0600); without a file, one line of standard input")
    parser.add_argument("--data", type=Path, default=data_folder("flowork"), metavar="DIR", help="data folder (default: %(default)s)")
    parser.add_argument("--slots", type=int, default=None, metavar="N", help="jobs that run at once (default: 4)")
    parser.add_argument("--canary", action="store_true", help="take a small share of the jobs only, while others wait for them too")
    parser.add_argument("--allow-echo", action="store_true", help="serve the echo kinds, for tests")
    parser.add_argument(
        "--http-host", action="append", default=[], metavar="HOST", help="let the http kind call this host[:port]; may be repeated"
    )
    return parser


def main(argv: Sequence[str]) -> int:
    """Run until told to stop. 0 after a drain; else 1 (did not start), 2 (command line), 4 (code refused) or 78 (folder not ours)."""
    known = parser()
    arguments, unknown = known.parse_known_args(argv)
    if unknown:
        known.error(f"unknown: {' '.join(word for word in unknown if word.startswith('-'))}")  # never a value: it may be a token
    _check(known, arguments)
    to_stream()
    try:
        make_ours(arguments.data)
    except NotOurs as error:
        return _complain(SETUP_ERROR, str(error))
    with contextlib.closing(open_vault(arguments.data)) as vault:
        try:
            keeper = _token_source(arguments, vault)
            settings = load(arguments, os.environ)
        except TokenRefused as error:
            return _complain(USAGE_ERROR, str(error))
        except FloworkError as error:
            return _complain(REFUSED if error.status in {401, 403} else FAILED, f"{error.title}.", error.detail)
        except config.ConfigRefused as error:
            return _complain(USAGE_ERROR, "The settings are not right.", *error.mistakes)
        try:
            return asyncio.run(_run(settings, keeper))
        except (SpoolInUse, TokenRefused) as error:
            return _complain(FAILED, str(error))


def _check(known: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    if arguments.enrol and (arguments.engine_id or arguments.token_file):
        known.error("--enrol brings id and token itself; give it without --engine-id and --token-file")
    if arguments.name is not None and not arguments.enrol:
        known.error("--name goes with --enrol")
    if (arguments.enrol or arguments.engine_id or arguments.token_file) and not arguments.gateway:
        known.error("--gateway is missing")
    if arguments.token_file and not arguments.engine_id:
        known.error("--token-file goes with --engine-id")


def _token_source(arguments: argparse.Namespace, vault: Vault) -> TokenKeeper:
    """Where the token comes from; completes `gateway` and `engine_id` of the arguments.

    Raises:
        TokenRefused, FloworkError.
    """
    if arguments.token_file is not None:
        read_file(arguments.token_file)
        return FileTokens(arguments.token_file)
    if arguments.engine_id is not None:
        return GivenToken(read_line("token"))
    if arguments.enrol:
        enrolment = asyncio.run(_enrol(arguments.gateway, arguments.name or host_name(), vault))
    else:
        found = asyncio.run(read_enrolment(vault))
        if found is None:
            raise TokenRefused(
                "This machine is not enrolled. At the gateway: flowork engines code NAME. Here: flowork engine --gateway URL --enrol"
            )
        enrolment = found
    arguments.gateway = arguments.gateway or enrolment.gateway
    arguments.engine_id = enrolment.engine_id
    return VaultTokens(vault)


async def _enrol(gateway: str, name: str, vault: Vault) -> Enrolment:
    try:
        request = EnrolRequest(code=read_line("code"), installation_name=name)
    except ValidationError as error:
        raise TokenRefused("The name takes letters, digits, '.', '_' and '-', and begins with a letter or digit.") from error
    await read_enrolment(vault)  # a vault that does not open must not be found out with the code used up
    enrolled = await enrol(gateway, request)
    enrolment = Enrolment(gateway, enrolled.engine_id, (enrolled.token,))
    await keep_enrolment(vault, enrolment)
    log.info("engine.enrolled", engine=enrolled.engine_name, engine_id=enrolled.engine_id, installation=enrolled.installation)
    return enrolment


def read_line(what: str) -> str:
    """A token or code from standard input: one word on one line.

    Raises:
        TokenRefused.
    """
    if sys.stdin.isatty():
        print(f"Type or paste the {what}:", file=sys.stderr, flush=True)
    text = sys.stdin.readline().strip()
    if not text:
        raise TokenRefused(f"No {what} came on standard input." + (" Or give --token-file FILE." if what == "token" else ""))
    if what == "token" and len(text.split()) > 1:
        raise TokenRefused("More than a token came: it is one word.")
    return text


def host_name() -> str:
    """This machine's name, in the letters that an installation's name takes."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname()).lstrip("._-")[:63] or "machine"


def _complain(code: int, *lines: str) -> int:
    print(f"flowork engine: {lines[0]}", *lines[1:], sep="\n  ", file=sys.stderr)
    return code


def load(arguments: argparse.Namespace, environment: Mapping[str, str]) -> EngineSettings:
    """`[engine]` of `<data>/config.toml`, then `FLOWORK_ENGINE_*`, then arguments.

    Raises:
        ConfigRefused: naming every mistake.
    """
    found = config.read(arguments.data / "config.toml", environment, "FLOWORK_")
    given = {
        "gateway": arguments.gateway,
        "engine_id": arguments.engine_id,
        "data": arguments.data,
        "slots": arguments.slots,
        "canary": arguments.canary or None,
        "echo": arguments.allow_echo or None,
        "http_hosts": tuple(arguments.http_host) or None,
    }
    settings = found.table("engine", EngineSettings, given)
    found.check(["gateway", "engine", "local"])
    assert settings is not None
    return settings


async def _run(settings: EngineSettings, keeper: TokenKeeper) -> int:
    stop = asyncio.Event()
    async with running(settings, keeper) as engine:
        _on_signals(stop, engine)
        async with crew() as tasks:
            tasks.start(_announce(engine), "announce")
            await first_of(None, stop.wait(), engine.ended())
        drained = await engine.drained(settings.drain_deadline_s)
        log.info("engine.drained", given_back=drained.given_back, spooled=drained.spooled)
    return 0


async def _announce(engine: Engine) -> None:
    await engine.connected()
    log.info("engine.connected", instance=engine.instance)


def _on_signals(stop: asyncio.Event, engine: Engine) -> None:
    """First signal: finish what runs. Second: give back now. Third: go."""
    seen = 0

    def signalled() -> None:
        nonlocal seen
        seen += 1
        if seen == 1:
            stop.set()
        elif seen == 2:
            engine.hurry()
        else:
            raise SystemExit(1)

    if sys.platform == "win32":
        signal.signal(signal.SIGINT, lambda *_: signalled())
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signalled)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
