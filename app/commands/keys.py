"""`flowork keys list|rotate`: the keys that sign access tokens."""

import argparse
from collections.abc import Sequence

from app.client.admin import open_admin
from app.commands.common import DONE, add_common, run
from contract.admin import SigningKeyList


def main(argv: Sequence[str]) -> int:
    """Exit code."""
    made = argparse.ArgumentParser(prog="flowork keys", description="The keys that sign access tokens; they change monthly by themselves.")
    verbs = made.add_subparsers(dest="verb", required=True)
    add_common(verbs.add_parser("list", help="the ring, oldest first"))
    rotate = verbs.add_parser("rotate", help="let a new key sign now")
    rotate.add_argument("--compromised", action="store_true", help="strike out the old ones at once: every access token ends")
    add_common(rotate)
    return run(_keys(made.parse_args(argv)), "--json" in argv)


async def _keys(arguments: argparse.Namespace) -> int:
    async with open_admin(arguments.data) as admin:
        found: SigningKeyList = await (admin.keys() if arguments.verb == "list" else admin.rotate_keys(arguments.compromised))
    if arguments.json:
        print(found.model_dump_json())
        return DONE
    for key in found.keys:
        print(f"{key.kid}  {key.state:<12} since {key.since[:19]}Z")
    return DONE
