"""Self-test: does every part of this very program work on this machine? Asked of an installed program, by its packages and by people.

Works on a scratch folder and asks nobody outside; the keyring is written, read and emptied again under a name of its own.
"""

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Final

import gateway.wiring
from app import settings as all_settings
from app.client.admin import open_admin
from app.client.api import ApiClient
from app.client.live import live_events
from app.desktop.keyring_store import open_keyring
from app.services.gui_files import built_gui
from app.services.trial import one_job, owner_at
from contract.jobs import JobDraft
from contract.words import EventName
from gateway.crypto.access_token import ACCESS, USER_SCOPE, Tokens
from gateway.crypto.ethereum import recover_address
from gateway.crypto.signing_keys import ring_of_this_process
from gateway.store.checkup import durability
from kit.files import private_folder
from kit.vault import FolderSecrets, Vault, VaultLocked, VaultUnavailable

DEADLINE_S: Final = 60.0
ENGINE: Final = "self-test"
SIGNED: Final = "Some data"
"""The example of the web3.js manual, `web3.eth.accounts.sign`: message, signature, and the address whose key made it."""
SIGNATURE: Final = (
    "0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c"
)
SIGNER: Final = "0x2c7536e3605d9c16a7a3d7b1898e529396a65c23"


class NotSo(Exception):
    """A part answered, but not what it must; the message says what came."""


@dataclass(frozen=True, slots=True)
class Check:
    """One part, and how it did."""

    name: str
    ok: bool
    said: str
    ms: float


async def timed(name: str, work: Callable[[], Awaitable[str]]) -> Check:
    """Do one check; whatever it raises is its finding."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(DEADLINE_S):
            said, ok = await work(), True
    except TimeoutError:
        said, ok = f"no answer within {DEADLINE_S:.0f} s", False
    except Exception as error:  # noqa: BLE001 - whatever is broken here is what was asked for
        said, ok = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, False
    return Check(name, ok, said, (time.perf_counter() - began) * 1000)


async def self_test() -> list[Check]:
    """Every part that runs without windows."""
    with tempfile.TemporaryDirectory(prefix="flowork-self-test-") as scratch:
        folder = Path(scratch)
        found = [
            await timed("keyring", lambda: asyncio.to_thread(_keyring, folder)),
            await timed("sqlite", lambda: asyncio.to_thread(_sqlite, folder)),
            await timed("signature", lambda: asyncio.to_thread(_signature)),
            await timed("jwt", lambda: asyncio.to_thread(_jwt)),
            await timed("gui", lambda: asyncio.to_thread(_gui)),
        ]
        try:
            async with asyncio.timeout(DEADLINE_S), _user(private_folder(folder / "data")) as user:
                found += [
                    await timed("job", lambda: _job(user, "echo")),
                    await timed("job in a process", lambda: _job(user, "echo-process")),
                    await timed("websocket", lambda: _websocket(user)),
                ]
        except Exception as error:  # noqa: BLE001 - as above
            found.append(Check("gateway", False, f"{type(error).__name__}: {error}", 0.0))
    return found


def _keyring(folder: Path) -> str:
    """A keyring, or the rung below it: a machine without one is in order, and is told so."""
    name, value = f"self-test-{token_hex(4)}", token_hex(16)
    try:
        store = open_keyring(f"self-test-{token_hex(4)}", folder / "keyring.json")
        store.set(name, value)
    except VaultLocked:
        return "the keyring is locked: Flowork will ask you to unlock it"
    except VaultUnavailable as error:
        return f"{error} Flowork will keep its secrets in a passphrase file"
    try:
        read = store.get(name)
    finally:
        store.delete(name)
    if read != value:
        raise NotSo(f"the {store.kind} gave back something else than it was given")
    if store.get(name) is not None:
        raise NotSo(f"the {store.kind} kept what was deleted")
    return f"{store.kind}: written, read, deleted"


def _sqlite(folder: Path) -> str:
    return durability(folder / "scratch.db")


def _signature() -> str:
    found = recover_address(SIGNED, SIGNATURE)
    if found != SIGNER:
        raise NotSo(f"the known signature recovered to {found}")
    return f"a known signature recovered to {found}"


def _jwt() -> str:
    now = int(time.time())
    tokens = Tokens(ACCESS, ring_of_this_process(now, os.urandom), "self-test")
    token, jti = tokens.issue("usr_self", USER_SCOPE, now, os.urandom, sid="ses_self", did="dev_self", cnf={"jkt": "self"})
    if tokens.verify(token, now)["jti"] != jti:
        raise NotSo("a token came back with another id")
    return "an access token signed and verified (EdDSA)"


def _gui() -> str:
    folder = built_gui()
    if folder is None:
        return "no browser GUI came with this program"
    return f"{sum(path.is_file() for path in folder.rglob('*'))} files"


@contextlib.asynccontextmanager
async def _user(data: Path) -> AsyncIterator[ApiClient]:
    """Somebody signed in at a gateway and an engine of this process, that end with it."""
    settings = all_settings.load(data, {"port": 0, "tunnel": False, "audit_heads": data / "audit-heads.log"}, {}, {})
    with contextlib.closing(Vault(FolderSecrets(data / "secrets"))) as vault:
        async with gateway.wiring.running(settings.gateway, vault=vault) as running, open_admin(data) as admin:
            async with owner_at(running, admin, ENGINE, settings.engine, data=data) as api:
                yield api


async def _job(user: ApiClient, kind: str) -> str:
    await one_job(user, ENGINE, kind)
    return "submitted, claimed, run, finished"


async def _websocket(user: ApiClient) -> str:
    async with live_events(user) as arrived:
        job = (await user.submit(JobDraft(engine=ENGINE, kind="echo", payload={}), token_hex(8))).job
        while True:
            event = await arrived.get()
            if event.name is EventName.JOB_UPDATED and event.data.get("id") == job.id:
                return "upgraded, and a live event came over it"
