"""`flowork quit`: let the Flowork that runs on a data folder finish what runs, then end."""

import argparse
import asyncio
from collections.abc import Sequence
from enum import Enum, auto
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
    asked = await _ask(data, "quit")
    await _no_longer(data)
    return asked is _Asked.TRAY


class _Asked(Enum):
    NOBODY = auto()
    SERVE = auto()
    TRAY = auto()


async def _ask(data: Path, verb: str) -> _Asked:
    try:
        await asyncio.to_thread(ask_first, data, verb)
    except NobodyThere:
        try:
            async with open_admin(data) as admin:
                await admin.stop_program()
        except GatewayUnreachable:
            return _Asked.NOBODY
        return _Asked.SERVE
    return _Asked.TRAY


async def _no_longer(data: Path) -> None:
    while await asyncio.to_thread(_runs, data):
        await asyncio.sleep(LOOK_EVERY_S)


async def _quit(arguments: argparse.Namespace) -> int:
    try:
        asked = await _ask(arguments.data, "hurry" if arguments.now else "quit")
    except NotAnswering as error:
        complain(f"Flowork runs, but does not answer ({error}). End it by hand.")
        return FAILED
    if asked is _Asked.NOBODY:
        _say(arguments, "No Flowork runs there.", running=False)
    elif arguments.no_wait:
        _say(arguments, "Flowork is asked to end.", running=True)
    else:
        await _no_longer(arguments.data)
        _say(arguments, "Flowork has ended.", running=False)
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
