"""`flowork audit list|verify`: who did what, and whether the record of it is whole."""

import argparse
from collections.abc import Sequence

from app.client.admin import open_admin
from app.commands.common import DONE, FAILED, add_common, run


def main(argv: Sequence[str]) -> int:
    """Exit code: 1 when the log was tampered with."""
    made = argparse.ArgumentParser(
        prog="flowork audit", description="The gateway's record of what touches who may do what.", allow_abbrev=False
    )
    verbs = made.add_subparsers(dest="verb", required=True)
    listing = verbs.add_parser("list", help="the newest records")
    listing.add_argument("--limit", type=int, default=50, metavar="N", help="how many (default: %(default)s)")
    listing.add_argument("--before", type=int, default=None, metavar="SEQ", help="only records before this number")
    add_common(listing)
    add_common(verbs.add_parser("verify", help="read the whole chain and say whether it is whole"))
    arguments = made.parse_args(argv)
    return run(_list(arguments) if arguments.verb == "list" else _verify(arguments), arguments.json)


async def _list(arguments: argparse.Namespace) -> int:
    async with open_admin(arguments.data) as admin:
        page = await admin.audit(arguments.before, arguments.limit)
    for record in page.records:
        if arguments.json:
            print(record.model_dump_json())
            continue
        detail = " ".join(f"{name}={value}" for name, value in record.detail.items() if value)
        print(f"{record.seq:>6}  {record.at[:19]}Z  {record.event:<15} {record.actor:<17} {record.target}  {detail}".rstrip())
    return DONE


async def _verify(arguments: argparse.Namespace) -> int:
    async with open_admin(arguments.data) as admin:
        verdict = await admin.audit_verdict()
    if arguments.json:
        print(verdict.model_dump_json())
    elif verdict.intact:
        print(f"The audit log is whole: {verdict.records} records, head {verdict.head}")
        print("Keep this head elsewhere: whoever can write your files could also cut the end of the log off.")
    else:
        print(f"The audit log is NOT whole. Record {verdict.broken_at}: {verdict.reason}. {verdict.records} records before it are good.")
    return DONE if verdict.intact else FAILED
