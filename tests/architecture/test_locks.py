"""The locks: complete, hashed, without a registry's name, and installable on the three systems."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent.parent
LOCKS = {"requirements.lock": None, "requirements-test.lock": "test", "requirements-desktop.lock": "desktop"}
RUN_ON = ["x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "x86_64-pc-windows-msvc", "x86_64-apple-darwin", "aarch64-apple-darwin"]
SHOWN_ON = ["x86_64-manylinux_2_34", "aarch64-manylinux_2_39", *RUN_ON[2:]]  # what PySide6 6.11 is built for
PINNED = re.compile(r"^(?P<name>[a-z0-9._-]+)==(?P<version>\S+)(?P<marker> ; [^\\]+)? \\$", re.IGNORECASE)


def entries(lock: str) -> dict[str, set[str]]:
    """Name -> version, or versions where systems differ."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / lock).read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            match = PINNED.match(line)
            assert match is not None, f"not a pinned requirement: {line}"
            found.setdefault(match["name"].lower(), set()).add(match["version"])
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host_and_hashes_everything(lock: str):
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "index" not in text
    for block in re.split(r"\n(?=[a-z0-9])", text.strip(), flags=re.IGNORECASE):
        assert "--hash=sha256:" in block, block.splitlines()[0]


@pytest.mark.parametrize(("lock", "extra"), LOCKS.items())
def test_a_lock_holds_what_the_project_asks_for(lock: str, extra: str | None):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = project["dependencies"] + (project["optional-dependencies"][extra] if extra else [])
    locked = entries(lock)
    for line in asked:
        wanted = Requirement(line)
        assert any(version in wanted.specifier for version in locked[wanted.name.lower()]), line


def test_the_locks_agree_with_each_other():
    run, test, desktop = (entries(lock) for lock in LOCKS)
    assert {name: test[name] for name in run} == run
    assert {name: desktop[name] for name in run} == run


def test_what_must_stay_old_is_old():
    assert entries("requirements.lock")["eth-account"] == {"0.13.7"}
    (pyside,) = entries("requirements-desktop.lock")["pyside6-essentials"]
    assert pyside.startswith("6.11.")


@pytest.mark.parametrize(
    ("lock", "platform"),
    [*(("requirements.lock", platform) for platform in RUN_ON), *(("requirements-desktop.lock", platform) for platform in SHOWN_ON)],
)
def test_a_lock_resolves_on_every_system(tmp_path: Path, lock: str, platform: str):
    command = [
        *(str(Path(sys.executable).parent / "uv"), "pip", "install", "--dry-run", "--quiet", "--require-hashes", "--only-binary", ":all:"),
        *("--python-platform", platform, "--python-version", "3.11", "--target", str(tmp_path / "target"), "--system-certs", "-r", lock),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
