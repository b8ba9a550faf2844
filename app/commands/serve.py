"""`flowork serve`: gateway and engine on this machine, without a window."""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from app import settings as all_settings
from app.commands import pair
from app.commands.common import CONFIG, DONE, FAILED, complain, parser, terminal
from app.services.secrets import Around, Insecure, SecretsRefused, open_secrets
from contract.errors import FloworkError, GatewayUnreachable
from kit.config import ConfigRefused
from kit.files import Locked, exclusive_lock, private_folder
from kit.logs import Log
from kit.logs.setup import flush, logging_to
from kit.ownership import NotOurs, make_ours
from kit.vault import SecretStore, Vault

if TYPE_CHECKING:
    from app.services.host import Serving
    from app.services.rehearsal import Rehearsed

log = Log("serve")
PAGE = """\
Flowork {version} is running.

  Address      {address}
  Engine       {engine_name}, {room}
  Data folder  {data}
  Secrets      {secrets}{badge}{took_over}

Nobody gets in whom you have not let in. From another terminal:

  flowork login               use it from this machine's command line
  flowork pair                let in a browser, a phone or another machine
  flowork submit --help       run a job
  flowork status              queues, engines, delays

Ctrl+C finishes what runs, then stops; twice gives the work back at once.
"""
TOOK_OVER = "\n  Took over    {gap} without service; rehearsed in {seconds:.1f} s on a copy ({engines} queue(s), a job in {job_ms:.0f} ms)"
STAYS = "The Flowork that runs goes on serving."
IN_USE = "Another Flowork runs on {data}. Stop it first, or start this one with another --data folder."
BADGE = "  <- UNENCRYPTED (--insecure-storage); encrypt with: flowork secrets move"


def main(argv: Sequence[str]) -> int:
    """Exit code: 0 after a drain, 1 when it could not start or failed, 2 for wrong settings, 78 for a machine to set up first."""
    return serve(make_parser("serve", "Run gateway and engine on this machine.").parse_args(argv))


def serve(arguments: argparse.Namespace) -> int:
    """As `main`, with arguments that are parsed."""
    try:
        tightened = make_ours(arguments.data)  # before its config.toml is believed
    except NotOurs as error:
        print(f"flowork serve: {error}", file=sys.stderr)
        return CONFIG
    try:
        settings = settings_of(arguments)
    except ConfigRefused as error:
        return complain("the settings are not right.", error.mistakes)
    with logging_to(arguments.data, "flowork", settings.logs, at_terminal=logging.WARNING):
        if tightened:
            log.warning("host.closed_to_others", paths=[str(path) for path in tightened])
        return _run(settings, arguments)


def settings_of(arguments: argparse.Namespace) -> all_settings.Settings:
    """The folder's settings, with those that the arguments give.

    Raises:
        ConfigRefused.
    """
    return all_settings.load(arguments.data, *given(arguments))


