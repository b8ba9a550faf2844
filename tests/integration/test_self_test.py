"""`flowork self-test` and `flowork purge`, on real folders, a real keyring and a gateway that runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.desktop import desktop
from tests.support.house import ROOT, house


def flowork(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    around = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}}
    command = [sys.executable, "-m", "app", *arguments]
    return subprocess.run(command, cwd=ROOT, env={**around, **environment}, capture_output=True, text=True, timeout=120, check=False)


def checks(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, object]]:
    return {each["name"]: each for each in json.loads(done.stdout)["checks"]}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the keyring is a real gnome-keyring")
def test_every_part_is_tried_and_the_keyring_is_left_as_it_was(tmp_path: Path):
    with desktop(tmp_path / "d") as desk:
        desk.start_keyring()
        before = desk.items()
        done = flowork("--self-test", "--json", "--report", str(tmp_path / "report.json"), **desk.environment)
        found = checks(done)
        assert done.returncode == 0, done.stdout + done.stderr
        assert set(found) >= {"keyring", "sqlite", "signature", "jwt", "gui", "job", "job in a process", "websocket", "icons", "signals"}
        assert found["keyring"]["said"] == "keyring (Secret Service): written, read, deleted"
        assert "synchronous FULL" in str(found["sqlite"]["said"])
        assert desk.items() == before
    assert json.loads((tmp_path / "report.json").read_text()) == json.loads(done.stdout)


def test_without_a_keyring_the_next_rung_is_named(tmp_path: Path):
    done = flowork("self-test", "--json", DBUS_SESSION_BUS_ADDRESS="")
    assert done.returncode == 0
    assert "passphrase file" in str(checks(done)["keyring"]["said"])


def test_a_broken_part_is_named_and_the_others_are_tried(tmp_path: Path):
    broken = (
        "import app.services.self_test as tested; tested.SIGNER = '0x' + '0' * 40; "
        "from app.roles import main; raise SystemExit(main(['self-test', '--json']))"
    )
    done = subprocess.run([sys.executable, "-c", broken], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert [name for name, each in checks(done).items() if not each["ok"]] == ["signature"]


async def test_purge_removes_nothing_while_flowork_runs_or_without_a_yes(tmp_path: Path):
    async with house(tmp_path, apart=False) as home:
        running = flowork("purge", "--yes", "--data", str(home.data))
        assert (running.returncode, "Stop it first" in running.stderr) == (1, True)
        assert (home.data / "control.db").exists()
    asked = flowork("purge", "--data", str(home.data))
    assert (asked.returncode, "--yes" in asked.stderr) == (2, True)
    assert (home.data / "control.db").exists()
    assert flowork("purge", "--yes", "--data", str(home.data)).returncode == 0
    assert not home.data.exists()
    assert flowork("purge", "--yes", "--data", str(home.data)).returncode == 0


def test_a_folder_of_somebody_else_is_never_purged(tmp_path: Path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "a.png").write_text("a")
    assert flowork("purge", "--yes", "--data", str(pictures)).returncode == 1
    link = tmp_path / "link"
    link.symlink_to(pictures)
    assert flowork("purge", "--yes", "--data", str(link)).returncode == 1
    assert (pictures / "a.png").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the keyring is a real gnome-keyring")
def test_purge_takes_the_keys_out_of_the_keyring(tmp_path: Path):
    with desktop(tmp_path / "d") as desk:
        desk.start_keyring()
        data = tmp_path / "data"
        started = subprocess.Popen(
            [sys.executable, "-m", "app", "serve", "--data", str(data), "--port", "0", "--json"],
            cwd=ROOT,
            env={**os.environ, **desk.environment},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert started.stdout is not None
        with started:
            assert started.stdout.readline()
            started.terminate()
            assert started.wait(30) == 0
        assert desk.items()
        assert flowork("purge", "--yes", "--data", str(data), **desk.environment).returncode == 0
        assert desk.items() == {}
        assert not data.exists()
