"""`kit.paths`: the data folder is the person's own, where the system says."""

import sys
from pathlib import Path

import pytest

from kit.paths import data_folder

pytestmark = pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="XDG is Linux's")


def test_an_absolute_xdg_data_home_is_where_it_goes(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert data_folder("flowork") == tmp_path / "flowork"


@pytest.mark.parametrize("said", [None, "", "relative/path", "~/data", "."])
def test_what_xdg_says_must_be_ignored_is_ignored(monkeypatch, tmp_path: Path, said: str | None):
    monkeypatch.setenv("HOME", str(tmp_path))
    if said is None:
        monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_DATA_HOME", said)
    assert data_folder("flowork") == tmp_path / ".local" / "share" / "flowork"


def test_asking_makes_nothing(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    data_folder("flowork")
    assert list(tmp_path.iterdir()) == []
