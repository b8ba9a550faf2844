"""`flowork doctor`: what is wrong on this machine, and what to do about it."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict

from app.commands.common import DONE, FAILED, parser
from app.services.doctor import Finding, Verdict, ask, examine

MARKS = {Verdict.OK: "ok  ", Verdict.NOTE: "note", Verdict.BAD: "BAD "}


def main(argv: Sequence[str]) -> int:
    """Exit code: 1 when something is wrong."""
    arguments = parser("doctor", "Look at everything a supporter would ask for. Changes nothing.").parse_args(argv)

    findings = examine(arguments.data, asyncio.run(ask(arguments.data)))
    print(json.dumps({"findings": [asdict(each) for each in findings]}) if arguments.json else render(findings))
    return FAILED if any(each.verdict is Verdict.BAD for each in findings) else DONE


def render(findings: Sequence[Finding]) -> str:
    """The page for a terminal."""
    width = max(len(each.what) for each in findings)
    lines = []
    for each in findings:
        lines.append(f"{MARKS[each.verdict]}  {each.what:<{width}}  {each.found}")
        if each.do is not None and each.verdict is not Verdict.OK:
            lines.append(f"      {'':<{width}}  -> {each.do}")
    bad = sum(each.verdict is Verdict.BAD for each in findings)
    return "\n".join([*lines, "", "Nothing is wrong." if not bad else f"{bad} thing(s) want to be mended."])
