"""What is delivered: small, from nowhere else, and of the gateway's own types."""

import gzip
import json
import re
import subprocess
from pathlib import Path

import pytest

from docs.generate import openapi
from tests.support.gui_site import DIST, ROOT

FIRST_LOAD_MAX = 120 * 1024
WITH_WALLET_MAX = 250 * 1024
PAGES = ("JobsView", "SubmitView", "PairView")


def packed(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), 9))


def imported(path: Path, seen: set[Path]) -> set[Path]:
    """A script with everything that it imports at once."""
    if path in seen:
        return seen
    seen.add(path)
    for name in re.findall(r'(?:import|from)\s*"(\./[^"]+\.js)"', path.read_text(encoding="utf-8")):
        imported(DIST / "assets" / name[2:], seen)
    return seen


@pytest.fixture(scope="module")
def first() -> int:
    """HTML, styles and scripts of the first page, of whichever page that is."""
    entry = next((DIST / "assets").glob("index-*.js"))
    start = next((DIST / "assets").glob("start-*.js"))
    scripts = imported(start, imported(entry, set()))
    for page in PAGES:
        scripts = imported(next((DIST / "assets").glob(f"{page}-*.js")), scripts)
    styles = [path for path in (DIST / "assets").glob("*.css") if path.name.startswith(("start-", *PAGES))]
    return packed(DIST / "index.html") + sum(map(packed, [*scripts, *styles]))


def test_the_first_load_is_small(first: int):
    print(f"first load: {first} bytes, gzip")
    assert first <= FIRST_LOAD_MAX


def test_it_stays_small_with_a_wallet(first: int):
    wallet = sum(packed(path) for path in (DIST / "assets").glob("signer.worker-*.js"))
    print(f"with a wallet: {first + wallet} bytes, gzip")
    assert first + wallet <= WITH_WALLET_MAX


def test_the_types_are_those_of_the_gateway(tmp_path: Path):
    (tmp_path / "openapi.json").write_text(json.dumps(openapi()))
    command = ["npx", "--no-install", "openapi-typescript", str(tmp_path / "openapi.json"), "-o", str(tmp_path / "gateway.ts")]
    subprocess.run(command, cwd=ROOT / "gui", check=True, capture_output=True)
    assert (tmp_path / "gateway.ts").read_text() == (ROOT / "gui/src/wire/gateway.ts").read_text(), "make gui-types"


def test_nothing_is_inline_and_nothing_is_from_elsewhere():
    page = (DIST / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|style=", page)
    assert re.findall(r'(?:src|href)="(?!\./)([^"]+)"', page) == []
    policy = (DIST / "_headers").read_text()
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy


def test_the_lock_names_no_registry():
    assert '"resolved"' not in (ROOT / "gui/package-lock.json").read_text()
