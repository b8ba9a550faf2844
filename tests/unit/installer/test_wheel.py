"""What `pip install .` installs: the packages, their pictures, the licence, and the browser GUI if it was built."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = ("app", "assets", "contract", "engine", "gateway", "kit", "LICENSE", "README.md", "pyproject.toml", "setup.py")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A working copy whose GUI was built."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy)
    gui = copy / "gui" / "dist"
    (gui / "assets").mkdir(parents=True)
    for name in ("index.html", "licences.txt", "_headers", "assets/index-12345678.js"):
        (gui / name).write_text(name)
    return copy


def wheel(tree: Path) -> Path:
    """Built with what is installed here; nothing is fetched."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "-w", tree / "out", tree]
    built = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert built.returncode == 0, built.stderr
    (found,) = (tree / "out").glob("*.whl")
    return found


def test_the_gui_the_pictures_and_the_licence_are_inside_and_found_there(tree: Path, tmp_path: Path):
    # What an earlier build left behind must not come back.
    (tree / "build" / "lib" / "app").mkdir(parents=True)
    (tree / "build" / "lib" / "app" / "long_gone.py").touch()
    made = wheel(tree)
    names = zipfile.ZipFile(made).namelist()
    assert {"app/gui/index.html", "app/gui/_headers", "app/gui/licences.txt", "app/gui/assets/index-12345678.js"} <= set(names)
    assert {"assets/svg/flowork.svg", "assets/png/flowork@512.png"} <= set(names)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    rooms = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert rooms == {"app", "assets", "contract", "engine", "gateway", "kit"}
    assert "app/long_gone.py" not in names
    installed = tmp_path / "installed"
    zipfile.ZipFile(made).extractall(installed)
    code = f"import sys; sys.path.insert(0, {str(installed)!r}); from app.services.gui_files import built_gui; print(built_gui())"
    command = [sys.executable, "-I", "-c", code]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path)
    assert said.stdout.strip() == str(installed / "app" / "gui")


@pytest.mark.parametrize("lacks", ["index.html", "licences.txt"])
def test_a_gui_that_is_not_whole_stays_out(tree: Path, lacks: str):
    (tree / "gui" / "dist" / lacks).unlink()
    assert not any(name.startswith("app/gui/") for name in zipfile.ZipFile(wheel(tree)).namelist())
