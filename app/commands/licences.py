"""`flowork licences`: under which terms Flowork and what came with it may be used."""

import json
from collections.abc import Sequence

from app.commands.common import DONE, parser
from app.services.licences import licences


def main(argv: Sequence[str]) -> int:
    """Exit code: 0."""
    arguments = parser("licences", "The licences of Flowork and of everything that came with it.").parse_args(argv)
    text = licences()
    print(json.dumps({"licences": text}) if arguments.json else text, end="\n" if arguments.json else "")
    return DONE
