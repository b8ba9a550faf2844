"""`flowork diagnostics`: what a supporter needs to know, without secrets. Read it before you hand it on."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from app.commands.common import DONE, FAILED, complain, parser
from app.services.diagnostics import gather, this_machine
from kit.files import write_private


def main(argv: Sequence[str]) -> int:
    """Exit code: 1 when the file cannot be written."""
    made = parser("diagnostics", "Versions, settings, health and the last log lines, scrubbed. Sends nothing.")
    made.add_argument("--file", type=Path, default=None, metavar="FILE", help="write it there, for you alone to read (default: print it)")
    arguments = made.parse_args(argv)
    text = asyncio.run(gather(arguments.data, this_machine()))
    if arguments.file is None:
        print(json.dumps({"diagnostics": text}) if arguments.json else text, end="\n" if arguments.json else "")
        return DONE
    try:
        write_private(arguments.file, text.encode())
    except OSError as error:
        complain(f"{arguments.file} cannot be written ({error.strerror}).")
        return FAILED
    said = f"Written: {arguments.file}. Read it before you hand it on."
    print(json.dumps({"file": str(arguments.file)}) if arguments.json else said)
    return DONE
