"""Every word of the window is there in every language, with the same placeholders."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.words import indonesian_jobs, indonesian_window

CATALOGUE = {**indonesian_window.CATALOGUE, **indonesian_jobs.CATALOGUE}
ROOM = Path(__file__).parents[3] / "app" / "ui" / "window"


def is_say(called: ast.expr) -> bool:
    return (called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else "") in {"say", "_say"}


def texts() -> Iterator[str]:
    for file in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            counted = isinstance(node.func, ast.Attribute) and node.func.attr == "count" and is_say(node.func.value)
            said = node.args[1] if counted else node.args[0] if is_say(node.func) and node.args else None
            if isinstance(said, ast.Constant):
                yield str(said.value)


SAID = sorted(set(texts()))


def test_the_test_finds_the_words():
    assert len(SAID) > 300


@pytest.mark.parametrize("text", SAID)
def test_each_text_is_translated_and_keeps_its_placeholders(text: str):
    assert text in CATALOGUE, "add it to app/words/indonesian_window.py or indonesian_jobs.py"
    holes = re.compile(r"{[a-z0-9_]+}").findall
    assert sorted(holes(CATALOGUE[text])) == sorted(holes(text))


def test_nothing_is_translated_that_nobody_says():
    assert sorted(set(CATALOGUE) - set(SAID)) == []


def test_no_text_is_translated_twice():
    assert set(indonesian_window.CATALOGUE) & set(indonesian_jobs.CATALOGUE) == set()
