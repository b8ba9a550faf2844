"""`flowork engines add`: an engine with a queue of its own, for this machine or another."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from app.client.admin import open_admin
from app.commands.common import DONE, add_common, complain, run
from contract.admin import EngineAdded
from contract.errors import RequestInvalid
from kit.files import write_private


def main(argv: Sequence[str]) -> int:
    """Exit code."""
    made = argparse.ArgumentParser(prog="flowork engines", description="Engines of this machine's gateway.")
    verbs = made.add_subparsers(dest="verb", required=True)
    add = verbs.add_parser("add", help="make an engine and the token of its first installation")
    add.add_argument("name", help="lower-case letters, digits and hyphens")
    where = add.add_mutually_exclusive_group(required=True)
    where.add_argument("--token-file", type=Path, metavar="FILE", help="write the token to this new file (0600)")
    where.add_argument("--print-token", action="store_true", help="print the token to standard output, this once")
    add_common(add)
    arguments = made.parse_args(argv)
    if arguments.token_file is not None and arguments.token_file.exists():
        return complain(f"{arguments.token_file} exists; choose a file that does not.")
    return run(_add(arguments), arguments.json)


async def _add(arguments: argparse.Namespace) -> int:
    async with open_admin(arguments.data) as admin:
        engine = await admin.add_engine(arguments.name)
        address = (await admin.status()).address
    if arguments.token_file is not None:
        _write(arguments.token_file, engine)
    _tell(arguments, engine, address)
    return DONE


def _write(file: Path, engine: EngineAdded) -> None:
    try:
        write_private(file, engine.token.encode() + b"\n")
    except OSError as error:
        raise RequestInvalid(f"The engine {engine.name} ({engine.id}) was made, but {file} cannot be written: {error.strerror}.") from error


def _tell(arguments: argparse.Namespace, engine: EngineAdded, address: str) -> None:
    if arguments.json:
        answer = {"id": engine.id, "name": engine.name, "gateway": address}
        if arguments.print_token:
            answer["token"] = engine.token
        print(json.dumps(answer))
        return
    if arguments.print_token:
        print(engine.token)
    out = sys.stderr if arguments.print_token else sys.stdout
    print(f"Engine {engine.name} is {engine.id}. Run it with:", file=out)
    source = f" --token-file {arguments.token_file}" if arguments.token_file else "   (the token on standard input)"
    print(f"  flowork engine --gateway {address} --engine-id {engine.id}{source}", file=out)
