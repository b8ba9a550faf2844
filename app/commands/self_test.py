"""`flowork self-test`: whether every part of this program works on this machine."""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from app.commands.common import DONE, FAILED, parser
from app.commands.desktop import has_display
from app.services.self_test import Check, self_test, timed
from contract.version import VERSION
from kit.files import write_private
from kit.frozen import frozen


def main(argv: Sequence[str]) -> int:
    """Exit code: 1 when a part does not work."""
    made = parser("self-test", "Try every part of this program on a scratch folder: keyring, database, signatures, a job, windows.")
    made.add_argument("--report", type=Path, metavar="FILE", help="write the JSON there too; a windowed program prints nothing on Windows")
    arguments = made.parse_args(argv)
    checks = asyncio.run(self_test())
    windows = find_spec("PySide6") is not None and find_spec("app.ui") is not None
    if windows:
        from app.ui.self_test import windows as try_windows

        checks += [asyncio.run(timed("tray", _tray)), *(Check(*each) for each in try_windows(has_display(os.environ)))]
    told = _told(checks, windows)
    if arguments.report is not None:
        write_private(arguments.report, json.dumps(told).encode())
    print(json.dumps(told) if arguments.json else render(checks))
    return DONE if told["ok"] else FAILED


async def _tray() -> str:
    """The composition root imports everything that the tray application is made of."""
    from app import wiring

    return f"every module of the tray application loads ({wiring.__name__})"


def _told(checks: Sequence[Check], windows: bool) -> dict[str, Any]:
    return {
        "ok": all(each.ok for each in checks),
        "version": VERSION,
        "frozen": frozen(),
        "windows": windows,
        "checks": [asdict(each) for each in checks],
    }


def render(checks: Sequence[Check]) -> str:
    """The page for a terminal."""
    width = max(len(each.name) for each in checks)
    lines = [f"{'ok  ' if each.ok else 'BAD '}  {each.name:<{width}}  {each.said} ({each.ms:.0f} ms)" for each in checks]
    bad = sum(not each.ok for each in checks)
    return "\n".join([*lines, "", f"All {len(checks)} parts work." if not bad else f"{bad} of {len(checks)} parts do not work."])
