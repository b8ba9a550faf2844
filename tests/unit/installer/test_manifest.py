"""The tool of whoever makes releases: what it signs is what a program accepts, and the private key stays where it belongs."""

import io
import json
import sys
from pathlib import Path

import pytest

from app.crypto.release_keys import opened, parse_keys
from contract.update import ManifestRefused
from contract.version import VERSION
from installer.manifest import main


class Ceremony:
    """A folder with a key and a file to release."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.public, self.out, self.file = folder / "keys.json", folder / "flowork-update.json", folder / "Flowork-Setup.exe"
        self.file.write_bytes(b"setup")
        self.keygen("private.pem")

    def keygen(self, name: str, public: str = "keys.json") -> int:
        return main(["keygen", "--private", str(self.folder / name), "--public", str(self.folder / public), "--no-passphrase"])

    def sign(self, *more: str, key: str = "private.pem") -> int:
        place = key if key == "-" else str(self.folder / key)
        return main(["sign", "--key", place, "--file", f"windows-x64:setup:{self.file}", "--out", str(self.out), *more])

    def verify(self, keys: str = "keys.json") -> int:
        return main(["verify", "--keys", str(self.folder / keys), str(self.out)])


@pytest.fixture
def ceremony(tmp_path: Path) -> Ceremony:
    return Ceremony(tmp_path)


def test_what_is_signed_is_accepted_by_a_build_with_the_key(ceremony: Ceremony, capsys: pytest.CaptureFixture):
    assert ceremony.sign("--notes-url", "https://x.example/n", "--days", "30") == 0
    assert ceremony.verify() == 0
    assert "the signature and every file are right" in capsys.readouterr().out
    read = opened(ceremony.out.read_bytes(), parse_keys(ceremony.public.read_bytes()))
    assert (read.version, read.files[0].name, read.files[0].size, read.expires - read.released) == (
        VERSION,
        "Flowork-Setup.exe",
        5,
        30 * 86400 * 10**6,
    )


def test_the_private_key_is_its_owners_alone_and_is_never_replaced_or_shown(ceremony: Ceremony, capsys: pytest.CaptureFixture):
    private = ceremony.folder / "private.pem"
    before = private.read_bytes()
    assert private.stat().st_mode & 0o777 == 0o600
    assert ceremony.keygen("private.pem") == 1
    assert ceremony.sign() == 0
    assert private.read_bytes() == before
    told = capsys.readouterr()
    assert before.splitlines()[1].decode() not in told.out + told.err + ceremony.out.read_text() + ceremony.public.read_text()


def test_a_private_key_that_others_can_read_is_not_used(ceremony: Ceremony, capsys: pytest.CaptureFixture):
    (ceremony.folder / "private.pem").chmod(0o640)
    assert ceremony.sign() == 1
    assert "can be read by others" in capsys.readouterr().err
    assert not ceremony.out.exists()


def test_a_private_key_may_come_by_standard_input(ceremony: Ceremony, monkeypatch: pytest.MonkeyPatch):
    private = (ceremony.folder / "private.pem").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(private)))
    assert ceremony.sign(key="-") == 0
    assert ceremony.verify() == 0


def test_without_a_terminal_no_key_is_made_in_the_clear_by_accident(ceremony: Ceremony, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert main(["keygen", "--private", str(ceremony.folder / "b.pem"), "--public", str(ceremony.folder / "b.json")]) == 1
    assert not (ceremony.folder / "b.pem").exists()


def test_a_passphrase_seals_the_private_key(ceremony: Ceremony, monkeypatch: pytest.MonkeyPatch):
    typed = iter(["correct horse", "correct horse", "wrong", "correct horse"])
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda _: next(typed))
    assert main(["keygen", "--private", str(ceremony.folder / "b.pem"), "--public", str(ceremony.public)]) == 0
    assert b"ENCRYPTED" in (ceremony.folder / "b.pem").read_bytes()
    assert ceremony.sign(key="b.pem") == 1
    assert ceremony.sign(key="b.pem") == 0
    assert ceremony.verify() == 0


def test_a_second_key_is_added_to_those_of_the_build(ceremony: Ceremony):
    assert ceremony.keygen("second.pem") == 0
    assert len(parse_keys(ceremony.public.read_bytes())) == 2
    assert ceremony.sign(key="second.pem") == 0
    assert ceremony.verify() == 0


def test_a_change_of_keys_is_signed_by_both(ceremony: Ceremony):
    ceremony.keygen("new.pem", "new.json")
    new = ["--new-keys", str(ceremony.folder / "new.json")]
    assert ceremony.sign(*new) == 1
    assert not ceremony.out.exists()
    assert ceremony.sign(*new, "--key", str(ceremony.folder / "new.pem")) == 0
    assert (ceremony.verify(), ceremony.verify("new.json")) == (0, 0)


@pytest.mark.parametrize("wrong", [["--version", "1.2"], ["--days", "0"], ["--file", "windows-x64"], ["--notes-url", "http://x"]])
def test_a_manifest_that_no_program_would_take_is_not_written(ceremony: Ceremony, wrong: list[str]):
    assert ceremony.sign(*wrong) == 1
    assert not ceremony.out.exists()


def test_verify_finds_a_file_that_was_changed_a_foreign_key_and_damage(ceremony: Ceremony):
    ceremony.sign()
    ceremony.keygen("other.pem", "other.json")
    assert ceremony.verify("other.json") == 1
    ceremony.file.write_bytes(b"other")
    assert ceremony.verify() == 1
    ceremony.file.unlink()
    assert ceremony.verify() == 1
    told = json.loads(ceremony.out.read_text())
    told["payload"] = told["payload"][:-4]
    ceremony.out.write_text(json.dumps(told))
    assert ceremony.verify() == 1
    with pytest.raises(ManifestRefused):
        opened(ceremony.out.read_bytes(), parse_keys(ceremony.public.read_bytes()))


def test_a_key_of_another_kind_is_refused(ceremony: Ceremony):
    (ceremony.folder / "private.pem").write_text("no key")
    assert ceremony.sign() == 1
