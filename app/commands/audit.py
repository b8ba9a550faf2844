"""`flowork audit list|verify|export`: who did what, and whether the record of it is whole."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

from app.client.admin import open_admin
from app.commands.common import DONE, FAILED, add_common, run
from contract.admin import AuditCheck, AuditVerdict
from contract.errors import RequestInvalid
from kit.files import write_private
from kit.text import printable

HEADS_SENT_MAX = 20_000


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
    verifying = verbs.add_parser("verify", help="read the chain and its witnesses, and say whether it is whole")
    verifying.add_argument("--from", dest="first", type=int, default=None, metavar="SEQ", help="only from this record on")
    verifying.add_argument(
        "--head", action="append", default=[], metavar="HEAD", help="'SEQ HASH' that was noted elsewhere, or a file of such lines"
    )
    add_common(verifying)
    exporting = verbs.add_parser("export", help="all records as JSON lines, signed")
    exporting.add_argument("--output", type=Path, default=None, metavar="FILE", help="a new file (0600); without it, standard output")
    add_common(exporting)
    arguments = made.parse_args(argv)
    return run({"list": _list, "verify": _verify, "export": _export}[arguments.verb](arguments), arguments.json)


async def _list(arguments: argparse.Namespace) -> int:
    async with open_admin(arguments.data) as admin:
        page = await admin.audit(arguments.before, arguments.limit)
    for record in page.records:
        if arguments.json:
            print(record.model_dump_json())
            continue
        detail = " ".join(f"{name}={value}" for name, value in record.detail.items() if value)
        line = f"{record.seq:>6}  {record.at[:19]}Z  {record.event:<15} {record.actor:<17} {record.target}  {detail}"
        print(printable(line.rstrip()))
    return DONE


async def _verify(arguments: argparse.Namespace) -> int:
    heads = [line for told in arguments.head for line in _lines(told)]
    async with open_admin(arguments.data) as admin:
        verdict = await admin.audit_verify(AuditCheck(first=arguments.first, heads=heads[-HEADS_SENT_MAX:]))
    print(verdict.model_dump_json() if arguments.json else _told(verdict))
    return DONE if verdict.intact else FAILED


def _lines(told: str) -> list[str]:
    """The lines of a file, or the text itself."""
    try:
        return Path(told).read_text(encoding="utf-8", errors="replace").splitlines()
    except (OSError, ValueError):
        return [told]


def _told(verdict: AuditVerdict) -> str:
    witnesses = ", ".join(f"{one.name} {one.state}{'' if one.last is None else f' (to record {one.last})'}" for one in verdict.witnesses)
    if verdict.intact:
        lines = [
            f"The audit log is whole: {verdict.records} records, {verdict.first} to {verdict.last}.",
            f"Head: {verdict.last} {verdict.head}",
            "Keep this line elsewhere; later, flowork audit verify --head 'SEQ HASH' shows that the log still contains it.",
        ]
    else:
        lines = [f"The audit log is NOT whole. Record {verdict.broken_at}: {verdict.reason}. {verdict.records} records before it are good."]
    return "\n".join([*lines, f"Witnesses: {witnesses}"])


async def _export(arguments: argparse.Namespace) -> int:
    if arguments.output is not None and arguments.output.exists():
        raise RequestInvalid(f"{arguments.output} exists; choose a file that does not.")
    pieces: list[bytes] = []
    async with open_admin(arguments.data) as admin, aclosing(admin.audit_export()) as export:
        async for piece in export:
            if arguments.output is None:
                sys.stdout.buffer.write(piece)
            else:
                pieces.append(piece)
    sys.stdout.flush()
    if arguments.output is not None:
        try:
            write_private(arguments.output, b"".join(pieces))
        except OSError as error:
            raise RequestInvalid(f"{arguments.output} cannot be written: {error.strerror}.") from error
        print(f"Written to {arguments.output}.")
    return DONE
