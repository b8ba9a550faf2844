"""Nothing in the repository, now or ever, is a secret, looks like a foreign key, or names a machine's paths or a package registry."""

import re
import secrets
import subprocess
import sys
import tomllib
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contract import opaque_token
from tests.support.secret_scan import findings, history, tree

ROOT = Path(__file__).parent.parent.parent
PATTERNS = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z ]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]"),
    "a cloud key": re.compile(r"\b(?:AKIA[0-9A-Z]{16}|sk-[A-Za-z0-9]{32,}|ghp_[A-Za-z0-9]{30,})\b"),
    "a registry": re.compile(r"(?:--(?:extra-)?index-url|registry\.npmjs\.org|pypi\.org/simple)"),
    "a home folder": re.compile(r"/(?:home|Users)/[a-z][a-z0-9_-]+/"),
}
SELF = "tests/architecture/test_no_secrets.py"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PEM = "-----BEGIN EC PRIVATE " + "KEY-----\nMHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY/PuoAoGCCqGSM49\n"


def made() -> dict[str, str]:
    """One secret of each form, made now: none of them is in a file."""
    return {
        **{f"token {kind}": opaque_token.mint(kind, secrets.token_bytes).text for kind in "ermkpa"},
        "access token": jwt.encode({"iss": "urn:flowork:gateway:abc"}, KEY, "EdDSA", {"typ": "at+jwt"}),
        "private key": PEM,
        "pairing link": "https://gui/#/pair?v=1&p=a&" + "c=0123456789ABCDEFGHJKMNPQRS",
    }


def test_no_file_holds_what_must_not_be_there():
    found = []
    for path in tree(ROOT):
        name = str(path.relative_to(ROOT))
        if name != SELF:
            text = path.read_bytes().decode("utf-8", "ignore")
            found += [f"{name}: {what}" for what, pattern in PATTERNS.items() if pattern.search(text)]
    assert found == []


def test_no_file_holds_a_secret_of_ours():
    assert [one for path in tree(ROOT) for one in findings(str(path.relative_to(ROOT)), path.read_bytes())] == []


def test_no_file_ever_held_one():
    assert [one for where, raw in history(ROOT) for one in findings(where, raw)] == []


@pytest.mark.parametrize("form", made())
def test_the_scanner_finds_each_form_wherever_it_stands(form: str):
    for before, after in (("", ""), ("x = '", "'\n"), ("\x00\xff", "\x00")):
        raw = before.encode("latin-1") + made()[form].encode() + after.encode("latin-1")
        (found,) = findings("here", raw)
        assert found.where == "here"
        assert found.shown not in {"", made()[form]}


@pytest.mark.parametrize(
    "text",
    [
        "fwe1_0123456789_" + "a" * 49,  # the checksum is wrong
        "fwe1_0123456789_secret",
        jwt.encode({"sub": "u"}, KEY, "EdDSA", {"typ": "at+jwt"}),  # somebody else's example
        "eyJub3QiOiJqc29u.eyJub3QiOiJqc29u.c2lnbmF0dXJlc2lnbmF0dXJl",
        "-----BEGIN " + "PRIVATE KEY-----\n...\n",
        "#/pair?v=1&c=CODE",
    ],
)
def test_it_cries_no_wolf(text: str):
    assert findings("here", text.encode()) == []


def test_the_history_is_read_where_there_is_one_and_a_secret_in_it_is_found(tmp_path: Path):
    def git(*arguments: str) -> None:
        told = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *told, *arguments], cwd=tmp_path, check=True, capture_output=True)

    assert list(history(tmp_path)) == []
    git("init", "--initial-branch=main")
    (tmp_path / "config").write_text(made()["token e"])
    git("add", "config")
    git("commit", "-m", "one")
    git("rm", "config")
    git("commit", "-m", "two")
    assert [(where.split()[0], findings(where, raw)[0].what) for where, raw in history(tmp_path)] == [("config", "a token")]


def test_it_runs_by_itself_and_its_exit_code_tells(tmp_path: Path):
    (tmp_path / "a").write_text("nothing")
    command = [sys.executable, "-m", "tests.support.secret_scan", str(tmp_path)]
    assert subprocess.run(command, cwd=ROOT, check=False, timeout=60).returncode == 0
    (tmp_path / "b").write_text(made()["token r"])
    assert subprocess.run(command, cwd=ROOT, check=False, timeout=60, stdout=subprocess.DEVNULL).returncode == 1


def test_gitleaks_is_given_the_same_forms():
    rules = {rule["id"]: rule for rule in tomllib.loads((ROOT / ".gitleaks.toml").read_text())["rules"]}
    for form, secret in made().items():
        if form.startswith("token"):
            assert re.search(rules["flowork-token"]["regex"], f" {secret} ")
            assert any(word in secret for word in rules["flowork-token"]["keywords"])
    assert re.search(rules["flowork-pairing-link"]["regex"], made()["pairing link"])


def test_the_patterns_find_what_they_are_for():
    assert PATTERNS["a private key"].search(PEM)
    assert PATTERNS["a home folder"].search("open('/home/ann/x')")
