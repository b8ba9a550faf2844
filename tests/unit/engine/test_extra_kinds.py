"""`engine.tools.extra_kinds`: kinds of installed packages, from a real distribution on the path."""

import sys
import textwrap
from pathlib import Path

import pytest

from engine.settings import EngineSettings
from engine.tools.registry import kinds

CODE = """
    from engine.rules.kinds import Kind, Runs

    def shout(job, payload):
        return payload["text"].upper()

    SHOUT = Kind("shout", shout, Runs.THREAD, "Shout", {"type": "object", "required": ["text"]})
    TWO = [Kind("acme.one", shout), Kind("acme.two", shout)]
    NONE = 7
    MIXED = [SHOUT, "shout"]
    OURS = Kind("chat", shout)
    BAD_NAME = Kind("Not A Word", shout)
    BAD_SCHEMA = Kind("bad", shout, payload={"type": "no such type"})
"""
POINTS = [
    "shout = acme_kinds:SHOUT",
    "two = acme_kinds:TWO",
    "none = acme_kinds:NONE",
    "mixed = acme_kinds:MIXED",
    "ours = acme_kinds:OURS",
]
BROKEN = [
    "ours = acme_kinds:OURS",
    "bad_name = acme_kinds:BAD_NAME",
    "bad_schema = acme_kinds:BAD_SCHEMA",
    "gone = acme_kinds:GONE",
    "absent = no_such_module:X",
]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The distribution `acme-kinds` is installed."""
    (tmp_path / "acme_kinds.py").write_text(textwrap.dedent(CODE))
    (tmp_path / "acme_breaks.py").write_text("raise SystemError('broken')")
    info = tmp_path / "acme_kinds-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-kinds\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join(["[flowork.kinds]", *POINTS, *BROKEN, "breaks = acme_breaks:X"]))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "acme_kinds", raising=False)


def served(*names: str) -> list[str]:
    return list(kinds(EngineSettings(gateway="http://127.0.0.1:1", engine_id="abcd", data=Path(), extra_kinds=names)))


def test_what_is_installed_is_off_until_it_is_named(installed: None):
    assert served() == []
    assert "acme_kinds" not in sys.modules


def test_a_named_kind_is_served_with_its_schema(installed: None):
    settings = EngineSettings(gateway="http://127.0.0.1:1", engine_id="abcd", data=Path(), extra_kinds=("shout",))
    kind = kinds(settings)["shout"]
    assert (kind.title, kind.payload, kind.handler(None, {"text": "a"})) == ("Shout", {"type": "object", "required": ["text"]}, "A")


@pytest.mark.parametrize(
    "name", ["none", "mixed", "ours", "bad_name", "bad_schema", "gone", "absent", "breaks", "not-installed"]
)  # fmt: skip
def test_a_broken_one_is_left_out_and_the_others_are_served(installed: None, name: str, caplog: pytest.LogCaptureFixture):
    assert served("two", name) == ["acme.one", "acme.two"]
    assert "kinds.not_loaded" in caplog.text


def test_a_kind_that_is_there_already_is_not_replaced(installed: None, caplog: pytest.LogCaptureFixture):
    assert served("shout", "shout") == ["shout"]
    assert "kinds.not_loaded" in caplog.text
