"""Every text that people read is there in every language, with the same placeholders; and nothing that nobody says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.rules import update
from app.rules.condition import LEVEL_NAMES
from app.rules.tunnel import REASONS
from app.services.endpoint.host import BROKE
from app.services.endpoint.tunnels import NOT_REACHED, NOT_REACHED_URL, TOO_OFTEN
from app.words import Language, indonesian_jobs, indonesian_setup, indonesian_tray, indonesian_update, indonesian_window, speak
from app.words.indonesian import CATALOGUE

APP = Path(__file__).parents[3] / "app"
SAID_BY_NAME = frozenset(
    {
        *LEVEL_NAMES.values(),
        *REASONS.values(),
        TOO_OFTEN,
        NOT_REACHED,
        NOT_REACHED_URL,
        BROKE,
        *update.REASONS.values(),
        *update.TITLES.values(),
    }
)
"""Texts that are looked up by a variable."""
HOLES = re.compile(r"\{(\w+)\}")


def is_say(called: ast.expr) -> bool:
    return (called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else "") in {"say", "_say"}


def texts(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        counted = isinstance(node.func, ast.Attribute) and node.func.attr == "count" and is_say(node.func.value)
        refused = isinstance(node.func, ast.Name) and node.func.id == "ActRefused"
        said = node.args[1] if counted else node.args[0] if is_say(node.func) or refused else None
        if isinstance(said, ast.Constant) and isinstance(said.value, str) and re.search(r"[A-Za-z]", said.value):
            yield said.value


FILES = [path for path in APP.rglob("*.py") if path.parent.name not in {"words", "commands"}]
SAID = {text for path in FILES for text in texts(path)} | SAID_BY_NAME


def test_the_test_finds_the_words():
    assert len(SAID) > 500


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(APP)))
def test_every_text_is_translated(path: Path):
    assert [text for text in texts(path) if text not in CATALOGUE] == []


def test_texts_that_are_looked_up_by_a_variable_are_translated():
    assert sorted(SAID_BY_NAME - set(CATALOGUE)) == []


def test_placeholders_survive():
    assert [text for text, said in CATALOGUE.items() if sorted(HOLES.findall(text)) != sorted(HOLES.findall(said))] == []


def test_nothing_is_translated_that_nobody_says():
    assert sorted(set(CATALOGUE) - SAID) == []


def test_no_text_has_two_translations():
    said: dict[str, str] = {}
    for part in (indonesian_jobs, indonesian_setup, indonesian_tray, indonesian_update, indonesian_window):
        for text, translated in part.CATALOGUE.items():
            assert said.setdefault(text, translated) == translated, text


def test_a_text_is_found_in_its_language():
    assert speak(Language.INDONESIAN)("&Quit") != "&Quit"
    assert speak(Language.ENGLISH)("&Quit") == "&Quit"
