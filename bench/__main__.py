"""`python -m bench NAME [options] [--json]`: one measurement; with `--json` one JSON object as the last line."""

import argparse
import json
import sys
from collections.abc import Sequence

from bench import auth, coldstart, fairness, idle, latency, observability, overload, sim, store, stream, ui, writers

BENCHES = {
    "auth": auth,
    "coldstart": coldstart,
    "fairness": fairness,
    "idle": idle,
    "latency": latency,
    "observability": observability,
    "overload": overload,
    "sim": sim,
    "store": store,
    "stream": stream,
    "ui": ui,
    "writers": writers,
}


def main(argv: Sequence[str]) -> int:
    """Exit code: 0 when it was measured, 1 when something failed meanwhile."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, module in BENCHES.items():
        sub = names.add_parser(name, help=(module.__doc__ or "").split("\n", maxsplit=1)[0], description=module.__doc__)
        sub.add_argument("--json", action="store_true", help="print one JSON object")
        module.options(sub)
    arguments = parser.parse_args(argv)
    found = BENCHES[arguments.name].measure(arguments)
    if arguments.json:
        print(json.dumps(found))
    else:
        print(json.dumps({key: value for key, value in found.items() if key != "raw"}, indent=2))
    return 1 if found.get("failed") else 0


sys.exit(main(sys.argv[1:]))
