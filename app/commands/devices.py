"""`flowork devices list|revoke`: what is paired with this machine's gateway."""

import argparse
from collections.abc import Sequence

from app.client.admin import open_admin
from app.commands.common import DONE, add_common, run


def main(argv: Sequence[str]) -> int:
    """Exit code."""
    made = argparse.ArgumentParser(prog="flowork devices", description="Browsers and command lines paired with this machine's gateway.")
    verbs = made.add_subparsers(dest="verb", required=True)
    add_common(verbs.add_parser("list", help="all of them"))
    revoke = verbs.add_parser("revoke", help="let a device in no more, at once")
    revoke.add_argument("device", help="its id, as listed")
    add_common(revoke)
    arguments = made.parse_args(argv)
    return run(_list(arguments) if arguments.verb == "list" else _revoke(arguments), arguments.json)


async def _list(arguments: argparse.Namespace) -> int:
    async with open_admin(arguments.data) as admin:
        found = (await admin.devices()).devices
        names = {user.id: user.name for user in (await admin.users()).users}
    if arguments.json:
        for device in found:
            print(device.model_dump_json())
        return DONE
    for device in found:
        state = "signed in" if device.in_use else "not signed in"
        owner = names.get(device.user, device.user)
        print(f"{device.id}  {owner:<16} {device.name:<32} {device.address}  {state}, since {device.added_at[:10]}")
    if not found:
        print("Nothing is paired yet. Pair a browser with: flowork pair")
    return DONE


async def _revoke(arguments: argparse.Namespace) -> int:
    async with open_admin(arguments.data) as admin:
        await admin.revoke(arguments.device)
    print(f'{{"revoked": "{arguments.device}"}}' if arguments.json else f"{arguments.device} is revoked.")
    return DONE
