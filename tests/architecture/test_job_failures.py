"""Every code with which our engines and gateway end an attempt is listed in `contract.job_failures`, and only those are."""

import ast
from pathlib import Path

import pytest

from contract.errors import REGISTRY
from contract.job_failures import JOB_FAILURES, FailureClass
from engine.rules import provider_failures
from engine.rules.provider_failures import Verdict

ROOT = Path(__file__).parent.parent.parent
MADE = {"JobFailed", "Failure", "Verdict"}
PLAYED = {"echo.failed"}
"""What `echo` plays when it is told to."""


def codes() -> dict[str, str]:
    """Code -> where it is made."""
    found = {}
    for source in sorted(path for program in ("engine", "gateway") for path in (ROOT / program).rglob("*.py")):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MADE and node.args):
                continue
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                found[first.value] = f"{source.relative_to(ROOT)}:{node.lineno}"
            elif isinstance(first, ast.Attribute) and first.attr == "code" and isinstance(first.value, ast.Name):
                named = [code for code, kind in REGISTRY.items() if kind.__name__ == first.value.id]
                found.update(dict.fromkeys(named, f"{source.relative_to(ROOT)}:{node.lineno}"))
    return found


CODES = codes()


@pytest.mark.parametrize("code", CODES)
def test_a_code_that_is_made_is_listed(code: str):
    assert code in JOB_FAILURES, f"{CODES[code]}: list it in contract/job_failures.py"


def test_a_listed_code_is_made_somewhere():
    assert set(JOB_FAILURES) == set(CODES) - PLAYED


def test_a_verdict_agrees_with_the_class_of_its_code():
    verdicts = [value for value in vars(provider_failures).values() if isinstance(value, Verdict)]
    assert len(verdicts) > 10
    for verdict in verdicts:
        if verdict.retryable and verdict is not provider_failures.KEY_LOCKED:  # a keyring may be unlocked
            assert JOB_FAILURES[verdict.code].kind is FailureClass.RETRYABLE, verdict
