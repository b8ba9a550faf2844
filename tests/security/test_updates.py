"""Attacks on updates: each is refused by the real program, nothing of it stays, and the Flowork that is installed starts as before."""

import asyncio
import base64
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from contract.update_address import MANIFEST_NAME
from contract.version import VERSION
from contract.words import JobState
from tests.support.house import PATIENCE_S, ROOT, house, signed_in, until
from tests.support.releases import Key, Site, a_file, a_manifest, a_setup, at, elsewhere, held_open, signed, site

NEW = b"\x7fELF what a newer Flowork is made of\n" * 4000
NAME = "Flowork-9.0.0.AppImage"
REFUSED, FAILED = 4, 1


@dataclass
class Machine:
    """Where a Flowork is installed; `program` is what an update would replace."""

    folder: Path
    site: Site
    key: Key

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def program(self) -> Path:
        return self.folder / "release" / "program"

    @property
    def shelf(self) -> Path:
        return self.data / "update"

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "tests.support.released", str(self.folder / "release"), *arguments]

    def start(self, *arguments: str, **how: Any) -> "subprocess.Popen[str]":
        around = {"FLOWORK_UPDATE_URL": self.site.manifest_url, "SSL_CERT_FILE": str(self.site.authority)}
        return subprocess.Popen(
            self.command(*arguments, "--data", str(self.data)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **around},
            **how,
        )

    def update(self, verb: str, *arguments: str, **how: Any) -> tuple[int, dict[str, Any]]:
        """`flowork update`: its exit code, and what it said."""
        with self.start("update", verb, *arguments, "--json", **how) as program:
            try:
                out, err = program.communicate(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                program.kill()
                raise
        assert "Traceback" not in err, err
        return program.returncode, json.loads(out.splitlines()[-1])

    def refuses(self, code: str, verb: str = "check", exit_code: int = REFUSED, **how: Any) -> None:
        found, said = self.update(verb, **how)
        assert (said.get("error", {}).get("code"), found) == (f"update.{code}", exit_code)

    def files(self) -> set[str]:
        """What lies in the folder of updates, beside what Flowork remembers there."""
        return {path.name for path in self.shelf.iterdir()} - {"state.json", "lock"} if self.shelf.exists() else set()

    @contextlib.contextmanager
    def half_fetched(self, content: bytes) -> Iterator["subprocess.Popen[str]"]:
        """`flowork update download` while some of the file is on the disk and the rest does not come; then the server hangs up."""
        leave = threading.Event()
        self.site.files[f"/{NAME}"] = held_open(content, len(content) // 2, leave)
        with self.start("update", "download", "--json") as program:
            while not self.came():
                assert program.poll() is None, "it ended before anything came"
                time.sleep(0.01)
            try:
                yield program
            finally:
                leave.set()
            program.communicate(timeout=PATIENCE_S)

    def came(self) -> int:
        """Bytes of a file that is on its way."""
        return sum(path.stat().st_size for path in self.shelf.glob(".*.part"))

    def is_what_it_was(self) -> None:
        """The file that is installed is untouched, nothing is offered, and the program starts."""
        assert self.program.read_bytes() == b"the old one"
        assert not {path.name for path in self.folder.iterdir()} - {"data", "release", "site"}
        version = subprocess.run(self.command("--version"), capture_output=True, text=True, check=True, cwd=ROOT, timeout=PATIENCE_S)
        assert version.stdout == f"flowork {VERSION}\n"
        code, status = self.update("status")
        assert (code, status["version"], status["fetched"]) == (0, VERSION, "")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    for name in ("site", "release"):
        (tmp_path / name).mkdir()
    key = Key()
    with site(tmp_path / "site") as place:
        made = Machine(tmp_path, place, key)
        (tmp_path / "release" / "release-keys.json").write_text(json.dumps({"product": "flowork", "keys": [key.public]}))
        (tmp_path / "release" / "kind").write_text("appimage")
        made.program.write_bytes(b"the old one")
        place.publish(a_manifest(a_file(NEW, NAME)), key, **{NAME: NEW})
        yield made


# -- what is not attacked ---------------------------------------------------------------------------------------------


def test_an_update_that_is_good_is_found_fetched_and_offered_and_nothing_is_installed(machine: Machine):
    code, said = machine.update("check")
    assert (code, said["offered"], said["fetched"], said["itself"]) == (0, "9.0.0", "", False)
    code, said = machine.update("download")
    path = machine.shelf / NAME
    assert (code, said["fetched"], said["command"]) == (0, str(path), f"install -m 755 '{path}' '{machine.program}'")
    assert path.read_bytes() == NEW
    assert (path.stat().st_mode & 0o777, machine.shelf.stat().st_mode & 0o777) == (0o600, 0o700)
    assert machine.files() == {NAME}
    assert machine.program.read_bytes() == b"the old one"


def test_whoever_serves_updates_learns_nothing_of_who_asks(machine: Machine):
    machine.update("check")
    machine.update("download")
    assert machine.site.paths() == [f"/{MANIFEST_NAME}", f"/{NAME}"]
    for asked in machine.site.asked:
        assert set(asked.headers) == {"Host", "User-Agent", "Accept", "Accept-Encoding"}
        assert (asked.headers["User-Agent"], asked.headers["Accept-Encoding"]) == ("Flowork", "identity")


# -- the signature ----------------------------------------------------------------------------------------------------


def test_M01_a_bad_signature_is_refused(machine: Machine):
    manifest = json.loads(machine.site.files[f"/{MANIFEST_NAME}"])
    manifest["payload"] = json.loads(signed(a_manifest(a_file(b"evil", NAME)), Key()))["payload"]
    machine.site.files[f"/{MANIFEST_NAME}"] = json.dumps(manifest).encode()
    machine.refuses("not_signed")
    machine.is_what_it_was()


def test_M01_the_signature_of_another_key_is_refused(machine: Machine):
    machine.site.publish(a_manifest(a_file(NEW, NAME)), Key())
    machine.refuses("not_signed")
    machine.is_what_it_was()


def test_M01_a_signature_over_something_else_of_ours_is_refused(machine: Machine):
    payload = json.dumps(a_manifest(a_file(NEW, NAME))).encode()
    envelope = json.loads(signed(payload, machine.key))
    envelope["signatures"][0]["sig"] = base64.b64encode(machine.key.sign(payload, "application/vnd.flowork.other+json")).decode()
    machine.site.files[f"/{MANIFEST_NAME}"] = json.dumps(envelope).encode()
    machine.refuses("not_signed")
    machine.is_what_it_was()


def test_M02_new_keys_that_no_trusted_key_vouches_for_are_refused(machine: Machine):
    mine = Key()
    machine.site.publish(a_manifest(a_file(NEW, NAME), keys=[mine.public]), mine)
    machine.refuses("not_signed")
    machine.is_what_it_was()


def test_M02_a_key_is_changed_by_the_old_one_and_the_old_one_counts_no_more(machine: Machine):
    new = Key()
    machine.site.publish(a_manifest(a_file(NEW, NAME), keys=[new.public]), machine.key, new)
    assert machine.update("check")[0] == 0
    machine.site.publish(a_manifest(a_file(NEW, NAME), version="9.0.1"), machine.key)
    machine.refuses("not_signed")
    machine.site.publish(a_manifest(a_file(NEW, NAME), version="9.0.1"), new)
    assert machine.update("check")[1]["offered"] == "9.0.1"


def test_M02_a_new_key_that_cannot_sign_does_not_take_the_place_of_the_old_one(machine: Machine):
    machine.site.publish(a_manifest(a_file(NEW, NAME), keys=[Key().public]), machine.key)
    machine.refuses("new_key_unproven")
    machine.is_what_it_was()
    machine.site.publish(a_manifest(a_file(NEW, NAME)), machine.key)
    assert machine.update("check")[0] == 0


# -- what was signed once ---------------------------------------------------------------------------------------------


def test_M03_an_older_version_than_the_installed_one_is_refused(machine: Machine):
    machine.site.publish(a_manifest(a_file(NEW, NAME), version="0.0.9"), machine.key)
    machine.refuses("older")
    machine.is_what_it_was()


def test_M03_an_older_version_than_one_that_was_seen_is_refused(machine: Machine):
    assert machine.update("check")[0] == 0
    machine.site.publish(a_manifest(a_file(NEW, NAME), version="8.0.0", released_at=at()), machine.key)
    machine.refuses("older")
    machine.site.publish(a_manifest(a_file(NEW, NAME), released_at=at(-2)), machine.key)
    machine.refuses("older")
    machine.is_what_it_was()


def test_M04_an_expired_manifest_is_refused(machine: Machine):
    machine.site.publish(a_manifest(a_file(NEW, NAME), released_at=at(-9), expires_at=at(-0.01)), machine.key)
    machine.refuses("expired")
    machine.is_what_it_was()


def test_M04_a_manifest_that_expired_since_it_was_accepted_offers_nothing_any_more(machine: Machine):
    assert machine.update("check")[0] == 0
    state = json.loads((machine.shelf / "state.json").read_text())
    old = signed(a_manifest(a_file(NEW, NAME), released_at=at(-9), expires_at=at(-0.01)), machine.key).decode()
    (machine.shelf / "state.json").write_text(json.dumps({**state, "manifest": old, "released": 0}))
    machine.refuses("expired", "download")
    machine.is_what_it_was()


def test_M04_a_manifest_from_the_future_is_refused(machine: Machine):
    machine.site.publish(a_manifest(a_file(NEW, NAME), released_at=at(3)), machine.key)
    machine.refuses("not_yet", exit_code=FAILED)
    machine.is_what_it_was()


def test_M05_a_manifest_of_another_product_is_refused(machine: Machine):
    machine.site.publish(a_manifest(a_file(NEW, NAME), product="flowerpot"), machine.key)
    machine.refuses("other_product")
    machine.is_what_it_was()


def test_M05_a_manifest_for_another_platform_is_refused(machine: Machine):
    machine.site.publish(a_manifest(a_file(NEW, NAME, platform="windows-x64")), machine.key)
    machine.refuses("not_for_here")
    machine.is_what_it_was()


# -- the file ---------------------------------------------------------------------------------------------------------


def test_M06_a_truncated_file_is_refused(machine: Machine):
    machine.update("check")

    def ends(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(NEW[:-1])

    machine.site.files[f"/{NAME}"] = NEW[:-1]
    machine.refuses("other_size", "download")
    machine.site.files[f"/{NAME}"] = ends
    machine.refuses("other_size", "download")
    assert machine.files() == set()
    machine.is_what_it_was()


def test_M06_a_longer_file_is_refused_before_it_fills_the_disk(machine: Machine):
    machine.update("check")

    took_all: list[bool] = []

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(400):
            handler.wfile.write(NEW)
        took_all.append(True)

    machine.site.files[f"/{NAME}"] = endless
    machine.refuses("other_size", "download")
    assert (machine.files(), took_all) == (set(), [])
    machine.is_what_it_was()


def test_M06_a_swapped_file_is_refused(machine: Machine):
    machine.update("check")
    machine.site.files[f"/{NAME}"] = NEW[:-1] + b"!"
    machine.refuses("other_content", "download")
    assert machine.files() == set()
    machine.is_what_it_was()


def test_M06_a_file_that_was_swapped_after_it_was_fetched_is_not_offered_and_is_fetched_again(machine: Machine):
    machine.update("check")
    machine.update("download")
    (machine.shelf / NAME).write_bytes(NEW[:-1] + b"!")
    machine.is_what_it_was()
    assert machine.update("download")[1]["fetched"]
    assert (machine.shelf / NAME).read_bytes() == NEW


def test_M07_a_name_with_a_path_in_it_is_refused(machine: Machine):
    machine.site.publish(a_manifest(a_file(NEW, "../../release/program")), machine.key)
    machine.refuses("malformed")
    assert machine.files() == set()
    machine.is_what_it_was()


def test_M07_a_link_in_the_folder_of_updates_is_not_followed(machine: Machine):
    assert machine.update("check")[0] == 0
    (machine.shelf / NAME).symlink_to(machine.program)
    with machine.start("update", "download") as program:
        program.communicate(timeout=PATIENCE_S)
    assert program.returncode == 78
    (machine.shelf / NAME).unlink()
    machine.is_what_it_was()


# -- the way here -----------------------------------------------------------------------------------------------------


def test_M08_a_redirect_away_from_https_is_not_followed(machine: Machine):
    with site(None) as in_clear:
        in_clear.publish(a_manifest(a_file(NEW, NAME)), machine.key)
        machine.site.files[f"/{MANIFEST_NAME}"] = elsewhere(in_clear.manifest_url)
        machine.refuses("unreachable", exit_code=FAILED)
        assert in_clear.paths() == []
    machine.is_what_it_was()


def test_M08_a_server_whose_certificate_nobody_vouches_for_is_not_asked(machine: Machine):
    (machine.folder / "site" / "authority.pem").write_text("")
    machine.refuses("unreachable", exit_code=FAILED)
    assert machine.site.paths() == []
    machine.is_what_it_was()


def test_M08_a_manifest_without_end_is_refused(machine: Machine):
    machine.site.files[f"/{MANIFEST_NAME}"] = b" " * (200 * 1024)
    machine.refuses("too_large")
    machine.is_what_it_was()


def test_M08_what_is_no_manifest_is_refused(machine: Machine):
    machine.site.files[f"/{MANIFEST_NAME}"] = b"<html>This network has a portal.</html>"
    machine.refuses("malformed")
    machine.is_what_it_was()


def test_M09_an_interrupted_download_leaves_no_file_and_the_next_one_goes_on_from_there(machine: Machine):
    machine.update("check")
    with machine.half_fetched(NEW) as program:
        pass
    assert program.returncode == FAILED
    assert not (machine.shelf / NAME).exists()
    machine.is_what_it_was()
    came = machine.came()
    machine.site.files[f"/{NAME}"] = NEW
    assert machine.update("download")[1]["fetched"]
    assert machine.site.asked[-1].headers["Range"] == f"bytes={came}-"
    assert (machine.shelf / NAME).read_bytes() == NEW
    assert machine.files() == {NAME}


def test_M09_what_came_before_an_interruption_is_not_believed(machine: Machine):
    machine.update("check")
    with machine.half_fetched(b"evil" * (len(NEW) // 4)):
        pass
    machine.site.files[f"/{NAME}"] = NEW
    machine.refuses("other_content", "download")
    assert machine.files() == set()
    machine.is_what_it_was()
    assert machine.update("download")[1]["fetched"]


def test_M09_a_download_that_is_killed_leaves_no_file_and_the_next_one_works(machine: Machine):
    machine.update("check")
    with machine.half_fetched(NEW) as program:
        program.send_signal(signal.SIGKILL)
        program.wait(PATIENCE_S)
    assert not (machine.shelf / NAME).exists()
    machine.is_what_it_was()
    machine.site.files[f"/{NAME}"] = NEW
    assert machine.update("download")[1]["fetched"]
    assert (machine.shelf / NAME).read_bytes() == NEW


# -- jobs that run ----------------------------------------------------------------------------------------------------


async def test_M11_a_setup_is_never_started_while_jobs_run(machine: Machine):
    """The owner agrees, a job runs: it finishes, the program ends, and only then the setup begins."""
    (machine.folder / "release" / "kind").write_text("setup")
    told = machine.folder / "release" / "told"
    async with house(machine.folder, apart=False) as running, signed_in(running, "home") as user:
        assert running.gateway is not None
        setup = a_setup(machine.data, told)
        machine.site.publish(a_manifest(a_file(setup, "Setup.exe", "windows-x64", "setup")), machine.key, **{"Setup.exe": setup})
        leave = asyncio.create_task(running.gateway.process.wait())
        job = await user.submit(payload={"sleep_ms": 1500, "reply": "done"})
        await user.reaches(job, JobState.RUNNING)
        assert (await asyncio.to_thread(machine.update, "install", "--yes")) == (0, {"started": "9.0.0", "restarts": False})
        assert await asyncio.wait_for(leave, PATIENCE_S) == 0
        await user.sees(job, JobState.SUCCEEDED)
        assert await until(lambda: asyncio.to_thread(_text, told), "a setup that has run") == "/S restart=False: nobody served\n"


async def test_M11_without_consent_nothing_is_installed_and_nothing_ends(machine: Machine):
    (machine.folder / "release" / "kind").write_text("setup")
    told = machine.folder / "release" / "told"
    setup = a_setup(machine.data, told)
    machine.site.publish(a_manifest(a_file(setup, "Setup.exe", "windows-x64", "setup")), machine.key, **{"Setup.exe": setup})
    with machine.start("update", "install") as program:  # and nobody sits at a terminal
        program.communicate(timeout=PATIENCE_S)
    assert program.returncode == FAILED
    assert machine.site.paths() == [f"/{MANIFEST_NAME}"]
    assert not told.exists()
    machine.is_what_it_was()


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


# -- the disk ---------------------------------------------------------------------------------------------------------


def test_M10_a_file_that_meets_the_end_of_the_disk_is_thrown_away(machine: Machine):
    machine.update("check")

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    machine.refuses("disk_full", "download", FAILED, preexec_fn=small)
    assert machine.files() == set()
    machine.is_what_it_was()
    assert machine.update("download")[1]["fetched"]


@pytest.fixture
def small_disk(machine: Machine) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("only root mounts a small disk")
    machine.data.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "none", str(machine.data)], check=True)
    yield
    subprocess.run(["umount", str(machine.data)], check=True)


@pytest.mark.usefixtures("small_disk")
def test_M10_a_disk_without_room_for_the_file_is_not_filled(machine: Machine):
    assert machine.update("check")[0] == 0
    machine.refuses("disk_full", "download", FAILED)
    assert f"/{NAME}" not in machine.site.paths()
    assert machine.files() == set()
    machine.is_what_it_was()


@pytest.mark.usefixtures("small_disk")
def test_M10_a_full_disk_makes_no_half_memory(machine: Machine):
    assert machine.update("check")[0] == 0
    before = (machine.shelf / "state.json").read_bytes()
    with (machine.data / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError):
        while True:
            filler.write(b"x" * 4096)
    machine.refuses("disk_full", "check", FAILED)
    assert (machine.shelf / "state.json").read_bytes() == before
    (machine.data / "filler").unlink()
    machine.is_what_it_was()
