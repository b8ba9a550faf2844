"""The house rules that a machine can keep (ARCHITECTURE.md)."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = ("app", "gateway", "engine", "contract", "kit")


def test_every_room_keeps_its_contract():
    found = subprocess.run([Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("heavy", ["fastapi", "socketio", "aiohttp", "eth_account", "coincurve", "PySide6", "cryptography", "pydantic"])
def test_the_one_door_imports_nothing_heavy_before_it_knows_the_role(heavy: str):
    code = f"import sys, app.roles; app.roles.main(['--help']); sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("signing", ["eth_account", "coincurve", "Crypto"])
def test_a_start_does_not_pay_for_signing(signing: str):
    code = f"import sys, gateway.wiring, engine.wiring, app.services.host; sys.exit({signing!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False).returncode == 0


LISTS = {"contract/errors.py"}
"""Looked up by the row, not read from top to bottom: length costs nothing."""


def test_no_source_is_longer_than_a_reader_can_hold():
    sources = [path for program in PROGRAMS for path in (ROOT / program).rglob("*.py")]
    assert sources
    long = {str(path.relative_to(ROOT)) for path in sources if len(path.read_text().splitlines()) > 400}
    assert long <= LISTS
