"""`flowork secrets status|unlock|move`: where the keys of a data folder are kept."""

import argparse
import json
from collections.abc import Sequence

from app.commands.common import CONFIG, DONE, FAILED, add_common, complain, terminal
from app.services.secrets import Around, Place, SecretsRefused, inspect, move, unlock
from kit.files import Locked, exclusive_lock, private_folder


def main(argv: Sequence[str]) -> int:
    """Exit code: 78 when the secrets cannot be used as they are."""
    made = argparse.ArgumentParser(prog="flowork secrets", description="Where Flowork's keys are kept.", allow_abbrev=False)
    verbs = made.add_subparsers(dest="verb", required=True)
    add_common(verbs.add_parser("status", help="the place, and whether it is open"))
    add_common(verbs.add_parser("unlock", help="let the desktop ask for the keyring's password"))
    moving = verbs.add_parser("move", help="carry all keys to another place; stop Flowork first")
    moving.add_argument("--to", required=True, choices=[Place.KEYRING.value, Place.FILE.value], help="where to")
    add_common(moving)
    arguments = made.parse_args(argv)
    try:
        return {"status": _status, "unlock": _unlock, "move": _move}[arguments.verb](arguments)
    except SecretsRefused as error:
        complain(str(error))
        return CONFIG


def _status(arguments: argparse.Namespace) -> int:
    kind, state = inspect(arguments.data, Around())
    print(json.dumps({"kind": kind, "state": state}) if arguments.json else f"Secrets: {kind}, {state}")
    return DONE if state == "open" else FAILED


def _unlock(arguments: argparse.Namespace) -> int:
    said = unlock(arguments.data, Around())
    print(json.dumps({"unlocked": said}) if arguments.json else said)
    return DONE


def _move(arguments: argparse.Namespace) -> int:
    try:
        with exclusive_lock(private_folder(arguments.data / "run") / "flowork.lock"):
            moved = move(arguments.data, Place(arguments.to), Around(ask=terminal()))
    except Locked:
        complain(f"Flowork runs on {arguments.data}. Stop it first.")
        return FAILED
    print(json.dumps({"moved": moved, "to": arguments.to}) if arguments.json else f"{moved} secret(s) moved to: {arguments.to}")
    return DONE
