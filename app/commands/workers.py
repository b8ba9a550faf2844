"""`flowork workers`: how many jobs this machine's engine runs at once, and whether it takes any."""

import argparse
from collections.abc import Sequence

from app.client.admin import open_admin
from app.commands.common import DONE, parser, run
from contract.local import LocalChange, LocalView

PAUSED = {
    "asked": "paused by you",
    "battery": "paused: the battery is low",
    "metered": "paused: the network is metered",
}


def main(argv: Sequence[str]) -> int:
    """Exit code."""
    made = parser("workers", "How many jobs this machine's engine runs at once, until the next start; and whether it takes any.")
    made.add_argument("wish", nargs="?", metavar="N|auto|pause|go", help="a number, chosen by what is measured, take no jobs, go on")
    arguments = made.parse_args(argv)
    change = _change(made, arguments.wish)
    return run(_workers(arguments, change), arguments.json)


def _change(made: argparse.ArgumentParser, wish: str | None) -> LocalChange | None:
    words = {None: None, "auto": LocalChange(automatic=True), "pause": LocalChange(paused=True), "go": LocalChange(paused=False)}
    if wish in words:
        return words[wish]
    if wish is None or not (wish.isascii() and wish.isdigit() and 1 <= int(wish) <= 1024):
        made.error(f"{wish!r} is none of: a number from 1 to 1024, auto, pause, go")
    return LocalChange(slots=int(wish))


async def _workers(arguments: argparse.Namespace, change: LocalChange | None) -> int:
    async with open_admin(arguments.data) as admin:
        view = await (admin.local() if change is None else admin.change_local(change))
    print(view.model_dump_json() if arguments.json else render(view))
    return DONE


def render(view: LocalView) -> str:
    """One line for a terminal."""
    how = f"chosen by what is measured, up to {view.slots_max}" if view.automatic else "fixed until the next start"
    takes = "" if view.paused is None else f"; {PAUSED.get(view.paused, view.paused)}: jobs are taken and wait in the queue"
    return f"{view.name} runs {view.busy} of {view.slots} jobs at once ({how}){takes}."
