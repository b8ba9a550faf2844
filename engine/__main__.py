"""`flowork engine`: an engine on its own, for a gateway here or elsewhere."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.settings import EngineSettings
from engine.store.spool import SpoolInUse
from engine.wiring import Engine, running
from kit import config
from kit.logs import Log, to_stream
from kit.ownership import NotOurs, make_ours
from kit.paths import data_folder
from kit.tasks import crew, first_of

log = Log("engine")
USAGE_ERROR = 2
SETUP_ERROR = 78


def parser() -> argparse.ArgumentParser:
    """The command line. There is no option for the token itself: arguments are visible to every user of a machine."""
    parser = argparse.ArgumentParser(prog="flowork engine", description="Pull jobs from a gateway and run them.", allow_abbrev=False)
    parser.add_argument("--gateway", required=True, metavar="URL", help="where the gateway listens, such as http://127.0.0.1:7717")
    parser.add_argument("--engine-id", required=True, metavar="ID", help="the id that 'flowork engines add' printed")
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="file with the engine token (0600); without it, one line of standard input"
    )
    parser.add_argument("--data", type=Path, default=data_folder("flowork"), metavar="DIR", help="data folder (default: %(default)s)")
    parser.add_argument("--slots", type=int, default=None, metavar="N", help="jobs that run at once (default: 4)")
    parser.add_argument("--allow-echo", action="store_true", help="serve the echo kinds, for tests")
    parser.add_argument(
        "--http-host", action="append", default=[], metavar="HOST", help="let the http kind call this host[:port]; may be repeated"
    )
    return parser


class TokenRefused(Exception):
    """The token can't be read; the message says what to do."""


def read_token(file: Path | None) -> str:
    """The engine token, from a file of the owner's or from standard input.

    Raises:
        TokenRefused.
    """
    if file is None:
        token = sys.stdin.readline().strip()
    else:
        try:
            mode = file.stat().st_mode
            token = file.read_text(encoding="ascii").strip()
        except UnicodeDecodeError as error:
            raise TokenRefused(f"{file} holds no token.") from error
        except OSError as error:
            raise TokenRefused(f"The token file cannot be read: {error.strerror}: {file}") from error
        if sys.platform != "win32" and mode & 0o077:
            raise TokenRefused(f"Others can read the token file. If nobody has: chmod 600 '{file}'")
    if not token:
        raise TokenRefused("No token came. Give --token-file FILE, or write the token to standard input.")
    if len(token.split()) > 1:
        raise TokenRefused("More than a token came: it is one word.")
    return token


def main(argv: Sequence[str]) -> int:
    """Run until told to stop. 0 after a drain, 1 when it could not start, 2 for a wrong command line, 78 when the folder is not ours."""
    known = parser()
    arguments, unknown = known.parse_known_args(argv)
    if unknown:
        known.error(f"unknown: {' '.join(word for word in unknown if word.startswith('-'))}")  # never a value: it may be a token
    to_stream()
    try:
        make_ours(arguments.data)
    except NotOurs as error:
        print(f"flowork engine: {error}", file=sys.stderr)
        return SETUP_ERROR
    try:
        token = read_token(arguments.token_file)
        settings = load(arguments, os.environ)
    except TokenRefused as error:
        print(f"flowork engine: {error}", file=sys.stderr)
        return USAGE_ERROR
    except config.ConfigRefused as error:
        print("flowork engine: the settings are not right.", *error.mistakes, sep="\n  ", file=sys.stderr)
        return USAGE_ERROR
    try:
        return asyncio.run(_run(settings, token))
    except SpoolInUse as error:
        print(f"flowork engine: {error}", file=sys.stderr)
        return 1


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
        "echo": arguments.allow_echo or None,
        "http_hosts": tuple(arguments.http_host) or None,
    }
    settings = found.table("engine", EngineSettings, given)
    found.check(["gateway", "engine", "local"])
    assert settings is not None
    return settings


async def _run(settings: EngineSettings, token: str) -> int:
    stop = asyncio.Event()
    async with running(settings, token) as engine:
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
