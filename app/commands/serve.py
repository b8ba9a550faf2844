"""`flowork serve`: gateway and engine on this machine, without a window."""

import argparse
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from types import FrameType

from app import settings as all_settings
from app.commands.common import DONE, FAILED, complain, parser
from kit.config import ConfigRefused
from kit.logs import to_stream

PAGE = """\
Flowork {version} is running.

  Address      {address}
  Engine       {engine_name}, {slots} slots
  Data folder  {data}

Nobody gets in whom you have not let in. From another terminal:

  flowork login               use it from this machine's command line
  flowork pair                let in a browser, a phone or another machine
  flowork submit --help       run a job
  flowork status              queues, engines, delays

Ctrl+C finishes what runs, then stops; twice gives the work back at once.
"""


def main(argv: Sequence[str]) -> int:
    """Exit code: 0 after a drain, 1 when it could not start or failed, 2 for wrong settings."""
    arguments = _parser().parse_args(argv)
    try:
        settings = all_settings.load(
            arguments.data,
            {"port": arguments.port, "host": arguments.host},
            {"slots": arguments.slots, "echo": arguments.allow_echo or None, "http_hosts": tuple(arguments.http_host) or None},
        )
    except ConfigRefused as error:
        return complain("the settings are not right.", error.mistakes)
    to_stream(level=logging.WARNING if sys.stderr.isatty() else logging.INFO)
    return _serve(settings, arguments)


def _serve(settings: all_settings.Settings, arguments: argparse.Namespace) -> int:
    from app.services.host import Host, Serving, StartRefused

    host = Host(settings, give_up=lambda: os._exit(FAILED))

    def ready(serving: Serving) -> None:
        if arguments.json:
            print(json.dumps({"event": "ready", "data": str(arguments.data), "pid": os.getpid(), **asdict(serving)}), flush=True)
        else:
            print(PAGE.format(data=arguments.data, **asdict(serving)), flush=True)

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


def _parser() -> argparse.ArgumentParser:
    made = parser("serve", "Run gateway and engine on this machine.")
    made.add_argument("--port", type=int, default=None, metavar="N", help="loopback port (default: 7717; 0 lets the system choose)")
    made.add_argument("--host", default=None, metavar="ADDRESS", help="loopback address (default: 127.0.0.1)")
    made.add_argument("--slots", type=int, default=None, metavar="N", help="jobs that run at once (default: 4)")
    made.add_argument("--allow-echo", action="store_true", help="serve the echo kinds, for demo, tests and bench")
    made.add_argument(
        "--http-host", action="append", default=[], metavar="HOST", help="let the http kind call this host[:port]; may be repeated"
    )
    return made
