"""The Windows setup, really run under wine: install, self-test, first run, upgrade over a running Flowork, uninstall, purge.

One story told in order on one machine; run by `make test-installer`, which makes the setups first. What wine cannot show is in
installer/README.md.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.wine import PATIENCE_S, RIG, Wine, wine

WINDOWS = Path(__file__).parent.parent.parent / "installer" / "windows"
PAYLOAD = RIG / "dist" / "flowork"
SETUP, NEWER = RIG / "trial" / "Flowork-Setup.exe", RIG / "newer" / "Flowork-Setup.exe"
UNINSTALL = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall\Flowork"
RUN = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run"
GATEWAY, PROGRAM = r"C:\FLOWORK\flowork-gateway.exe", r"C:\FLOWORK\flowork.exe"
FAILED, TOO_OLD, REFUSED = 2, 3, 5

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a disk of its own needs root")
pytestmark = pytest.mark.skipif(not SETUP.exists(), reason="make test-installer makes the setups")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wine]:
    with wine(tmp_path_factory.mktemp("wine")) as made:
        yield made


@pytest.fixture(scope="module")
def installed(machine: Wine) -> Wine:
    machine.settled()
    usual, machine.umask = machine.umask, 0o022  # what is private now is so because the setup made it so
    ran = machine.run(str(SETUP), "/S")
    machine.settled()
    machine.umask = usual
    assert ran.code == 0, log(machine)
    return machine


def log(machine: Wine) -> str:
    path = next(machine.home().rglob("Flowork-Setup.log"), None)
    return path.read_text(errors="replace") if path else "no log"


def files(folder: Path) -> dict[str, int]:
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def data(machine: Wine) -> Path:
    return machine.home("AppData", "Local", "Flowork")


@contextlib.contextmanager
def serving(machine: Wine) -> "Iterator[tuple[subprocess.Popen[str], str]]":
    """`flowork serve`, and its address."""
    with machine.start(GATEWAY, "serve", "--json", "--port", "0", "--allow-echo") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"it did not start: {process.wait(PATIENCE_S)}"
        address = json.loads(line)["address"]
        assert address.startswith("http://127.0.0.1:")
        yield process, address


def until_line(process: "subprocess.Popen[str]", word: str) -> Any:
    """Read what a program prints until a line has a word; what that line says."""
    assert process.stdout is not None
    seen = []
    while word not in (line := process.stdout.readline()):
        assert line, f"it ended: {seen}"
        seen.append(line)
    return json.loads(line)


def test_every_file_arrives_and_windows_knows_of_it(installed: Wine):
    there = files(installed.drive("FLOWORK"))
    assert there.pop("uninstall.exe") > 0
    assert there == files(PAYLOAD)
    subprocess.run(["diff", "-rq", "--exclude=uninstall.exe", str(PAYLOAD), str(installed.drive("FLOWORK"))], check=True)
    assert {"ROADMAP.md", "SECURITY.md"} <= set(there)
    known = installed.registry(UNINSTALL)
    assert known["UninstallString"] == '"C:\\FLOWORK\\uninstall.exe"'
    assert known["InstallLocation"] == "C:\\FLOWORK"
    assert int(known["EstimatedSize"], 16) > 0
    assert list(installed.home().rglob("Start Menu/Programs/Flowork.lnk"))
    assert "Flowork" not in installed.registry(RUN)
    assert not data(installed).exists()


def test_nobody_else_may_open_the_folder(installed: Wine):
    """wine shows the folder's list of entries as this machine's mode; what inherits it can only be seen on Windows."""
    assert installed.drive("FLOWORK").stat().st_mode & 0o007 == 0


@pytest.mark.parametrize("program", [GATEWAY, PROGRAM])
def test_the_installed_programs_pass_their_self_test(installed: Wine, program: str):
    report = installed.drive("report.json")
    ran = installed.run(program, "--self-test", "--report", r"C:\report.json")
    told = json.loads(report.read_text())
    report.unlink()
    found = {each["name"]: each["said"] for each in told["checks"]}
    assert (ran.code, told["ok"], told["frozen"]) == (0, True, True), found
    assert found["keyring"] == "keyring (Windows Credential Manager): written, read, deleted"
    assert ("signals" in found) == (program == PROGRAM)
    assert set(found) >= {"sqlite", "signature", "jwt", "gui", "job", "job in a process", "websocket"}


def test_a_first_run_serves_a_job_and_stops(installed: Wine):
    with serving(installed) as (process, _):
        paired = installed.run(GATEWAY, "login", "--json")
        assert paired.code == 0, paired.text
        done = installed.run(GATEWAY, "submit", "--kind", "echo", "--payload", '{"reply": "hello"}', "--json")
        assert done.code == 0, done.text
        assert '"hello"' in done.text
        left = installed.run(GATEWAY, "quit")
        assert (left.code, "has ended" in left.text) == (0, True), left.text
        assert process.wait(PATIENCE_S) == 0
    assert (data(installed) / "control.db").exists()


def test_an_upgrade_waits_for_a_job_that_runs_and_keeps_everything(installed: Wine):
    stray = installed.drive("FLOWORK", "mine.txt")
    stray.write_text("not Flowork's")
    asked = ["--kind", "echo", "--payload", '{"sleep_ms": 4000, "reply": "kept"}', "--json"]
    with serving(installed) as (process, address):
        with installed.start(GATEWAY, "submit", *asked, "--gateway", address) as slow:
            job = until_line(slow, '"running"')["data"]["id"]
            ran = installed.run(str(NEWER), "/S")
        assert ran.code == 0, log(installed)
        assert process.wait(PATIENCE_S) == 0
    assert installed.registry(UNINSTALL)["DisplayVersion"] == "9.9.9"
    assert stray.read_text() == "not Flowork's"
    stray.unlink()
    assert "Waiting for Flowork" in log(installed)
    with serving(installed) as (process, address):
        kept = json.loads(installed.run(GATEWAY, "job", job, "--json", "--gateway", address).text)
        assert (kept["state"], kept["result"], len(kept["attempts"])) == ("succeeded", "kept", 1)
        assert installed.run(GATEWAY, "quit").code == 0
        assert process.wait(PATIENCE_S) == 0


def test_the_tray_program_serves_and_quits(installed: Wine):
    (data(installed) / "config.toml").write_text("[desktop]\n")  # the first run is over
    with installed.start(PROGRAM, "--port", "0") as process:
        give_up = time.monotonic() + PATIENCE_S
        while installed.run(GATEWAY, "status", "--json").code != 0:
            assert process.poll() is None, f"it ended: {process.returncode}"
            assert time.monotonic() < give_up
        assert installed.run(PROGRAM, "--quit").code == 0
        assert process.wait(PATIENCE_S) == 0


def test_a_folder_that_others_may_write_into_is_refused(installed: Wine):
    open_to_all = installed.drive("OPEN")
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    ran = installed.run(str(NEWER), "/S", r"/D=C:\OPEN")
    assert ran.code == REFUSED, log(installed)
    assert "others may write into it" in log(installed)
    assert not list(open_to_all.iterdir())


def test_a_folder_with_other_things_in_it_is_refused(installed: Wine):
    pictures = installed.drive("PICTURES")
    pictures.mkdir(mode=0o700)
    (pictures / "a.png").write_text("a")
    ran = installed.run(str(NEWER), "/S", r"/D=C:\PICTURES")
    assert ran.code == REFUSED, log(installed)
    assert [path.name for path in pictures.iterdir()] == ["a.png"]


def test_autostart_is_on_only_when_asked_and_a_foreign_entry_stays(installed: Wine):
    assert installed.run(str(NEWER), "/S", "/AUTOSTART").code == 0, log(installed)
    assert installed.registry(RUN)["Flowork"] == "C:\\FLOWORK\\flowork.exe"
    installed.run("reg", "add", RUN, "/v", "Flowork", "/d", r"C:\other.exe", "/f")
    assert installed.run(str(NEWER), "/S", "/AUTOSTART").code == 0, log(installed)
    assert installed.registry(RUN)["Flowork"] == r"C:\other.exe"
    installed.run("reg", "delete", RUN, "/v", "Flowork", "/f")


def test_an_uninstall_removes_what_was_installed_and_keeps_the_persons_data(installed: Wine):
    (installed.drive("FLOWORK", "_internal") / "mine.txt").write_text("not Flowork's")
    assert installed.run(str(NEWER), "/S", "/AUTOSTART").code == 0
    before = files(data(installed))
    ran = installed.run(r"C:\FLOWORK\uninstall.exe", "/S")
    installed.settled()
    assert ran.code == 0, log(installed)
    assert set(files(installed.drive("FLOWORK"))) == {"_internal/mine.txt"}
    assert files(data(installed)).keys() >= {name for name in before if name.endswith(".db")}
    assert installed.registry(UNINSTALL) == {}
    assert "Flowork" not in installed.registry(RUN)
    assert not list(installed.home().rglob("Flowork.lnk"))
    (installed.drive("FLOWORK", "_internal") / "mine.txt").unlink()
    (installed.drive("FLOWORK", "_internal")).rmdir()


def test_a_purge_removes_the_data_and_the_keys_too(installed: Wine):
    assert installed.run(str(SETUP), "/S").code == 0, log(installed)
    assert data(installed).exists()
    ran = installed.run(r"C:\FLOWORK\uninstall.exe", "/S", "/PURGE")
    installed.settled()
    assert ran.code == 0, log(installed)
    assert not data(installed).exists()
    assert not installed.drive("FLOWORK").exists()


@contextlib.contextmanager
def mounted(machine: Wine, folder: Path, size: str) -> Iterator[None]:
    """A disk of its own."""
    folder.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        machine.settled()
        subprocess.run(["umount", str(folder)], check=True)


@needs_root
def test_a_link_on_the_way_is_refused(installed: Wine):
    """wine shows a mounted folder as what Windows calls a reparse point, as junctions and links are."""
    with mounted(installed, installed.drive("LINK"), "1m"):
        assert installed.run(str(NEWER), "/S", r"/D=C:\LINK\FLOWORK").code == REFUSED, log(installed)
        assert "is a link to another place" in log(installed)
        assert not list(installed.drive("LINK").iterdir())


@needs_root
def test_a_full_disk_leaves_the_old_version_as_it_was(installed: Wine, tmp_path: Path):
    (installed.prefix / "dosdevices" / "e:").symlink_to(tmp_path / "disk")
    with mounted(installed, tmp_path / "disk", "220m"):
        assert installed.run(str(SETUP), "/S", r"/D=E:\FLOWORK").code == 0, log(installed)
        before = files(tmp_path / "disk" / "FLOWORK")
        assert installed.run(str(NEWER), "/S", r"/D=E:\FLOWORK").code == FAILED, log(installed)
        assert files(tmp_path / "disk" / "FLOWORK") == before
        assert installed.run(r"E:\FLOWORK\flowork-gateway.exe", "--version").code == 0
        assert "disk full" in log(installed)


def test_an_old_windows_is_told_so(installed: Wine):
    key = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
    before = installed.registry(key)["CurrentBuildNumber"]
    installed.run("reg", "add", key, "/v", "CurrentBuildNumber", "/d", "17763", "/f")
    ran = installed.run(str(NEWER), "/S")
    installed.run("reg", "add", key, "/v", "CurrentBuildNumber", "/d", before, "/f")
    assert ran.code == TOO_OLD
    assert "1903" in log(installed)
    assert not installed.drive("FLOWORK").exists()


def test_setup_and_uninstaller_can_be_signed(installed: Wine, tmp_path: Path):
    payload, key, certificate = tmp_path / "payload", tmp_path / "key.pem", tmp_path / "certificate.pem"
    payload.mkdir()
    (payload / "small.txt").write_text("a payload")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Flowork test"]
    made += ["-addext", "extendedKeyUsage=codeSigning", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    signing = {"SIGN": str(WINDOWS / "sign.sh"), "FLOWORK_SIGN_CERT": str(certificate), "FLOWORK_SIGN_KEY": str(key), "FAST": "1"}
    setup = tmp_path / "Signed.exe"
    command = ["sh", str(WINDOWS / "make_setup.sh"), sys.executable, str(payload), "1.2.3", str(setup)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **signing})
    assert signed_by(setup, certificate)
    assert not signed_by(NEWER, certificate)
    assert installed.run(str(setup), "/S", r"/D=C:\SIGNED").code == 0, log(installed)
    assert signed_by(installed.drive("SIGNED", "uninstall.exe"), certificate)


def signed_by(path: Path, certificate: Path) -> bool:
    done = subprocess.run(["osslsigncode", "verify", "-CAfile", str(certificate), "-in", str(path)], capture_output=True, check=False)
    return done.returncode == 0
