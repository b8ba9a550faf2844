"""Nothing in the repository looks like a key, names a machine's paths, or a package registry."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PATTERNS = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z ]+ )?PRIVATE KEY-----"),
    "an engine token": re.compile(r"\bfle_[A-Za-z0-9_-]{20,}"),
    "a cloud key": re.compile(r"\b(?:AKIA[0-9A-Z]{16}|sk-[A-Za-z0-9]{32,}|ghp_[A-Za-z0-9]{30,})\b"),
    "a registry": re.compile(r"(?:--(?:extra-)?index-url|registry\.npmjs\.org|pypi\.org/simple)"),
    "a home folder": re.compile(r"/(?:home|Users)/[a-z][a-z0-9_-]+/"),
}
SELF = "tests/architecture/test_no_secrets.py"


def tracked() -> list[Path]:
    """What is in the repository; in a copy without one, or one whose owner git does not trust, everything but what is generated."""
    asked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if asked.returncode == 0:
        found = [ROOT / name for name in asked.stdout.decode().split("\0") if name]
    else:
        generated = {line.strip().strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()} | {".git"}
        found = [
            path
            for path in ROOT.rglob("*")
            if not any(Path(part).match(g) for part in path.relative_to(ROOT).parts for g in generated if g)
        ]
    return [path for path in found if path.is_file() and path != ROOT / SELF]


def test_no_file_holds_what_must_not_be_there():
    found = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", "ignore")
        found += [f"{path.relative_to(ROOT)}: {what}" for what, pattern in PATTERNS.items() if pattern.search(text)]
    assert found == []


def test_the_patterns_find_what_they_are_for():
    assert PATTERNS["a private key"].search("-----BEGIN EC PRIVATE KEY-----")
    assert PATTERNS["a home folder"].search("open('/home/ann/x')")
