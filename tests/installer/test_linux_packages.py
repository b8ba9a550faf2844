"""The Linux packages, built anew from this tree and used as people use them. Takes some minutes, most of them for freezing."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

from installer import notices
from installer.linux import needed

ROOT = Path(__file__).parents[2]
LINUX = ROOT / "installer" / "linux"
FROZEN = ROOT / "build" / "linux" / "dist" / "flowork"
PYTHON = ROOT / "build" / "freeze-venv" / "bin" / "python"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="Linux' packages are made on Linux")]


def run(*command: str | Path, timeout: float = 900, **around: str) -> str:
    """What it printed; it must succeed."""
    told = {**os.environ, **around}
    for screen in ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"):
        told.pop(screen, None)
    done = subprocess.run([*command], cwd=ROOT, env=told, capture_output=True, text=True, check=False, timeout=timeout)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    print(done.stdout)
    return done.stdout


@pytest.fixture(scope="module")
def frozen() -> Path:
    """The folder, of this very tree."""
    assert (ROOT / "gui" / "dist" / "index.html").is_file(), "the browser GUI is not built: make gui"
    run("sh", LINUX / "freeze.sh", sys.executable)
    return FROZEN


@pytest.fixture(scope="module")
def deb(frozen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("deb") / "flowork.deb"
    run("sh", LINUX / "make_deb.sh", PYTHON, frozen, made, FAST="1")
    return made


def test_both_frozen_programs_work(frozen: Path):
    assert re.search(r"^All 1\d parts work", run(frozen / "flowork", "--self-test"), re.MULTILINE)
    assert re.search(r"^All \d+ parts work", run(frozen / "flowork-gateway", "--self-test"), re.MULTILINE)


def test_every_library_is_shipped_or_declared_and_none_is_declared_in_vain(frozen: Path):
    libraries = tomllib.loads((LINUX / "libraries.toml").read_text())
    assert set(needed.outside(list(needed.binaries(frozen)))) == set(libraries["linked"])


def test_no_library_of_the_building_systems_desktop_is_shipped(frozen: Path):
    """What may be there is named; a library that is new here must be thought about."""
    expected = re.compile(
        r"lib(python3\.\d+|ssl|crypto|sqlite3|ffi|z|bz2|lzma|zstd|uuid|mpdec|icudata|icui18n|icuuc|pyside6\.abi3|shiboken6\.abi3"
        r"|Qt6(Core|DBus|Gui|Network|Svg|Widgets|WaylandClient|XcbQpa))\.so.*"
    )
    internal = frozen / "_internal"
    shipped = {path.name for folder in (internal, internal / "PySide6/Qt/lib") for path in folder.glob("lib*.so*")}
    assert "libQt6Core.so.6" in shipped
    assert {name for name in shipped if not expected.fullmatch(name)} == set()


def test_every_frozen_module_is_ours_pythons_or_of_a_package_in_the_notices(frozen: Path):
    listing = """
        import sys
        from PyInstaller.archive.readers import CArchiveReader
        archive = CArchiveReader(sys.argv[1])
        names = set(archive.open_embedded_archive("PYZ.pyz").toc)
        from importlib.metadata import packages_distributions
        of = packages_distributions()
        ours = {"app", "assets", "contract", "engine", "gateway", "kit"}
        for top in sorted({name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - ours):
            print(top, *sorted(set(of.get(top, ["?"]))))
    """
    lines = run(PYTHON, "-c", textwrap.dedent(listing), frozen / "flowork").splitlines()
    told = (frozen / "_internal" / "THIRD-PARTY-NOTICES.txt").read_text(encoding="utf-8")
    named = {re.sub(r"[-_.]+", "-", name).lower() for name in re.findall(r"^  (\S+) \S+  +\S", told, re.MULTILINE)}
    assert len(lines) > 40
    unknown = [line for line in lines for owner in line.split()[1:] if re.sub(r"[-_.]+", "-", owner).lower() not in named]
    assert [line for line in unknown if not line.startswith(NOT_A_PACKAGES)] == []
    assert set(notices.locked(ROOT / notices.LOCK)) - notices.BUILDS_ONLY - named == set()


NOT_A_PACKAGES = ("_pyi_rth_utils ", "_sysconfigdata_")
"""Of PyInstaller, which is in the notices, and of Python."""


def test_the_same_folder_gives_the_same_package(frozen: Path, deb: Path, tmp_path: Path):
    run("sh", LINUX / "make_deb.sh", PYTHON, frozen, tmp_path / "again.deb", FAST="1", TZ="Asia/Jakarta", HOME=str(tmp_path))
    assert hashlib.sha256((tmp_path / "again.deb").read_bytes()).digest() == hashlib.sha256(deb.read_bytes()).digest()


@pytest.mark.skipif(os.geteuid() != 0, reason="a bare system is made by root")
def test_the_package_is_installed_used_and_removed_in_a_bare_system(deb: Path):
    said = run("sh", LINUX / "test_deb.sh", deb)
    assert "keyring (Secret Service): written, read, deleted" in said
    assert "Qt 6." in said
    assert "on the platform xcb" in said
    assert "from a bare system" in said
    assert said.rstrip().splitlines()[-1].startswith("-- removed")


# ---- the installer for one person --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installer(frozen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("run") / "flowork.run"
    run("sh", LINUX / "make_run.sh", PYTHON, frozen, made, FAST="1")
    return made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Of somebody whose name is no gift to shell scripts."""
    made = tmp_path / "home of $x & \\y"
    made.mkdir()
    return made


def at_home(home: Path, *command: str | Path, path: str = "/usr/bin:/bin") -> subprocess.CompletedProcess[str]:
    around = {"PATH": path, "HOME": str(home), "LC_ALL": "C.UTF-8"}
    return subprocess.run([*command], env=around, capture_output=True, text=True, check=False, timeout=180, cwd=home)


def files(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*") if not path.is_dir()} - {".local/share/applications/mimeinfo.cache"}


def test_one_person_installs_upgrades_and_removes_without_root_and_keeps_the_data(installer: Path, home: Path):
    done = at_home(home, "sh", installer)
    assert done.returncode == 0, done.stdout + done.stderr
    place = home / ".local/opt/flowork"
    assert at_home(home, home / ".local/bin/flowork", "--version").stdout.startswith("flowork ")
    assert at_home(home, home / ".local/bin/flowork-gateway", "--help").stdout.startswith("usage: flowork")
    assert [path for path in place.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o7022] == []
    if (validate := shutil.which("desktop-file-validate")) is not None:
        said = at_home(home, validate, home / ".local/share/applications/org.flowork.Flowork.desktop")
        assert (said.returncode, said.stdout) == (0, "")
    entry = (home / ".local/share/applications/org.flowork.Flowork.desktop").read_text()
    assert f"TryExec={place}/flowork\n" in entry

    data = home / ".local/share/flowork"
    data.mkdir(mode=0o700)
    (data / "mine").write_text("kept")
    (place / "of-the-old-version").touch()
    before = place.stat().st_ino
    done = at_home(home, "sh", installer)
    assert done.returncode == 0, done.stdout + done.stderr
    assert place.stat().st_ino != before
    assert not (place / "of-the-old-version").exists()
    assert [path.name for path in place.parent.iterdir()] == ["flowork"]

    done = at_home(home, "sh", place / "bin" / "install.sh", "--uninstall")
    assert done.returncode == 0, done.stdout + done.stderr
    assert files(home) == {".local/share/flowork/mine"}


def test_a_flowork_that_does_not_work_here_does_not_replace_one_that_does(installer: Path, home: Path, tmp_path: Path):
    assert at_home(home, "sh", installer).returncode == 0
    before = files(home)
    unpacked = tmp_path / "unpacked"
    assert at_home(home, "sh", installer, "--noexec", "--target", unpacked).returncode == 0
    (unpacked / "flowork" / "flowork-gateway").write_text("#!/bin/sh\necho BAD\nexit 1\n")
    done = at_home(home, "sh", unpacked / "install.sh")
    assert done.returncode == 1
    assert "Nothing was changed" in done.stderr
    assert files(home) == before
    assert at_home(home, home / ".local/bin/flowork", "--version").returncode == 0


@pytest.mark.parametrize(
    ("program", "prints", "told"),
    [("uname", "aarch64", "kind aarch64"), ("getconf", "glibc 2.31", "it has glibc 2.31, and Flowork needs glibc 2.")],
)
def test_a_machine_that_it_was_not_built_for_is_told_so(installer: Path, home: Path, program: str, prints: str, told: str):
    faked = home / "faked"
    faked.mkdir()
    (faked / program).write_text(f"#!/bin/sh\necho {prints}\n")
    (faked / program).chmod(0o755)
    done = at_home(home, "sh", installer, path=f"{faked}:/usr/bin:/bin")
    assert done.returncode != 0
    assert told in done.stderr
    assert not (home / ".local").exists()
