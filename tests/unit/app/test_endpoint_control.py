"""The endpoint where its secrets are closed, or its way was chosen by hand."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from app.services.endpoint.host import SECRET_HOST, EndpointControl
from app.services.endpoint.tunnels import Around, Cloudflared, Wanted
from app.settings import EndpointSettings
from contract.endpoint import EndpointKind, EndpointState, EndpointView
from kit.clock import SystemClock
from kit.vault import FolderSecrets, Vault, VaultLocked
from tests.support.house import until


class Tries:
    """A cloudflared that never gets as far as a program."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession, kind: EndpointKind, service: str = "http://127.0.0.1:1") -> None:
        self.views: list[EndpointView] = []
        self.asked = 0
        self.around = Around(SystemClock(), lambda: 0.5, session, self._publish, self._expect)
        wanted = Wanted(kind, folder / "absent", "https://a.example", self._token, service, "t-1", folder)
        self.tunnel = Cloudflared(self.around, wanted)
        self.locked = True

    async def _publish(self, origins: tuple[str, ...]) -> None:
        pass

    async def _expect(self, word: str):
        raise AssertionError

    async def _token(self) -> str | None:
        self.asked += 1
        if self.locked:
            raise VaultLocked("closed")
        return "token"


async def test_a_locked_keyring_is_waited_for_and_no_failure(tmp_path: Path):
    async with aiohttp.ClientSession() as session:
        tries = Tries(tmp_path, session, EndpointKind.NAMED)
        task = asyncio.create_task(tries.tunnel.run(tries.views.append))

        async def waits() -> bool:
            return tries.views[-1:] != [] and tries.views[-1].state is EndpointState.DOWN

        await until(waits, "the endpoint to wait for the keyring")
        assert "locked" in tries.views[-1].reason
        tries.locked = False
        tries.tunnel.look()
        await asyncio.wait_for(task, 10)  # it got as far as the program, which is not there
        assert tries.asked >= 2
        assert (tries.views[-1].state, "not installed" in tries.views[-1].reason) == (EndpointState.FAILED, True)


async def test_a_quick_tunnel_to_a_unix_socket_says_what_to_set(tmp_path: Path):
    async with aiohttp.ClientSession() as session:
        tries = Tries(tmp_path, session, EndpointKind.QUICK, "unix:/x/tunnel.sock")
        await asyncio.wait_for(tries.tunnel.run(tries.views.append), 10)
        assert tries.views[-1].state is EndpointState.FAILED
        assert "tunnel_over_tcp" in tries.views[-1].reason


@pytest.fixture
def vault(tmp_path: Path):
    made = Vault(FolderSecrets(tmp_path / "secrets"))
    yield made
    made.close()


async def test_a_way_chosen_in_the_file_alone_keeps_its_secret_host(tmp_path: Path, vault: Vault):
    settings = EndpointSettings(kind=EndpointKind.URL, origin="https://a.example")
    first = await EndpointControl(tmp_path, settings, vault).kept_secret_host()
    assert first is not None
    assert await EndpointControl(tmp_path, settings, vault).kept_secret_host() == first
    assert await EndpointControl(tmp_path, EndpointSettings(kind=EndpointKind.QUICK), vault).kept_secret_host() == first


async def test_without_a_need_no_secret_host_is_made(tmp_path: Path, vault: Vault):
    assert await EndpointControl(tmp_path, EndpointSettings(), vault).kept_secret_host() is None
    assert await vault.get(SECRET_HOST) is None
