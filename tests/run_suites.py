"""Runs the test suites one after another, and says how long each took beside its budget.

python tests/run_suites.py [--long] [suite ...]
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PYTEST = (str(BIN / "pytest"), "-q", "--durations=5", "--durations-min=3")
ON_BOTH_CORES = (*PYTEST, "-n", "2", "--dist", "worksteal")
STUCK = 2.5
"""A suite that takes this many times its budget is hanging and is ended."""


@dataclass(frozen=True)
class Suite:
    """Commands that belong together, and the seconds they may take on a 2-core machine."""

    name: str
    budget_s: int
    commands: Sequence[Sequence[str]]


LINT = [
    (str(BIN / "ruff"), "check", "."),
    (str(BIN / "ruff"), "format", "--check", "."),
    (str(BIN / "mypy"),),
    (str(BIN / "lint-imports"),),
]
NPM = ("npm", "--prefix", "gui")
GUI = [
    (*NPM, "ci", "--no-fund", "--no-audit", "--loglevel=error"),
    (sys.executable, "-m", "tests.gui.vectors", "build/gui-vectors.json"),
    (*NPM, "test"),
    (*NPM, "run", "build"),
    (*ON_BOTH_CORES, "-m", "not slow", "tests/gui"),
]
SUITES = [
    Suite("lint", 45, LINT),
    Suite("unit", 170, [(*ON_BOTH_CORES, "-m", "not slow", "tests/unit", "tests/property", "tests/conformance", "tests/architecture")]),
    Suite("desktop", 210, [(*ON_BOTH_CORES, "-m", "not slow", "tests/ui"), (*ON_BOTH_CORES, "-m", "not slow", "tests/desktop")]),
    Suite("gui", 180, GUI),
    Suite("security", 255, [(*ON_BOTH_CORES, "-m", "not slow", "tests/security")]),
    Suite("integration", 360, [(*ON_BOTH_CORES, "-m", "not slow", "tests/integration")]),
    Suite("work", 150, [(*ON_BOTH_CORES, "-m", "not slow", "tests/work")]),
    Suite("seeing", 130, [(*ON_BOTH_CORES, "-m", "not slow", "tests/seeing")]),
]
LONG = [Suite("slow", 3600, [(*PYTEST, "-m", "slow", "tests")])]


def main() -> int:
    """0 when every suite passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", metavar="suite")
    parser.add_argument("--long", action="store_true", help="run the slow tests instead")
    arguments = parser.parse_args()
    known = LONG if arguments.long else SUITES
    chosen = [suite for suite in known if not arguments.suites or suite.name in arguments.suites]
    if unknown := set(arguments.suites) - {suite.name for suite in known}:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(suite.name for suite in known)}")
    rows = [(suite, *run(suite)) for suite in chosen]
    print(f"\n{'SUITE':<14} {'RESULT':<8} {'TOOK':>8} {'BUDGET':>8}")
    for suite, passed, took in rows:
        over = "  over its budget" if took > suite.budget_s else ""
        print(f"{suite.name:<14} {'passed' if passed else 'FAILED':<8} {took:>6.0f} s {suite.budget_s:>6} s{over}")
    print(f"{'all':<14} {'':<8} {sum(took for *_, took in rows):>6.0f} s {sum(suite.budget_s for suite in chosen):>6} s", flush=True)
    return 0 if all(passed for _, passed, _ in rows) else 1


def run(suite: Suite) -> tuple[bool, float]:
    """Run all commands of a suite, the later ones also when an earlier one failed."""
    began = time.monotonic()
    passed = True
    for command in suite.commands:
        print(f"\n== {suite.name}: {Path(command[0]).name} {' '.join(command[1:])}", flush=True)
        left = max(1.0, suite.budget_s * STUCK - (time.monotonic() - began))
        try:
            passed &= subprocess.run(command, cwd=ROOT, timeout=left, check=False).returncode == 0
        except subprocess.TimeoutExpired:
            print(f"{suite.name} was ended after {STUCK:g} times its budget", flush=True)
            passed = False
    return passed, time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
