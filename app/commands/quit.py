"""`flowork quit`: let the Flowork that runs on a data folder finish what runs, then end."""

import argparse
import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

from app.client.admin import open_admin
from app.commands.common import DONE, FAILED, complain, parser, run
from app.desktop.single_instance import NobodyThere, NotAnswering, ask_first, first_of
from contract.errors import GatewayUnreachable
from kit.files import Locked, exclusive_lock

LOOK_EVERY_S = 0.2


def main(argv: Sequence[str]) -> int:
    """Exit code: 0 also when none runs."""
    made = parser("quit", "Let the Flowork that runs here finish its jobs, then end: the tray application, or flowork serve.")
    made.add_argument("--now", action="store_true", help="give running jobs back instead of finishing them (tray application)")
    made.add_argument("--no-wait", action="store_true", help="do not wait until it has ended")
    arguments = made.parse_args(argv)
    return run(_quit(arguments), arguments.json)


async def ended(data: Path) -> bool:
    """Let the one that runs finish its jobs, and wait until it has ended; whether it was the tray application.

    Raises:
        NotAnswering. FloworkError.
    """
    try:
        await asyncio.to_thread(ask_first, data, "quit")
        tray = True
    except NobodyThere:
        tray = False
        with contextlib.suppress(GatewayUnreachable):
            async with open_admin(data) as admin:
                await admin.stop_program()
    while await asyncio.to_thread(_runs, data):
        await asyncio.sleep(LOOK_EVERY_S)
    return tray


async def _quit(arguments: argparse.Namespace) -> int:
    data: Path = arguments.data
    try:
        await asyncio.to_thread(ask_first, data, "hurry" if arguments.now else "quit")
    except NotAnswering as error:
        complain(f"Flowork runs, but does not answer ({error}). End it by hand.")
        return FAILED
    except NobodyThere:
        try:
            async with open_admin(data) as admin:
                await admin.stop_program()
        except GatewayUnreachable:
            _say(arguments, "No Flowork runs there.", running=False)
            return DONE
    while not arguments.no_wait and await asyncio.to_thread(_runs, data):
        await asyncio.sleep(LOOK_EVERY_S)
    _say(arguments, "Flowork is asked to end." if arguments.no_wait else "Flowork has ended.", running=arguments.no_wait)
    return DONE


def _runs(data: Path) -> bool:
    with first_of(data) as nobody:
        if not nobody:
            return True
    try:
        with exclusive_lock(data / "run" / "flowork.lock"):
            return False
    except Locked:
        return True


def _say(arguments: argparse.Namespace, text: str, *, running: bool) -> None:
    print(f'{{"running": {str(running).lower()}}}' if arguments.json else text)
