"""Attacks on the machine's side (security reference J09, J10, J11)."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.client.admin import open_admin
from app.client.api import open_api
from app.crypto.sealed_file import open_sealed
from app.services.secrets import NO_PLACE
from contract.admin import AuditCheck
from contract.errors import FloworkError
from contract.words import JobState
from kit.windows_acl import judge
from tests.support.desktop import Desktop, desktop
from tests.support.house import PATIENCE_S, ROOT, WALLET, House, house, signed_in

PASSPHRASE = "correct horse battery staple"


def serve(data: Path, *arguments: str, environment: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """`flowork serve` where nobody sits at a terminal, until it has ended."""
    command = [sys.executable, "-m", "app", "serve", "--data", str(data), "--port", "0", *arguments]
    around = {name: value for name, value in os.environ.items() if name not in {"DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"}}
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        cwd=ROOT,
        env={**around, **(environment or {})},
    )


@pytest.mark.parametrize("how", ["0777", "group writable", "a writable file", "foreign owner", "a symlink", "a symlink inside"])
def test_J09_a_folder_that_others_could_have_changed_is_not_used(tmp_path: Path, how: str):
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    planted = data / "config.toml"
    planted.write_text("[gateway]\nport = 0\n")
    planted.chmod(0o600)
    given = data
    match how:
        case "0777":
            data.chmod(0o777)
        case "group writable":
            data.chmod(0o770)
        case "a writable file":
            planted.chmod(0o666)
        case "foreign owner":
            if os.geteuid() == 0:
                os.chown(planted, 12345, 12345)
            else:
                given = Path("/usr")
        case "a symlink":
            given = tmp_path / "link"
            given.symlink_to(data)
        case "a symlink inside":
            (data / "secrets").symlink_to(tmp_path)
    before = sorted(path.name for path in data.iterdir())
    ended = serve(given, "--insecure-storage")
    assert ended.returncode == 78
    assert str(given) in ended.stderr or str(data) in ended.stderr
    assert any(words in ended.stderr for words in ("chmod", "chown", "--data", "Remove it"))
    assert "Traceback" not in ended.stderr
    assert sorted(path.name for path in data.iterdir()) == before


def test_J09_a_windows_folder_that_inherited_authenticated_users_is_not_used():
    me = "S-1-5-21-1-2-3-1001"
    inherited = f"O:{me}G:DUD:AI(A;OICIID;FA;;;BA)(A;OICIID;FA;;;SY)(A;OICIID;0x1200a9;;;BU)(A;ID;0x1301bf;;;AU)(A;OICIIOID;SDGXGWGR;;;AU)"
    assert "S-1-5-11" in (judge(inherited, me) or "")
    assert judge(f"O:{me}G:DUD:P(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)(A;OICI;FA;;;{me})", me) is None


PLAINTEXT = """
from pathlib import Path
from keyring.backend import KeyringBackend
class Keyring(KeyringBackend):
    priority = 99
    def get_password(self, service, username): Path({mark!r}).write_text("asked"); return None
    def set_password(self, service, username, password): Path({mark!r}).write_text(password)
    def delete_password(self, service, username): pass
