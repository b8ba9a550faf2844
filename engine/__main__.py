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
from engine.providers.keys import SecretGetter
from engine.runtime.seam import TokenKeeper
from engine.settings import OTHER_NAMES, TABLES, EngineSettings, sources
from engine.store.enrolments import Enrolment, VaultTokens, enrolments, keep_enrolment
from engine.store.spool import SpoolInUse
from engine.store.tokens import FileTokens, GivenToken, TokenRefused, read_file
from engine.wiring import Engine, open_vault, running
from kit import config
from kit.logs import Log, bound
from kit.logs import settings as log_settings
from kit.logs.settings import LogSettings
from kit.logs.setup import logging_to
from kit.otlp import HeadersRefused, OtlpSettings
from kit.ownership import NotOurs, make_ours
from kit.paths import data_folder
from kit.tasks import all_of, crew, first_of
from kit.vault import Vault

log = Log("engine")
WRONG_SETTINGS = "The settings are not right."
FAILED, USAGE_ERROR, REFUSED, SETUP_ERROR = 1, 2, 4, 78


def parser() -> argparse.ArgumentParser:
    """The command line. There is no option for a token or a code itself: arguments are visible to every user of a machine."""
    parser = argparse.ArgumentParser(
        prog="flowork engine",
        description="Pull jobs from a gateway and run them. A machine that was enrolled needs no options; it serves all its engines.",
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
    parser.add_argument("--slots", type=int, default=None, metavar="N", help="jobs that run at once (default: chosen by what is measured)")
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
    try:
        make_ours(arguments.data)
        logs = load_logs(arguments.data, os.environ)
    except NotOurs as error:
        return _complain(SETUP_ERROR, str(error))
    except config.ConfigRefused as error:
        return _complain(USAGE_ERROR, WRONG_SETTINGS, *error.mistakes)
    with logging_to(arguments.data, "engine", logs):
        return _run_with(arguments)


def _run_with(arguments: argparse.Namespace) -> int:
    with contextlib.closing(open_vault(arguments.data)) as vault:
        try:
            sources = _token_sources(arguments, vault)
            settings = load(arguments, os.environ)
        except TokenRefused as error:
            return _complain(USAGE_ERROR, str(error))
        except FloworkError as error:
            return _complain(REFUSED if error.status in {401, 403} else FAILED, f"{error.title}.", error.detail)
        except config.ConfigRefused as error:
            return _complain(USAGE_ERROR, WRONG_SETTINGS, *error.mistakes)
        try:
            return asyncio.run(_run([(settings.model_copy(update=where), keeper) for where, keeper in sources], vault.get))
        except (HeadersRefused, SpoolInUse, TokenRefused) as error:
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


def _token_sources(arguments: argparse.Namespace, vault: Vault) -> list[tuple[dict[str, str], TokenKeeper]]:
    """Each engine to serve (its gateway and id, as settings) with where its token comes from; the first one completes the arguments.

    Raises:
        TokenRefused, FloworkError.
    """
    if arguments.token_file is not None:
        read_file(arguments.token_file)
        return [({}, FileTokens(arguments.token_file))]
    if arguments.engine_id is not None:
        return [({}, GivenToken(read_line("token")))]
    if arguments.enrol:
        asyncio.run(_enrol(arguments.gateway, arguments.name or host_name(), vault))
        arguments.gateway = None  # it is the new engine's; others may be of other gateways
    found = asyncio.run(enrolments(vault))
    if not found:
        raise TokenRefused(
            "This machine is not enrolled. At the gateway: flowork engines code NAME. Here: flowork engine --gateway URL --enrol"
        )
    if arguments.gateway and len({each.gateway for each in found}) > 1:
        raise TokenRefused("This machine serves engines of several gateways; start it without --gateway.")
    sources = [({"gateway": arguments.gateway or each.gateway, "engine_id": each.engine_id}, each.engine_id) for each in found]
    arguments.gateway, arguments.engine_id = sources[0][0]["gateway"], found[0].engine_id
    return [(where, VaultTokens(vault, engine_id)) for where, engine_id in sources]


async def _enrol(gateway: str, name: str, vault: Vault) -> None:
    try:
        request = EnrolRequest(code=read_line("code"), installation_name=name)
    except ValidationError as error:
        raise TokenRefused("The name takes letters, digits, '.', '_' and '-', and begins with a letter or digit.") from error
    await enrolments(vault)  # a vault that does not open must not be found out with the code used up
    enrolled = await enrol(gateway, request)
    await keep_enrolment(vault, Enrolment(gateway, enrolled.engine_id, (enrolled.token,)))
    log.info("engine.enrolled", name=enrolled.engine_name, engine_id=enrolled.engine_id, installation=enrolled.installation)


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


def load_logs(data: Path, environment: Mapping[str, str]) -> LogSettings:
    """`[logs]`, before anything else is asked: a token, for one.

    Raises:
        ConfigRefused: naming every mistake in it, or that the file cannot be read.
    """
    found = config.read(data / "config.toml", environment, "FLOWORK_")
    logs = found.table("logs", LogSettings, {}, log_settings.OTHER_NAMES)
    found.check(tuple(found.tables))  # the other tables are judged once it is known whom to serve
    assert logs is not None
    return logs


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
        "otlp": found.table("otlp", OtlpSettings, {}),
        **sources(found),
    }
    settings = found.table("engine", EngineSettings, given, OTHER_NAMES)
    found.check(TABLES)
    assert settings is not None
    return settings


async def _run(engines: Sequence[tuple[EngineSettings, TokenKeeper]], secret: SecretGetter) -> int:
    """Serve every engine until told to stop: each with slots, spool and an outstanding claim of its own, so that none waits for another."""
    signals = Signals()
    await all_of(*(_serve(settings, keeper, secret, signals) for settings, keeper in engines))
    return 0


async def _serve(settings: EngineSettings, keeper: TokenKeeper, secret: SecretGetter, signals: "Signals") -> None:
    with bound(engine_id=settings.engine_id):
        await _served(settings, keeper, secret, signals)


async def _served(settings: EngineSettings, keeper: TokenKeeper, secret: SecretGetter, signals: "Signals") -> None:
    async with running(settings, keeper, secret=secret) as engine:
        signals.of(engine)
        async with crew() as tasks:
            tasks.start(_announce(engine, settings.engine_id), "announce")
            await first_of(None, signals.stop.wait(), engine.ended())
        drained = await engine.drained(settings.drain_deadline_s)
        log.info("engine.drained", engine_id=settings.engine_id, given_back=drained.given_back, spooled=drained.spooled)


async def _announce(engine: Engine, engine_id: str) -> None:
    await engine.connected()
    log.info("engine.connected", engine_id=engine_id, instance=engine.instance)


class Signals:
    """First signal: finish what runs. Second: give back now. Third: go."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self._engines: list[Engine] = []
        self._seen = 0
        if sys.platform == "win32":
            signal.signal(signal.SIGINT, lambda *_: self._signalled())
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled)

    def of(self, engine: Engine) -> None:
        """Tell this engine too when to hurry."""
        self._engines.append(engine)
        if self._seen > 1:
            engine.hurry()

    def _signalled(self) -> None:
        self._seen += 1
        if self._seen == 1:
            log.info("engine.stopping")
            self.stop.set()
        elif self._seen == 2:
            for engine in self._engines:
                engine.hurry()
        else:
            raise SystemExit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
