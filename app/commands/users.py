"""`flowork users add|list`: who may sign in."""

import argparse
from collections.abc import Sequence

from app.client.admin import open_admin
from app.commands.common import DONE, add_common, run


def main(argv: Sequence[str]) -> int:
    """Exit code."""
    made = argparse.ArgumentParser(prog="flowork users", description="Who may sign in at this machine's gateway.")
    verbs = made.add_subparsers(dest="verb", required=True)
    add = verbs.add_parser("add", help="let an Ethereum address sign in")
    add.add_argument("address", help="0x and 40 hexadecimal digits")
    add.add_argument("--name", default="", help="a name for your own use")
    add_common(add)
    add_common(verbs.add_parser("list", help="everyone who may sign in"))
    arguments = made.parse_args(argv)
    return run(_add(arguments) if arguments.verb == "add" else _list(arguments), arguments.json)


async def _add(arguments: argparse.Namespace) -> int:
    async with open_admin(arguments.data) as admin:
        user = await admin.add_user(arguments.address, arguments.name)
    print(user.model_dump_json() if arguments.json else f"{arguments.address} may sign in (user {user.id}).")
    return DONE


async def _list(arguments: argparse.Namespace) -> int:
    async with open_admin(arguments.data) as admin:
        found = await admin.users()
    if arguments.json:
        print(found.model_dump_json())
        return DONE
    for user in found.users:
        print(f"{user.address}  {user.id}  {user.name}".rstrip())
    if not found.users:
        print("Nobody yet. Add an address with: flowork users add 0x...")
    return DONE
