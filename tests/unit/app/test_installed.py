"""How this program came here decides what may replace it."""

from pathlib import Path

import pytest

from app.desktop.installed import PACKAGE_LIST, Machine, installed, this_machine
from contract.update import Kind


def machine(root: Path, **other: object) -> Machine:
    told = {
        "environment": {},
        "platform": "linux",
        "machine": "x86_64",
        "program": root / "opt/flowork/flowork",
        "frozen": True,
        "root": root,
    }
    return Machine(**{**told, **other})


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_a_folder_that_dpkg_knows_is_a_package(tmp_path: Path):
    assert installed(machine(tmp_path)).kind is Kind.RUN
    touch(tmp_path / PACKAGE_LIST)
    assert installed(machine(tmp_path)).kind is Kind.DEB
    assert installed(machine(tmp_path, program=tmp_path / "elsewhere/flowork")).kind is Kind.RUN


def test_an_appimage_is_replaced_as_the_file_that_it_is(tmp_path: Path):
    touch(tmp_path / PACKAGE_LIST)
    found = installed(machine(tmp_path, environment={"APPIMAGE": "/apps/Flowork.AppImage"}))
    assert (found.kind, found.program) == (Kind.APPIMAGE, Path("/apps/Flowork.AppImage"))


def test_on_windows_the_setup_left_its_uninstaller(tmp_path: Path):
    here = machine(tmp_path, platform="win32", machine="AMD64", program=tmp_path / "flowork.exe")
    assert installed(here).kind is None
    touch(tmp_path / "uninstall.exe")
    assert (installed(here).kind, installed(here).platform) == (Kind.SETUP, "windows-x64")


@pytest.mark.parametrize(
    ("platform", "processor", "named"),
    [
        ("linux", "aarch64", "linux-arm64"),
        ("darwin", "arm64", "macos-arm64"),
        ("darwin", "x86_64", "macos-x64"),
        ("win32", "ARM64", "windows-arm64"),
    ],
)
def test_platforms_are_named_as_releases_name_them(tmp_path: Path, platform: str, processor: str, named: str):
    assert installed(machine(tmp_path, platform=platform, machine=processor)).platform == named


def test_a_bundle_comes_from_a_disk_image(tmp_path: Path):
    assert installed(machine(tmp_path, platform="darwin", machine="arm64")).kind is Kind.DMG


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_a_package_of_python_is_replaced_by_nothing_of_ours(tmp_path: Path, platform: str):
    touch(tmp_path / "uninstall.exe")
    assert installed(machine(tmp_path, platform=platform, frozen=False, program=tmp_path / "python")).kind is None


def test_these_tests_run_from_a_working_copy():
    assert installed(this_machine()).kind is None
