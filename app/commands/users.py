"""`flowork users list|remove`: the people of this machine's gateway. `flowork pair --new NAME` adds one."""

import argparse
from collections.abc import Sequence

from app.client.admin import open_admin
from app.commands.common import DONE, add_common, run


def main(argv: Sequence[str]) -> int:
    """Exit code."""
    made = argparse.ArgumentParser(prog="flowork users", description="Who may use this machine's gateway.")
    verbs = made.add_subparsers(dest="verb", required=True)
    add_common(verbs.add_parser("list", help="everyone"))
    remove = verbs.add_parser("remove", help="let a user in no more, with all their devices, at once")
    remove.add_argument("user", help="name or id")
    add_common(remove)
    arguments = made.parse_args(argv)
    return run(_list(arguments) if arguments.verb == "list" else _remove(arguments), arguments.json)


async def _list(arguments: argparse.Namespace) -> int:
    async with open_admin(arguments.data) as admin:
        found = await admin.users()
    if arguments.json:
        print(found.model_dump_json())
        return DONE
    for user in found.users:
        print(f"{user.id}  {user.name:<24} {user.role:<7} {user.devices} device(s)")
    if not found.users:
        print("Nobody yet. The first to be paired becomes the owner: flowork pair")
    return DONE


async def _remove(arguments: argparse.Namespace) -> int:
    async with open_admin(arguments.data) as admin:
        gone = await admin.remove_user(arguments.user)
    print(gone.model_dump_json() if arguments.json else f"{gone.name} is removed, with {gone.devices} device(s).")
    return DONE
