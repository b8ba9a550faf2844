"""The first run and diagnostics speak Indonesian to the last word."""

import ast
import re
from pathlib import Path

import pytest

from app.words.indonesian_setup import CATALOGUE

ROOT = Path(__file__).parent.parent.parent.parent
SAID = [*(ROOT / "app/ui").glob("wizard*.py"), ROOT / "app/ui/diagnostics.py"]
REFUSES = [ROOT / "app/services/acts/setup.py", ROOT / "app/services/acts/diagnostics.py"]


def _texts(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        named = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        literals = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        if named in {"say", "_say"}:
            yield from literals[:1]
        elif named == "count":
            yield from literals[:2]
        elif named == "ActRefused":
            yield from literals[:1]


@pytest.mark.parametrize("path", SAID + REFUSES, ids=lambda path: path.name)
def test_every_text_is_in_the_catalogue(path: Path):
    assert [text for text in _texts(path) if text not in CATALOGUE] == []


def test_placeholders_survive():
    holes = re.compile(r"\{(\w+)\}")
    assert [text for text, said in CATALOGUE.items() if set(holes.findall(text)) != set(holes.findall(said))] == []


def test_no_text_is_there_that_nobody_says():
    said = {text for path in SAID + REFUSES for text in _texts(path)}
    assert set(CATALOGUE) - said == set()
