"""`pip install .` (what pipx does) in a virtual environment of its own, without the desktop's parts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_pip_installs_a_program_that_passes_its_self_test_without_qt(tmp_path: Path):
    # From a copy of what is committed or about to be: pip builds in the tree that it is given.
    listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "gui/", "docs/")):
            (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "tree" / name).write_bytes((ROOT / name).read_bytes())
    gui = tmp_path / "tree" / "gui" / "dist"
    gui.mkdir(parents=True)
    (gui / "index.html").write_text("<!doctype html>")
    (gui / "licences.txt").write_text("Copyright of many")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, timeout=120)
    command = [tmp_path / "venv/bin/python", "-m", "pip", "install", "--quiet", tmp_path / "tree"]
    installed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert installed.returncode == 0, installed.stderr[-4000:]
    around = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}

    def flowork(*words: str) -> str:
        said = subprocess.run(
            [tmp_path / "venv/bin/flowork", *words], env=around, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
        )
        assert said.returncode == 0, said.stdout + said.stderr
        return said.stdout

    told = json.loads(flowork("--self-test", "--json"))
    assert (told["ok"], told["frozen"], told["windows"]) == (True, False, False)
    assert {check["name"]: check["said"] for check in told["checks"]}["gui"] == "2 files"
    text = flowork("licences")
    assert "Apache License" in text
    assert "Copyright of many" in text
