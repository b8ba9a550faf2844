"""Finds secrets of ours in anything: files, a repository's history, logs, build results.

Tokens carry a checksum and JWTs an issuer that only a gateway is, so a finding is a secret and not a guess.

python -m tests.support.secret_scan FILE_OR_FOLDER ...
"""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contract.opaque_token import parse

TOKEN = re.compile(rb"fw([a-z])1_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}")
JWT = re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}")
OUR_ISSUER = "urn:flowork:gateway:"
PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{20,}")
PAIRING_LINK = re.compile(rb"#/pair\?[^\s\"'<>]*[&?]c=[0-9A-Za-z]{20,}")


@dataclass(frozen=True)
class Finding:
    """A secret, shown only as far as it takes to find it."""

    where: str
    what: str
    shown: str


def findings(where: str, raw: bytes) -> list[Finding]:
    """The secrets in some bytes."""
    tokens = [match for match in TOKEN.finditer(raw) if parse(match[1].decode(), match[0].decode()) is not None]
    found = [Finding(where, "a token", match[0][:15].decode() + "...") for match in tokens]
    found += [Finding(where, "a JWT", match[0][:12].decode() + "...") for match in JWT.finditer(raw) if _ours(match[0])]
    found += [Finding(where, "a private key", "-----BEGIN ...") for _ in PRIVATE_KEY.finditer(raw)]
    found += [Finding(where, "a pairing link", "#/pair?...") for _ in PAIRING_LINK.finditer(raw)]
    return found


def _ours(token: bytes) -> bool:
    """Was it issued by a gateway? Examples of the RFCs and other people's tokens were not."""
    claims = token.split(b".")[1]
    try:
        found = json.loads(base64.urlsafe_b64decode(claims + b"=" * (-len(claims) % 4)))
    except ValueError:
        return False
    return isinstance(found, dict) and str(found.get("iss", "")).startswith(OUR_ISSUER)


def tree(root: Path) -> list[Path]:
    """What is in the repository; in a copy without one, or one whose owner git does not trust, everything but what is generated."""
    asked = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=False)
    if asked.returncode == 0:
        found = [root / name for name in asked.stdout.decode().split("\0") if name]
    else:
        generated = {line.strip().strip("/") for line in (root / ".gitignore").read_text().splitlines()} | {".git"}
        found = [
            path
            for path in root.rglob("*")
            if not any(Path(part).match(pattern) for part in path.relative_to(root).parts for pattern in generated if pattern)
        ]
    return [path for path in found if path.is_file()]


def history(root: Path) -> Iterator[tuple[str, bytes]]:
    """Every version of every file that any branch ever had; nothing where there is no history to read."""
    listed = subprocess.run(["git", "rev-list", "--all", "--objects"], cwd=root, capture_output=True, check=False)
    if listed.returncode != 0:
        return
    names = dict(line.split(b" ", 1) for line in listed.stdout.splitlines() if b" " in line)
    with subprocess.Popen(["git", "cat-file", "--batch"], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as asked:
        assert asked.stdin is not None
        assert asked.stdout is not None
        for name, path in names.items():
            asked.stdin.write(name + b"\n")
            asked.stdin.flush()
            header = asked.stdout.readline().split()
            raw = asked.stdout.read(int(header[2]) + 1)
            if header[1] == b"blob":
                yield f"{path.decode(errors='replace')} ({name[:10].decode()})", raw


def main() -> int:
    """1 when something was found."""
    paths = [path for name in sys.argv[1:] for path in ([Path(name)] if Path(name).is_file() else Path(name).rglob("*")) if path.is_file()]
    found = [finding for path in paths for finding in findings(str(path), path.read_bytes())]
    for finding in found:
        print(f"{finding.where}: {finding.what} {finding.shown}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