def given(arguments: argparse.Namespace) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Settings of the gateway and of the engine that the arguments give; None stands for "not given"."""
    return (
        {"port": arguments.port, "host": arguments.host, "audit_heads": arguments.audit_heads},
        {"slots": arguments.slots, "echo": arguments.allow_echo or None, "http_hosts": tuple(arguments.http_host) or None},
    )


def _run(settings: all_settings.Settings, arguments: argparse.Namespace) -> int:
    try:
        return _take_over(settings, arguments) if arguments.take_over else _serve(settings, _vault(arguments), arguments)
    except SecretsRefused as error:
        print(f"flowork serve: {error}", file=sys.stderr)
        return CONFIG
    except Locked:
        print(f"flowork serve: {IN_USE.format(data=arguments.data)}", file=sys.stderr)
        return FAILED


def _vault(arguments: argparse.Namespace) -> Vault:
    # Two first starts at once must not make two sets of keys; and who cannot have the folder is not asked for a passphrase.
    with exclusive_lock(private_folder(arguments.data / "run") / "flowork.lock"):
        return Vault(_secrets(arguments))


def _secrets(arguments: argparse.Namespace) -> SecretStore:
    return open_secrets(arguments.data, Insecure(arguments.insecure_storage), Around(ask=terminal()))


def _take_over(settings: all_settings.Settings, arguments: argparse.Namespace) -> int:
    """Rehearse on a copy, let the one that runs let go, then serve; without one that runs, just serve."""
    from app.services import handover

    data = arguments.data
    with contextlib.ExitStack() as claim:
        try:
            claim.enter_context(handover.claimed(data))
            store = _secrets(arguments)
            rehearsed, address = asyncio.run(_rehearse_and_ask(settings, store))
        except GatewayUnreachable:
            claim.close()
            return _serve(settings, _vault(arguments), arguments)
        except handover.TakeoverFailed as error:
            print(f"flowork serve: {error}\n  {STAYS}", file=sys.stderr)
            return FAILED
        except FloworkError as error:
            print(f"flowork serve: {error.title}. {error.detail}\n  {STAYS}", file=sys.stderr)
            return FAILED

        def taken() -> tuple[float | None, "Rehearsed"]:
            gap = handover.taken(data)
            claim.close()
            return gap, rehearsed

        at = settings.gateway.port or int(address.rpartition(":")[2])
        return _serve(replace(settings, gateway=settings.gateway.model_copy(update={"port": at})), Vault(store), arguments, taken)


async def _rehearse_and_ask(settings: all_settings.Settings, store: SecretStore) -> tuple["Rehearsed", str]:
    from app.services import handover, rehearsal

    rehearsed = await rehearsal.rehearse(settings, store)
    return rehearsed, await handover.ask(settings.gateway.data)


def _serve(
    settings: all_settings.Settings,
    vault: Vault,
    arguments: argparse.Namespace,
    taken: Callable[[], tuple[float | None, "Rehearsed"]] | None = None,
) -> int:
    """Serve until told to stop; `taken` is called once it serves, in the place of another one."""
    from app.services.host import Host, Serving, StartRefused
    from app.services.update.beside import looking

    host = Host(settings, vault, give_up=_give_up)

    def ready(serving: Serving) -> None:
        flush()  # the page comes last
        gap, rehearsed = (None, None) if taken is None else taken()
        if arguments.json:
            told = {} if rehearsed is None else {"gap_s": gap, "rehearsed": asdict(rehearsed)}
            print(json.dumps({"event": "ready", "data": str(arguments.data), "pid": os.getpid(), **asdict(serving), **told}), flush=True)
            return
        after = "" if rehearsed is None else TOOK_OVER.format(gap="?" if gap is None else f"{gap:.2f} s", **asdict(rehearsed))
        print(page(serving, settings, badge=BADGE if vault.insecure else "", took_over=after), flush=True)
        if arguments.offer and sys.stdout.isatty():
            threading.Thread(target=pair.main, args=(["--data", str(arguments.data)],), name="flowork-pair", daemon=True).start()

    def asked_to_stop(_number: int, _frame: FrameType | None) -> None:
        host.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked_to_stop)
    try:
        with looking(arguments.data, settings.update):
            drained = host.run(ready)
    except StartRefused as error:
        print(f"flowork serve: {error}", file=sys.stderr)
        return FAILED
    flush()
    if not arguments.json:
        left = f" {drained.given_back} unfinished job(s) were given back and start again later." if drained.given_back else ""
        print(f"Flowork has stopped.{left}")
    return DONE


def _give_up() -> NoReturn:
    flush()
    os._exit(FAILED)


def page(serving: "Serving", settings: all_settings.Settings, badge: str, took_over: str = "") -> str:
    """What is printed once it runs."""
    room = f"{serving.slots} slots"
    if settings.engine.slots is None:
        room += f" to begin with, then {settings.engine.slots_min} to {settings.engine.slots_max} by load"
    return PAGE.format(data=settings.gateway.data, badge=badge, took_over=took_over, room=room, **asdict(serving))


def make_parser(verb: str, description: str) -> argparse.ArgumentParser:
    """A parser with all that a gateway and an engine may be told at their start."""
    made = parser(verb, description)
    made.set_defaults(offer=False)
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
        "--take-over",
        action="store_true",
        help="take the place of the Flowork that runs on this data folder, after a rehearsal on a copy; if anything fails it goes on",
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
