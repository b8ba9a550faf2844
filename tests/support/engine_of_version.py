"""`flowork engine`, but announcing another version: `python -m tests.support.engine_of_version VERSION [options]`."""

import functools
import sys

import engine.__main__ as program

if __name__ == "__main__":
    program.running = functools.partial(program.running, version=sys.argv[1])  # type: ignore[assignment]
    sys.exit(program.main(sys.argv[2:]))