"""


@pytest.fixture
def plaintext(tmp_path: Path) -> dict[str, str]:
    """An environment in which `keyring` itself would choose a plaintext back end, by variable and by file."""
    planted = tmp_path / "planted"
    (planted / "config" / "python_keyring").mkdir(parents=True)
    (planted / "plainfile.py").write_text(PLAINTEXT.format(mark=str(tmp_path / "mark")))
    config = f"[backend]\ndefault-keyring=plainfile.Keyring\nkeyring-path={planted}\n"
    (planted / "config" / "python_keyring" / "keyringrc.cfg").write_text(config)
    environment = {
        "PYTHON_KEYRING_BACKEND": "plainfile.Keyring",
        "XDG_CONFIG_HOME": str(planted / "config"),
        "PYTHONPATH": str(planted),
    }
    chosen = subprocess.run(
        [sys.executable, "-c", "import keyring; print(type(keyring.get_keyring()).__module__)"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    assert chosen.stdout == "plainfile\n"  # the trap works
    return environment


@pytest.mark.parametrize("backend", ["plainfile.Keyring", "keyring.backends.null.Keyring", "keyring.backends.fail.Keyring"])
def test_J10_a_plaintext_back_end_from_the_environment_is_refused(tmp_path: Path, plaintext: dict[str, str], backend: str):
    ended = serve(tmp_path / "data", environment={**plaintext, "PYTHON_KEYRING_BACKEND": backend})
    assert ended.returncode == 78
    assert NO_PLACE.split("{why}")[1].strip() in ended.stderr
    assert not (tmp_path / "mark").exists()
    assert sorted(path.name for path in (tmp_path / "data").rglob("*")) == ["flowork.lock", "run"]


async def test_J10_beside_a_real_keyring_it_is_passed_by(tmp_path: Path, plaintext: dict[str, str]):
    with desktop(tmp_path / "d") as desk:
        await asyncio.to_thread(desk.start_keyring)
        async with keyring_house(tmp_path, desk, plaintext) as made:
            async with open_admin(made.data) as admin:
                assert (await admin.status()).secrets.kind == "keyring (Secret Service)"
            # The first thing that goes into a keyring is the witnessed head; a stop writes it.
            made.gateway.terminate()
            assert await made.gateway.ended() == 0
        assert [name.split("/", 1)[1] for name in desk.items()].count("audit-head") == 1
    assert not (tmp_path / "mark").exists()


def keyring_house(tmp_path: Path, desk: Desktop, more: dict[str, str]):
    return house(tmp_path / "h", apart=False, secure=True, **desk.environment, **more)


class Secrets:
    """Everything secret that a run gave out, by name."""

    def __init__(self) -> None:
        self.known: dict[str, bytes] = {}

    def add(self, name: str, value: str) -> None:
        assert len(value) >= 16, name
        self.known[name] = value.encode()

    def found_in(self, where: str, raw: bytes) -> list[str]:
        return [f"{name} in {where}" for name, value in self.known.items() if value in raw]


def files_below(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file())


def processes_of(made: House) -> list[int]:
    """Ours and their children."""
    parents = {program.process.pid for program in made.programs if program.process.returncode is None}
    found = set(parents)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, parent = int(stat.parent.name), int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if parent in parents:
            found.add(pid)
    return sorted(found)


async def test_J11_no_secret_that_a_run_gave_out_lies_around(tmp_path: Path):
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE)
    passphrase.chmod(0o600)
    secrets = Secrets()
    secrets.add("the passphrase", PASSPHRASE)
    base = tmp_path / "h"
    environment = {"FLOWORK_UNLOCK_FILE": str(passphrase), "FLOWORK_GATEWAY_ADMIN_OVER_TCP": "true"}
    async with house(base, apart=True, secure=True, **environment) as made:
        async with signed_in(made.address, made.engine_name) as user:
            secrets.add("an access token", user.api.token)
            job = await user.submit(payload={"output": ["x"], "reply": 1})
            await user.sees(job, JobState.SUCCEEDED)
            async with open_api(made.address, WALLET) as stranger:
                stranger._session.headers["Authorization"] = f"Bearer {user.api.token[:-4]}AAAA"
                with pytest.raises(FloworkError):
                    await stranger.job(job.id)
        async with open_admin(made.data) as admin:
            secrets.add("an engine token", (await admin.add_engine("second")).token)
            await admin.audit_verify(AuditCheck())
            with pytest.raises(FloworkError):
                await admin.add_engine("second")
        secrets.add("the remote engine's token", (made.data / "remote.token").read_text())
        (made.data / "remote.token").unlink()  # the test's own copy
        listener = json.loads((made.data / "run" / "admin.json").read_text())["secret"]
        secrets.add("the admin listener's secret", listener)
        found = []
        for pid in processes_of(made):
            for what in ("cmdline", "environ"):
                found += secrets.found_in(f"/proc/{pid}/{what}", Path(f"/proc/{pid}/{what}").read_bytes())
        assert found == []
        for program in made.programs:
            program.terminate()
        await asyncio.gather(*(program.ended() for program in made.programs))
    sealed = open_sealed(made.data / "secrets.enc", PASSPHRASE)
    for name in sealed.names():
        if name != "audit-head":  # public: two witnesses hold it
            secrets.add(name, sealed.get(name) or "")
    found = []
    for path in files_below(base):
        found += secrets.found_in(str(path.relative_to(base)), path.read_bytes())
    assert found == []


async def test_J11_a_killed_gateway_leaves_only_what_the_listener_needs(tmp_path: Path):
    """After a crash the secret of the dead TCP admin listener is worthless, and nothing else is left."""
    async with house(tmp_path / "h", apart=False) as made:
        async with signed_in(made.address, made.engine_name) as user:
            token = user.api.token.encode()
        made.gateway.kill()
        await made.gateway.ended()
        assert [path for path in files_below(tmp_path / "h") if token in path.read_bytes()] == []
