"""The setup as people get it: its size, and that it brings every file. The story of `test_windows_setup.py` is told with quicker ones."""

import subprocess
from pathlib import Path

import pytest

from tests.support.wine import RIG, wine

PAYLOAD, SETUP = RIG / "dist" / "flowork", RIG / "Flowork-Setup.exe"
MAX_SETUP_MB, MAX_INSTALLED_MB = 45, 160

pytestmark = pytest.mark.skipif(not SETUP.exists(), reason="make dist-windows makes the setup")


def test_it_is_small(capsys: pytest.CaptureFixture[str]):
    setup = SETUP.stat().st_size / 1e6
    installed = sum(path.stat().st_size for path in PAYLOAD.rglob("*") if path.is_file()) / 1e6
    with capsys.disabled():
        print(f"\nsetup {setup:.1f} MB, installed {installed:.1f} MB")
    assert setup <= MAX_SETUP_MB
    assert installed <= MAX_INSTALLED_MB


def test_it_brings_every_file(tmp_path: Path):
    with wine(tmp_path) as machine:
        assert machine.run(str(SETUP), "/S").code == 0
        machine.settled()
        subprocess.run(["diff", "-rq", "--exclude=uninstall.exe", str(PAYLOAD), str(machine.drive("FLOWORK"))], check=True)
        assert machine.run(r"C:\FLOWORK\flowork-gateway.exe", "--version").code == 0
