"""`flowork serve`: gateway and engine on this machine, without a window."""

import argparse
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from app import settings as all_settings
from app.commands.common import CONFIG, DONE, FAILED, complain, parser, terminal
from app.services.secrets import Around, Insecure, SecretsRefused, open_secrets
from kit.config import ConfigRefused
from kit.files import Locked, exclusive_lock, private_folder
from kit.logs import Log, to_stream
from kit.ownership import NotOurs, make_ours
from kit.vault import Vault

if TYPE_CHECKING:
    from app.services.host import Serving

log = Log("serve")
PAGE = """\
Flowork {version} is running.

  Address      {address}
  Engine       {engine_name}, {room}
  Data folder  {data}
  Secrets      {secrets}{badge}

Nobody gets in whom you have not let in. From another terminal:

  flowork login               use it from this machine's command line
  flowork pair                let in a browser, a phone or another machine
  flowork submit --help       run a job
  flowork status              queues, engines, delays

Ctrl+C finishes what runs, then stops; twice gives the work back at once.
"""
IN_USE = "Another Flowork runs on {data}. Stop it first, or start this one with another --data folder."
BADGE = "  <- UNENCRYPTED (--insecure-storage); encrypt with: flowork secrets move"


def main(argv: Sequence[str]) -> int:
    """Exit code: 0 after a drain, 1 when it could not start or failed, 2 for wrong settings, 78 for a machine to set up first."""
    arguments = _parser().parse_args(argv)
    try:
        tightened = make_ours(arguments.data)  # before its config.toml is believed
    except NotOurs as error:
        print(f"flowork serve: {error}", file=sys.stderr)
        return CONFIG
    try:
        settings = all_settings.load(
            arguments.data,
            {"port": arguments.port, "host": arguments.host, "audit_heads": arguments.audit_heads},
            {"slots": arguments.slots, "echo": arguments.allow_echo or None, "http_hosts": tuple(arguments.http_host) or None},
        )
    except ConfigRefused as error:
        return complain("the settings are not right.", error.mistakes)
    to_stream(level=logging.WARNING if sys.stderr.isatty() else logging.INFO)
    if tightened:
        log.warning("host.closed_to_others", paths=[str(path) for path in tightened])
    try:
        vault = _vault(arguments)
    except SecretsRefused as error:
        print(f"flowork serve: {error}", file=sys.stderr)
        return CONFIG
    except Locked:
        print(f"flowork serve: {IN_USE.format(data=arguments.data)}", file=sys.stderr)
        return FAILED
    return _serve(settings, vault, arguments)


def _vault(arguments: argparse.Namespace) -> Vault:
    # Two first starts at once must not make two sets of keys; and who cannot have the folder is not asked for a passphrase.
    with exclusive_lock(private_folder(arguments.data / "run") / "flowork.lock"):
        return Vault(open_secrets(arguments.data, Insecure(arguments.insecure_storage), Around(ask=terminal())))


def _serve(settings: all_settings.Settings, vault: Vault, arguments: argparse.Namespace) -> int:
    from app.services.host import Host, Serving, StartRefused

    host = Host(settings, vault, give_up=lambda: os._exit(FAILED))

    def ready(serving: Serving) -> None:
        if arguments.json:
            print(json.dumps({"event": "ready", "data": str(arguments.data), "pid": os.getpid(), **asdict(serving)}), flush=True)
        else:
            print(page(serving, settings, badge=BADGE if vault.insecure else ""), flush=True)

    def asked_to_stop(_number: int, _frame: FrameType | None) -> None:
        host.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked_to_stop)
    try:
        drained = host.run(ready)
    except StartRefused as error:
        print(f"flowork serve: {error}", file=sys.stderr)
        return FAILED
    if not arguments.json:
        left = f" {drained.given_back} unfinished job(s) were given back and start again later." if drained.given_back else ""
        print(f"Flowork has stopped.{left}")
    return DONE


def page(serving: "Serving", settings: all_settings.Settings, badge: str) -> str:
    """What is printed once it runs."""
    room = f"{serving.slots} slots"
    if settings.engine.slots is None:
        room += f" to begin with, then {settings.engine.slots_min} to {settings.engine.slots_max} by load"
    return PAGE.format(data=settings.gateway.data, badge=badge, room=room, **asdict(serving))


def _parser() -> argparse.ArgumentParser:
    made = parser("serve", "Run gateway and engine on this machine.")
    made.add_argument("--port", type=int, default=None, metavar="N", help="loopback port (default: 7717; 0 lets the system choose)")
    made.add_argument("--host", default=None, metavar="ADDRESS", help="loopback address (default: 127.0.0.1)")
    made.add_argument("--slots", type=int, default=None, metavar="N", help="jobs that run at once (default: chosen by what is measured)")
    made.add_argument("--allow-echo", action="store_true", help="serve the echo kinds, for demo, tests and bench")
    made.add_argument(
        "--http-host", action="append", default=[], metavar="HOST", help="let the http kind call this host[:port]; may be repeated"
    )
    made.add_argument(
        "--audit-heads", type=Path, default=None, metavar="FILE", help="second witness of the audit log (default: beside the data folder)"
    )
    made.add_argument(
        "--insecure-storage",
        nargs="?",
        choices=[Insecure.ALWAYS.value, Insecure.FALLBACK.value],
        const=Insecure.ALWAYS.value,
        default=Insecure.NEVER.value,
        metavar="fallback",
        help="keep keys in files in the clear; =fallback: only where there is no keyring",
    )
    return made
